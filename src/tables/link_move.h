/*
 * link_move.h
 *		bcdelta.link: moving links to the new keys of their rows.
 */
#ifndef BCD_TABLE_LINK_MOVE_H
#define BCD_TABLE_LINK_MOVE_H

#include "nodes/pg_list.h"

extern void bcd_links_move_set(int32 feed_id, Datum keys, Datum moved_froms, Datum if_linked);
extern void bcd_links_move_statement(int32 feed_id, int64 end);
extern void bcd_links_assign(const char *feed, char **keys, int64 *store_ids, int n);
extern List *bcd_links_keys_in_use(const char *feed, const char *after, int limit);
extern void bcd_links_respell(const char *feed, Datum old, Datum new);

#endif							/* BCD_TABLE_LINK_MOVE_H */
