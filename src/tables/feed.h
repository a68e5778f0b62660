/*
 * feed.h
 *		bcdelta.feed: the definitions of feeds. Their state is in
 *		feed_state.h.
 */
#ifndef BCD_TABLE_FEED_H
#define BCD_TABLE_FEED_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/*
 * A restore fills our tables one by one, in any order, and the worker sees what is
 * there so far.  Feeds come in one transaction, and the sequence of their ids
 * usually afterwards.  So feeds are there if there are some, and the sequence has
 * reached the last one.  If there are none, that may be because the restore of
 * this table has failed, and will be repeated.
 */
#define BCD_FEEDS_ARE_HERE \
	"(SELECT s.is_called AND coalesce((SELECT max(f.feed_id) FROM bcdelta.feed AS f) <= s.last_value, false)" \
	" FROM bcdelta.feed_feed_id_seq AS s)"

/*
 * Are these all?  Feeds may be restored one by one, too.  Those come from another
 * home, and whoever resumes them here does so after the restore.
 */
#define BCD_FEEDS_COMPLETE \
	"(" BCD_FEEDS_ARE_HERE " AND NOT EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.home <> bcdelta.home()))"

/* A row of the table; NULL stands for null */
typedef struct BcdFeedRow
{
	int32		feed_id;
	char	   *feed;
	Oid			source;
	char	   *server;
	char	   *resource;
	Jsonb	   *fields;
	char	   *on_delete;
	Jsonb	   *options;
	Oid			owner;
	char	   *state;
	char	   *paused_reason;
	char	   *home;
	Datum		key;			/* name[] */
	char	   *capture;
	char	   *filter;
	int32		version;
	Datum		key_types;		/* regtype[] */
	char	   *store;
	bool		has_links;		/* or may have created records that are not
								 * linked yet */
	Datum		merged;			/* text[] */
	bool		adjusted;		/* fields of some rows may be adjusted */
	char	   *on_conflict;
	Jsonb	   *policies;
	bool		disputed;		/* there are current conflicts */
	char	   *authority;		/* who owns the records at the present stage,
								 * which outranks on_conflict and policies */
	Jsonb	   *authorities;	/* the same of fields */
} BcdFeedRow;

/* A feed to be created */
typedef struct BcdNewFeed
{
	const char *feed;
	Oid			source;
	const char *server;
	const char *resource;
	Datum		key;			/* name[] */
	Jsonb	   *fields;
	const char *capture;
	const char *on_delete;
	const char *on_conflict;
	Jsonb	   *options;
	Oid			owner;
	const char *home;
	const char *filter;			/* NULL: none */
} BcdNewFeed;

/* What alter_feed() sets; NULL leaves a value as it is */
typedef struct BcdFeedChange
{
	Jsonb	   *fields;
	bool		sets_filter;
	const char *filter;			/* NULL when it is set: removes the filter */
	const char *on_delete;
	const char *on_conflict;
	Jsonb	   *options;
} BcdFeedChange;

/* A row of a feed, and what will happen to it; NULL: there is no such row */
typedef struct BcdFeedPlace
{
	char	   *feed_state;
	bool		filtered;		/* the feed has a filter */
	bool		linked;
	char	   *state;			/* pending.state */
	char	   *waits_feed;
	char	   *waits_key;
} BcdFeedPlace;

extern bool bcd_feed_row_read(const char *feed, BcdFeedRow *row);
extern bool bcd_feed_row_insert(const BcdNewFeed *feed);
extern bool bcd_feed_row_update(int32 feed_id, int32 version, const BcdFeedChange *change, bool *differs,
								Jsonb **detail);
extern Jsonb *bcd_feed_set_policy(const char *feed, const char *field, const char *policy);
extern Jsonb *bcd_feed_definition(const char *feed);
extern void bcd_feed_row_delete(const char *feed);
extern void bcd_feed_set_key_types(const char *feed, Datum key_types);

extern void bcd_feed_is_new_version(int32 feed_id);
extern bool bcd_feed_is_current(int32 feed_id, int32 version);
extern bool bcd_feed_is_altered(int32 feed_id, int32 version);
extern char *bcd_feed_server(const char *feed);
extern bool bcd_feed_may_be_read(const char *feed, Oid role);

extern void bcd_feed_place(const char *feed, const char *key, BcdFeedPlace *place);

extern bool bcd_feeds_are_all(const char *server, const char *resource, Datum feeds);
extern List *bcd_feeds_of(const char *server, const char *feed);
extern List *bcd_feed_servers(Oid role);
extern List *bcd_feeds_lock(Datum feed_ids);
extern List *bcd_feeds_known(Datum feed_ids);
extern bool bcd_feeds_are_complete(void);
extern int64 bcd_feeds_hash(void);
extern List *bcd_feeds_moving(void);

#endif							/* BCD_TABLE_FEED_H */
