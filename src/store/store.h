/*
 * store.h
 *		Stores: options of their servers, credentials, rights.
 */
#ifndef BCD_STORE_H
#define BCD_STORE_H

/* A server's options with the defaults filled in; in the caller's context */
typedef struct BcdStoreOptions
{
	Oid			serverid;
	char	   *server;
	char	   *base_url;		/* <api_url>/stores/<store_hash> */
	char	   *identity;		/* identifies the store regardless of how its
								 * address is written */
	double		quota_share;
	double		read_share;		/* most of that for foreign tables while
								 * something is pushed */
	int			max_concurrency;
	long		timeout_ms;
	int			max_attempts;
	int			error_limit;
	char	   *ca_file;
	bool		loopback;
} BcdStoreOptions;

extern Oid	bcd_store_check(const char *server, Oid userid);
extern BcdStoreOptions *bcd_store_options(Oid serverid);
extern char *bcd_store_token(Oid serverid, Oid userid);
extern void bcd_store_check_all(Oid userid, const char *what);
extern char *bcd_store_only_one(Oid userid, const char *hint);

#endif							/* BCD_STORE_H */
