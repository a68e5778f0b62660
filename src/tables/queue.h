/*
 * queue.h
 *		The statements on bcdelta.pending (queue.c) and bcdelta.link (linked.c),
 *		but for those that record decisions.
 */
#ifndef BCD_QUEUE_H
#define BCD_QUEUE_H

#include "engine/engine.h"

/*
 * The rows behind the last key seen, $2; null: all, the first of which may
 * have the empty string for its key.
 */
#define BEHIND_CURSOR	"key >= coalesce($2, '') AND key IS DISTINCT FROM $2"

extern List *bcd_queue_claim(BcdLane *lane, int64 limit, MemoryContext cxt);
extern void bcd_queue_claimed(BcdLane *lane, const char *last_key);
extern void bcd_queue_recover(const BcdRun *run);
extern void bcd_queue_release(BcdRun *run);
extern int64 bcd_ms_until(TimestampTz at);
extern int64 bcd_queue_wake(BcdRun *run, int64 *next_ms);
extern bool bcd_queue_has_ready(BcdRun *run);
extern int64 bcd_queue_count(BcdRun *run, const char *state);
extern int64 bcd_queue_count_old(BcdRun *run, int64 most);
extern void bcd_queue_expect(BcdRun *run);
extern bool bcd_queue_exceeds(const char *feed, int64 limit);
extern int64 bcd_queue_retry(const char *feed, const char *server, bool waiting);
extern bool bcd_queue_revive(const char *feed, const char *key);
extern bool bcd_queue_is_in_flight(const char *feed, const char *key);
extern bool bcd_queue_is_in_progress(const char *feed, const char *key);
extern bool bcd_queue_is_pending(const char *feed, const char *key);

/* linked.c */
extern char *bcd_queue_linked_key(const char *feed, int64 store_id);
extern bool bcd_queue_other_row(const BcdFeed *feed, int64 store_id, char **other_feed, char **key);
extern char *bcd_queue_other_owner(const BcdFeed *feed, int64 store_id);
extern void bcd_queue_link_of(BcdLane *lane, BcdItem *item);
extern List *bcd_queue_links(BcdLane *lane, bool sample, int64 limit, MemoryContext cxt);
extern bool bcd_queue_is_linked(const BcdFeed *feed, int64 store_id);

#endif							/* BCD_QUEUE_H */
