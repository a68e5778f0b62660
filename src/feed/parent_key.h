/*
 * parent_key.h
 *		Checks whether columns of a child table hold the key of a feed's rows.
 */
#ifndef BCD_PARENT_KEY_H
#define BCD_PARENT_KEY_H

#include "nodes/pg_list.h"

#include "feed/feed.h"

extern char *bcd_name_text(List *names);
extern void bcd_parent_key_warn(const BcdFeed *feed, Oid child, List *parent_key);
extern void bcd_parent_key_advise(const BcdFeed *feed, Oid child, List *parent_key);
extern void bcd_parent_key_check(const BcdFeed *feed, Oid child, List *parent_key);

#endif							/* BCD_PARENT_KEY_H */
