/*
 * pending_mark.h
 *		bcdelta.pending: marking rows that have to be pushed.
 */
#ifndef BCD_TABLE_PENDING_MARK_H
#define BCD_TABLE_PENDING_MARK_H

#include "datatype/timestamp.h"

/* rows given by their keys */
extern void bcd_pending_mark(Datum feeds, Datum keys);
extern void bcd_pending_mark_changed(Datum feed_ids, Datum keys, Datum changed_ats, Datum captured, bool moves_exist);
extern void bcd_pending_mark_found(const char *feed, int32 feed_id, Datum keys, Datum changed_ats);
extern void bcd_pending_mark_moved(int32 feed_id, Datum keys, Datum changed_ats);
extern void bcd_pending_mark_displaced(const char *feed, Datum keys);

/* rows found by their properties */
extern void bcd_pending_mark_moves(int32 feed_id, int64 end);
extern void bcd_pending_mark_known(int32 feed_id, TimestampTz changed_at);
extern void bcd_pending_mark_without_key(int32 feed_id, TimestampTz changed_at);
extern int64 bcd_pending_mark_lookups(int32 dependency_id);
extern void bcd_pending_mark_referrers(const char *server, Datum fields, Datum hashes);
extern void bcd_pending_take_over_at(const char *feed, const char *key, const char *address);
extern void bcd_pending_take_over(const char *feed, const char *key, int64 store_id);
extern void bcd_pending_respell(const char *feed, Datum old, Datum new);

#endif							/* BCD_TABLE_PENDING_MARK_H */
