/*
 * link_ids.h
 *		bcdelta.link: the ids of all records that are linked.
 */
#ifndef BCD_TABLE_LINK_IDS_H
#define BCD_TABLE_LINK_IDS_H

#include "datatype/timestamp.h"

extern int64 *bcd_link_ids(const char *server, const char *resource, const char *store, int64 run_id, int *n);
extern bool bcd_link_pushed_since(const char *feed, const char *key, TimestampTz since);

#endif							/* BCD_TABLE_LINK_IDS_H */
