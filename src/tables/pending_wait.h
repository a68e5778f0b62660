/*
 * pending_wait.h
 *		bcdelta.pending: rows that wait, and what makes them ready.
 */
#ifndef BCD_TABLE_PENDING_WAIT_H
#define BCD_TABLE_PENDING_WAIT_H

extern int64 bcd_pending_wake(Datum feeds, int64 *next_ms);
extern int64 bcd_pending_wake_early(const char *feed, const char *trouble, int64 limit, int64 *next_ms);
extern int64 bcd_pending_retry(const char *feed, const char *server, bool waiting);
extern bool bcd_pending_revive(const char *feed, const char *key);
extern bool bcd_pending_is_waited_for(const char *feed, const char *key);
extern bool bcd_pending_waits_for(const char *feed, const char *key, char **other_feed, char **other_key);
extern void bcd_pending_note_attempts(const char *feed, Datum keys, Datum reasons);

extern int64 bcd_pending_first_moving(int32 feed_id);
extern void bcd_pending_wake_moving(int32 feed_id);
extern void bcd_pending_free_moved(int32 feed_id, Datum keys);
extern void bcd_pending_free_moves(int32 feed_id, int64 end);

#endif							/* BCD_TABLE_PENDING_WAIT_H */
