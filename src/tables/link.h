/*
 * link.h
 *		bcdelta.link: which rows are linked to which records, and links made
 *		by hand.
 */
#ifndef BCD_TABLE_LINK_H
#define BCD_TABLE_LINK_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

/*
 * Rows whose keys follow the last key seen, $2. If that is null these are all
 * rows, the first of which may have an empty key.
 */
#define BCD_BEHIND_KEY	"key >= coalesce($2, '') AND key IS DISTINCT FROM $2"

typedef struct BcdLinkRow
{
	int64		store_id;		/* 0: the record has no id */
	Jsonb	   *payload;
	Jsonb	   *remembered;
	Jsonb	   *aside;
	Jsonb	   *doubt;
	Jsonb	   *sent;
	Jsonb	   *found;			/* set by bcd_link_read_ahead() only */
	char	   *address;
} BcdLinkRow;

extern List *bcd_link_keys(const char *feed);
extern char *bcd_link_key(const char *feed, int64 store_id);
extern bool bcd_link_read(const char *feed, const char *key, BcdLinkRow *link);
extern bool bcd_link_other_row(const char *feed, const BcdResource *resource, int64 store_id,
							   char **other_feed, char **key);
extern char *bcd_link_other_owner(const char *feed, const BcdResource *resource, int64 store_id);
extern char *bcd_link_owner_elsewhere(const char *feed, const BcdResource *resource, const char *address);
extern uint64 bcd_links_at(const char *feed, char *const *addresses, int n);
extern char *bcd_link_text(const char *server, const BcdResource *resource, const char *store, int64 store_id, const char *field);
extern bool bcd_link_exists(const char *server, const BcdResource *resource, const char *store,
							int64 store_id);
extern uint64 bcd_links_select(const char *feed, const char *after, bool sample, int64 limit);
extern uint64 bcd_links_of(const char *feed, List *keys);
extern char *bcd_links_key(uint64 i);
extern void bcd_links_read(uint64 i, BcdLinkRow *link);
extern List *bcd_links_aside(const char *feed);
extern List *bcd_links_hidden(const char *feed, const BcdResource *resource);
extern int64 bcd_link_referred_to(const char *feed, const char *key, const char *store);
extern bool bcd_link_read_ahead(const char *feed, int32 feed_id, const char *key, bool moved_here,
								BcdLinkRow *link);

extern char *bcd_link_key_but(const char *feed, int64 store_id, const char *key);
extern int64 bcd_link_id_but(const char *feed, const char *key, int64 store_id);
extern void bcd_link_put(const char *feed, const char *key, int64 store_id);
extern char *bcd_link_delete(const char *feed, const char *key, int64 *store_id);
extern uint64 bcd_links_delete(const char *feed);
extern void bcd_link_forget_field(const char *feed, const char *key, const char *field);
extern void bcd_links_forget_field(const char *feed, const char *field);
extern void bcd_links_forget_shown(const char *feed, const BcdResource *resource);
extern void bcd_links_forget_hidden(const char *feed, const char *hidden_by, Datum keys);

#endif							/* BCD_TABLE_LINK_H */
