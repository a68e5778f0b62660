/*
 * link_write.h
 *		bcdelta.link: links that runs create, change and remove.
 */
#ifndef BCD_TABLE_LINK_WRITE_H
#define BCD_TABLE_LINK_WRITE_H

#include "utils/jsonb.h"

#include "resource/resource.h"

/* A row that is linked to a record */
typedef struct BcdLinkWrite
{
	const char *key;
	int64		store_id;		/* 0: the record has none, but an address */
	const char *address;		/* NULL: it is the id */
	Jsonb	   *payload;		/* NULL: not known */
	bool		linked;			/* the row had this link before */
	bool		written;		/* the store has confirmed a write */
	bool		back;			/* values given up temporarily are back in
								 * place */
} BcdLinkWrite;

extern void bcd_links_put(const char *feed, const BcdLinkWrite *links, int n, Datum references);
extern void bcd_links_found(const char *feed, Datum keys, Datum founds);
extern void bcd_link_forget_fields(const char *feed, const char *key, Datum fields, Jsonb *sent);
extern void bcd_link_forget_payload(const char *feed, const char *key, const BcdResource *resource);
extern void bcd_link_know_field(const char *feed, const char *key, const char *field, Jsonb *value);
extern void bcd_link_hide(const char *feed, const char *key, const char *hidden_by);
extern void bcd_link_put_aside(const char *feed, const char *key, Jsonb *aside);
extern void bcd_links_forget_in_flight(Datum feeds, const BcdResource *resource);
extern void bcd_link_remove(const char *feed, const char *key);

#endif							/* BCD_TABLE_LINK_WRITE_H */
