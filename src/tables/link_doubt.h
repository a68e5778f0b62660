/*
 * link_doubt.h
 *		bcdelta.link: adjustments whose outcome is not known.
 */
#ifndef BCD_TABLE_LINK_DOUBT_H
#define BCD_TABLE_LINK_DOUBT_H

#include "nodes/pg_list.h"

extern uint64 bcd_links_doubt(const char *feed, Datum keys, Datum doubts);
extern void bcd_links_trust(const char *feed, Datum keys);
extern List *bcd_links_settle(const char *feed, const char *key, bool done);

#endif							/* BCD_TABLE_LINK_DOUBT_H */
