/*
 * store_identity.h
 *		Identifies the store that a server leads to.
 */
#ifndef BCD_STORE_IDENTITY_H
#define BCD_STORE_IDENTITY_H

#define BCD_DEFAULT_API_URL	"https://api.bigcommerce.com"

extern char *bcd_store_identity(const char *api_url, const char *store_hash);
extern char *bcd_server_identity(const char *server);

#endif							/* BCD_STORE_IDENTITY_H */
