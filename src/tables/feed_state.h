/*
 * feed_state.h
 *		bcdelta.feed: whether feeds are pushed, from where, and to which store.
 */
#ifndef BCD_TABLE_FEED_STATE_H
#define BCD_TABLE_FEED_STATE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

typedef struct BcdFeedState
{
	char	   *feed;
	char	   *server;
	char	   *home;
	char	   *store;			/* NULL: not known yet */
	bool		active;
	char	   *paused_reason;	/* empty if there is none */
} BcdFeedState;

extern List *bcd_feed_states(void);
extern char *bcd_feed_halted(int32 feed_id);
extern char *bcd_feeds_paused(const char *server, char **reasons);
extern List *bcd_feeds_paused_by(const char *server, const char *prefix, List **reasons);

extern void bcd_feed_pause(const char *feed, const char *reason);
extern void bcd_feeds_pause_also(Datum feeds, const char *reason);
extern void bcd_feed_pause_id(int32 feed_id, const char *reason);
extern bool bcd_feed_pause_for_key(int32 feed_id, TimestampTz since);
extern bool bcd_feed_pause_for_parent_key(int32 feed_id, int32 dependency_id, TimestampTz since);
extern void bcd_feed_stop(const char *feed, const char *reason);
extern bool bcd_feed_go_on(const char *feed, const char *paused_reason);
extern bool bcd_feed_resume(const char *feed, const char *home, const char *store);

extern bool bcd_feed_is(int32 feed_id, const char *store);
extern void bcd_feed_settle_in(const char *feed, const char *store);
extern void bcd_feed_forget_store(const char *feed, const char *paused_reason);
extern void bcd_feed_merge_facet(const char *feed, const char *facet, const char *reason);

extern List *bcd_feed_homes(const char *but);
extern void bcd_feed_set_home(const char *feed, const char *home);
extern void bcd_feeds_move_home(const char *from, const char *to);
extern List *bcd_feeds_disown(void);
extern bool bcd_feed_any_of(const char *server, Datum resources);
extern void bcd_feed_row_lock(const char *feed);

#endif							/* BCD_TABLE_FEED_STATE_H */
