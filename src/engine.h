/*
 * engine.h
 *		The engine that every run goes through: items, stages, jobs, runs.
 *
 * An item is one source row on its way through a run.  It waits in the queue
 * of a stage of its lane (a lane is a feed in a run) until plan.c makes a job
 * of it and its neighbours: one request.  The reply's reader (settle.c,
 * lookup.c) writes a decision into each item; the decisions are committed
 * together, and only then do the items leave or move to their next stage.
 * So whatever fails in between can be done again.
 *
 *     claim -> LOOKUP -> READ -> TURN -> CREATE | UPDATE -> decided
 *     claim -> RECHECK -> UPDATE | REMOVE -> decided		(the row is gone)
 */
#ifndef BCD_ENGINE_H
#define BCD_ENGINE_H

#include <cjson/cJSON.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "feed.h"
#include "http.h"
#include "keylist.h"
#include "luck.h"
#include "paging.h"
#include "quota.h"
#include "shmem.h"
#include "slots.h"
#include "store.h"

typedef enum BcdStage
{
	BCD_LOOKUP,					/* find the record by its natural key */
	BCD_READ,					/* read the record by its id */
	BCD_RECHECK,				/* the row is gone: is the record still its? */
	BCD_TURN,					/* wait until no other record has what is to
								 * be written, and must be unique */
	BCD_CREATE,
	BCD_UPDATE,
	BCD_REMOVE,
	BCD_STAGES
} BcdStage;

typedef enum BcdOutcome
{
	BCD_NO_OUTCOME,				/* nothing to tell yet */
	BCD_CREATED,
	BCD_UPDATED,
	BCD_DELETED,
	BCD_HIDDEN,
	BCD_LINKED,
	BCD_UNCHANGED,
	BCD_FAILED,
	BCD_RETRY,
	BCD_DEFERRED,
	BCD_INVALID
} BcdOutcome;

typedef enum BcdLinkAction
{
	BCD_LINK_KEEP,
	BCD_LINK_PUT,				/* to store_id, with the payload in known */
	BCD_LINK_FORGET,			/* it is not known any more what the store
								 * holds */
	BCD_LINK_HIDING,			/* the record is about to be hidden */
	BCD_LINK_ASIDE,				/* or to give up for a moment what is in aside */
	BCD_LINK_REMOVE
} BcdLinkAction;

typedef enum BcdPendingAction
{
	BCD_PENDING_KEEP,			/* still in flight, or not ours to touch */
	BCD_PENDING_DONE,
	BCD_PENDING_WAIT,			/* until delay_ms from now */
	BCD_PENDING_DEFER,
	BCD_PENDING_FAIL,
	BCD_PENDING_READY
} BcdPendingAction;

/* Rows are read for about so long at a time; a claim ends early after more */
#define BCD_CLAIM_MS	200
#define BCD_CLAIM_MAX_MS	1000

/* Items of a lane in memory: how many, and how large they may be together */
#define BCD_LANE_ITEMS	1000
#define BCD_LANE_BYTES	(16 * 1024 * 1024)

/* What is to become of an item; written by the readers of replies */
typedef struct BcdDecision
{
	bool		made;
	bool		leaves;			/* the item leaves the run */
	bool		postponed;		/* to the next claim: not looked at yet */
	BcdStage	next;			/* else its next stage */
	bool		clashes;		/* after a refusal: error and status tell */
	bool		attempted;		/* and counts as one attempt more */
	BcdOutcome	outcome;
	BcdLinkAction link;
	BcdPendingAction pending;
	int64		delay_ms;
	const char *trouble;		/* the endpoint that had trouble, if it was
								 * not the row's own: see early.c */
	int64		early_ms;		/* then: it may come back after that */
	int			status;			/* HTTP status, 0: none */
	int			conflicts;		/* differences recorded */
	int64		gone_id;		/* a record that is not there any more, or is
								 * about to go */
	char	   *error;
	char		request_id[64];
	Jsonb	   *sought;			/* the key of a create that is about to be
								 * sent */
	bool		unsought;		/* that create was not done, or is accounted
								 * for */
	Jsonb	   *aside;			/* of BCD_LINK_ASIDE: what the record has now */
	bool		back;			/* the record has what it had given up, or
								 * something better */
} BcdDecision;

typedef struct BcdItem
{
	dlist_node	node;
	struct BcdLane *lane;		/* of its feed; it may travel with another,
								 * see plan.c */
	MemoryContext cxt;			/* of everything below, and of the item */
	Size		bytes;			/* of cxt, when the item last moved */
	char	   *key;
	int64		store_id;		/* 0: not linked */
	bool		linked;			/* to it, when that was last looked at */
	Jsonb	   *wanted;			/* the row's payload; NULL: the row is gone */
	Jsonb	   *known;			/* what the store is known to hold, or NULL */
	Jsonb	   *remembered;		/* what it was known to hold before that was
								 * forgotten, or NULL: see dropped.c */
	Jsonb	   *body;			/* the fields that the next request sends */
	char	   *natural;		/* its natural key, and which one that is */
	int			natural_index;
	Jsonb	   *sought;			/* natural key of a create of unknown fate, or
								 * NULL: see seek.c */
	bool		seeking;		/* it is being looked up by that key */
	bool		further;		/* or by one that a duplicate may be of */
	bool		moving;			/* a link is about to come or go: nothing but
								 * that */
	int			attempts;		/* requests for it that came to nothing */
	int			group;			/* most items in a request with this one */
	bool		looked_up;		/* in this claim: it is not in the store */
	bool		unsure;			/* an update may have been done in part: known
								 * is not what the link may go on saying */
	char	   *waits_feed;		/* of a deferred item */
	char	   *waits_key;
	bool		clashed;		/* a write was refused: looked at again */
	char	   *refusal;		/* and what the store said of it */
	int			refusal_status;
	int64		own_id;			/* of a refused update: the record it was for */
	bool		stale;			/* its row was read with a mapping that is no
								 * more, or refers to a record that is not */
	int			clashes;		/* duplicates of it that were looked up */
	bool		reread;			/* its record was read, as others of a batch
								 * were, to find the duplicate */
	bool		follows;		/* in a request with the item before it, which
								 * leaves what this one takes */
	Jsonb	   *aside;			/* what its record has given up: see aside.c */
	bool		interim;		/* the next update gives up a natural key, so
								 * that another row can have it */
	bool		restores;		/* the next update puts that back, and then */
	BcdDecision *fate;			/* this becomes of the item */
	bool		identifies;		/* or it writes what others wait for, and no
								 * more */
	bool		unrestored;		/* the store has not taken that */
	bool		asked;			/* the record of a row that is gone is to let
								 * go of what this one wants */
	bool		lets_go;		/* that is what this one is for */
	bool		travels;		/* to the lane of the row that it waits for */
	BcdDecision decision;
} BcdItem;

/* A feed in a run, with the items that wait and the requests that fly there */
typedef struct BcdLane
{
	struct BcdRun *run;
	MemoryContext cxt;
	BcdFeed    *feed;
	BcdFeed    *identity;		/* what its records are found by (link), or
								 * NULL */
	char	   *token;
	BcdHttpTarget target;
	dlist_head	fresh;			/* items of a claim that is not committed */
	dlist_head	queue[BCD_STAGES];
	int			queued[BCD_STAGES];
	int			flying[BCD_STAGES]; /* jobs in flight or unsettled, by stage */
	int			in_flight;		/* their sum */
	int			items;			/* items queued and in flight */
	Size		bytes;			/* of them, as far as they have moved */
	bool		cramped;		/* no batch will be full: send what there is */
	bool		exhausted;		/* no more items will be claimed */
	bool		stopped;		/* paused or broken */
	bool		altered;		/* its feed has to be read again: reload.c */
	bool		lost;			/* nothing of it is recorded any more: its
								 * links were forgotten, or the feed */
	bool		freed;			/* a link was made that deferred rows waited
								 * for */
	char	   *cursor;			/* key of the last item claimed */
	int64		outcomes[BCD_INVALID + 1];	/* of this pass */
	int			failures;		/* claims in a row that failed */
	int			overtime;		/* rows in a row that took too long to read */
	int			held_up;		/* rows of this round that could not be read */
	bool		passed_over;	/* the cursor began this round behind some */
	char	   *held_reason;	/* of the last of them */
	int			claim_rows;		/* rows of the next claim */
	int			refused;		/* records refused in a row */
	int			lookups;		/* single look-ups made */
	int			troubles;		/* failures in a row of requests without items */
	bool		troubled;		/* the last of them, before it is committed */
	struct BcdIndex *index;		/* the store's list, read once (index.c) */
	struct BcdJob *extra;		/* a job of no items in flight, or NULL */
	int64		tree_id;		/* the store's default tree, once known */
	int			phase;			/* of a verify */
	BcdKeyList *keys;			/* the source's keys (link, verify) */
	int64		after;			/* id or page from which to go on (verify) */
	int64		seen;			/* records read (verify) */
	BcdPaging	paging;			/* of the store's list (verify) */
	int64		moved;			/* items that went from stage to stage */
	int64		looked_at;		/* moved, when turns were last given */
	bool		was_full;		/* and whether no more items could come */
	bool		in_turns;		/* items wait for each other: none leaves for
								 * another lane */
} BcdLane;

typedef struct BcdRunCounts
{
	int64		created;
	int64		updated;
	int64		deleted;
	int64		hidden;
	int64		linked;
	int64		unchanged;
	int64		deferred;
	int64		conflicts;
	int64		failed;
	int64		api_calls;
	int64		throttled;
} BcdRunCounts;

typedef struct BcdRun BcdRun;

/* What makes a push a push */
typedef struct BcdRunKind
{
	const char *name;			/* run.kind */
	bool		claims;			/* rows of bcdelta.pending */
	bool		results;		/* a result for every row */

	/*
	 * The next items, each with a decision, or NIL when there are no more; in
	 * a transaction.  The list is in the context given.
	 */
	List	   *(*claim) (BcdRun *run, BcdLane *lane, MemoryContext cxt);

	/*
	 * store_id 0: there is no such record; record NULL: its fields were not
	 * read
	 */
	void		(*decide_lookup) (BcdItem *item, int64 store_id,
								  const cJSON *record);
	void		(*decide_read) (BcdItem *item, const cJSON *record);
	void		(*decide_recheck) (BcdItem *item);
	/* a request of no items, or NULL */
	struct BcdJob *(*plan) (BcdRun *run, BcdLane *lane);
	/* is there one to be planned now or, should the quota forbid it, later? */
	bool		(*asks) (const BcdLane *lane);
	/* when a lane has nothing left to do: true if it goes on all the same */
	bool		(*lane_done) (BcdRun *run, BcdLane *lane);
} BcdRunKind;

/* A record that the run has removed */
typedef struct BcdRemoval
{
	const BcdResource *resource;
	int64		store_id;
} BcdRemoval;

/* So many of them are kept, for the requests that were under way by then */
#define BCD_REMOVALS	1000

struct BcdRun
{
	dlist_node	node;			/* of the worker's active runs */
	MemoryContext cxt;
	const BcdRunKind *kind;
	int64		run_id;
	char	   *feed;			/* NULL: all of the server */
	char	   *mode;
	int			sample;
	int64		max_rows;		/* 0: all */
	int64		claimed;
	bool		waited;
	struct BcdStore *store;
	BcdLane   **lanes;
	int			nlanes;
	int			current;		/* lane at work */
	TimestampTz began;
	int			extra_rounds;	/* for rows that changed during the run */
	int64		done_by_round;	/* rows that were done by the last round */
	double		spread;			/* of back-offs, in [0,1): one for all rows,
								 * so that they come back together */
	bool		progressed;		/* a link was made that deferred rows waited
								 * for */
	List	   *late;			/* feeds whose source was locked at the start */
	int			held_rounds;	/* in a row, with rows or feeds held up */
	int64		held_since;		/* monotonic ms */
	int64		saved_at;		/* monotonic ms: totals were written to the
								 * table */
	int64		wake_at;		/* monotonic ms: nothing to do before */
	bool		resting;		/* but for rows that become ready */
	bool		cancelled;
	char	   *cancel_reason;	/* by whom, or why */
	int64		cancel_deadline;
	bool		restoring;		/* what records have given up is put back */
	bool		strict;			/* the store checks a batch before it writes
								 * any of it */
	char	   *error;			/* the run has failed: it ends now */
	char	   *complaint;		/* a feed was stopped: it ends as failed */
	char	   *warning;		/* feeds were left out: it ends well */
	bool		gave_up;		/* on items whose records may have been
								 * written to */
	BcdRunCounts counts;
	int64		removals;		/* records removed, and the last of them: */
	BcdRemoval	removed[BCD_REMOVALS];
	int			in_flight;		/* jobs */
	dlist_head	jobs;			/* whose requests are under way */
	dlist_head	unsettled;		/* replies whose decisions are not committed */
	BcdProgress progress;
};

/* One request and the items it is for */
typedef struct BcdJob
{
	dlist_node	node;
	BcdRun	   *run;
	BcdLane    *lane;
	BcdStage	stage;

	/*
	 * reads a good reply, in a transaction; called again, with the items as
	 * they were, when that fails
	 */
	void		(*read) (struct BcdJob *job, const cJSON *reply);
	/* what read() found is taken over once it is committed */
	void		(*taken) (struct BcdJob *job);
	int64		found[2];		/* read()'s, for taken() */
	BcdPage		page;			/* of a list, likewise */
	const char *doubt;			/* why what is not in a list may be there all
								 * the same; NULL: it is not there */
	dlist_head	items;
	int			nitems;
	bool		probe;			/* asks only whether the store is there */
	int64		removals;		/* the run's, when the job was made */
	int			limit;			/* most records in a request, by then */
	BcdHttpRequest *request;
	BcdTicket	ticket;			/* of its start */
	int			nth;			/* so many were at the endpoint then */
	cJSON	   *reply;
	int64		settle_at;		/* monotonic ms: not before, after a failure */
	int			settle_failures;
} BcdJob;

/* What an endpoint takes, as far as it refused more */
typedef struct BcdLearned
{
	BcdBatch	batch;
	BcdSlots	slots;
	BcdLuck		luck;
} BcdLearned;

/* A store that the worker talks to; lives as long as the worker */
typedef struct BcdStore
{
	dlist_node	node;
	Oid			serverid;
	char	   *identity;		/* of the store that the rest was learned of */
	BcdStoreOptions *options;
	MemoryContext cxt;
	BcdQuota	quota;
	BcdRun	   *run;			/* the one active run */
	int			lock_failures;	/* starts of a link or verify that met a
								 * locked source */
	BcdLearned	learned[BCD_MAX_RESOURCES][BCD_STAGES];
	char		trouble[BCD_NAME_BYTES];
	char		failure[BCD_NAME_BYTES];	/* of its last request, or empty */
} BcdStore;

/* The worker's active runs and its stores */
typedef struct BcdEngine
{
	dlist_head	runs;
	dlist_head	stores;
	bool		requested;		/* bcdelta.run may have some to start */
	void		(*finished) (int64 run_id); /* tells the worker */
	bool		(*awaited) (int64 run_id);	/* does a session wait for it? */
} BcdEngine;

extern BcdEngine bcd_engine;

/* start.c */
extern BcdFeed *bcd_run_feed(const BcdRun *run, const char *name);
extern void bcd_run_begin(int64 run_id);
extern void bcd_run_add_late(BcdRun *run);
extern void bcd_fold_all(void);

/* reload.c */
extern void bcd_item_expire(BcdItem *item, bool may_be_written);
extern void bcd_lanes_reload(BcdRun *run);

/* run.c */
extern void bcd_engine_init(void);
extern BcdRun *bcd_run_find(int64 run_id);
extern int64 bcd_run_step(BcdRun *run, int64 now);
extern void bcd_run_replied(BcdJob *job);
extern void bcd_run_cancel(BcdRun *run, const char *reason);
extern void bcd_run_drop(BcdRun *run);

/* round.c */
extern int64 bcd_advance(BcdRun *run, int64 now);

/* claim.c */
extern void bcd_refill(BcdRun *run, BcdLane *lane);

/* item.c */
extern BcdItem *bcd_item_create(BcdLane *lane, const char *key);
extern List *bcd_items_of_source(BcdRun *run, BcdLane *lane, MemoryContext cxt,
								 void (*decide) (BcdLane *lane, BcdItem *item));
extern int	bcd_item_group(const BcdLane *lane, int attempts);
extern void bcd_item_free(BcdLane *lane, BcdItem *item);
extern void bcd_item_give_up(BcdLane *lane, BcdItem *item);
extern void bcd_item_queue(BcdLane *lane, BcdItem *item, BcdStage stage);
extern void bcd_item_first(BcdLane *lane, BcdItem *item, BcdStage stage);
extern BcdItem *bcd_item_pop(BcdLane *lane, BcdStage stage);
extern void bcd_item_wants_record(BcdItem *item);
extern void bcd_item_wants_create(BcdItem *item);
extern void bcd_item_wants_write(BcdItem *item);
extern bool bcd_item_claims_key(const BcdItem *item);
extern void bcd_decide_done(BcdItem *item, BcdOutcome outcome, BcdLinkAction link);
extern void bcd_decide_failed(BcdItem *item, BcdOutcome outcome, char *error);
extern void bcd_decide_taken(BcdItem *item, int64 store_id, const char *other);
extern void bcd_decide_wait(BcdItem *item, int64 delay_ms, char *error);
extern void bcd_decide_stage(BcdItem *item, BcdStage stage);
extern void bcd_record_removed(BcdItem *item);
extern bool bcd_record_was_removed(const BcdLane *lane, int64 store_id, int64 since);
extern bool bcd_record_is_written(BcdLane *lane, int64 store_id, BcdStage from);
extern void bcd_item_hand_over(BcdLane *from, BcdLane *to, BcdItem *item, BcdStage stage);
extern void bcd_item_move(BcdLane *lane, BcdItem *item, int stage);
extern const char *bcd_outcome_name(BcdOutcome outcome);
extern void bcd_count_outcome(BcdRun *run, BcdOutcome outcome);

/* lane.c */
extern BcdLane *bcd_run_lane(const BcdRun *run, const char *feed);
extern bool bcd_lane_has_room(const BcdLane *lane);
extern BcdLane *bcd_lane_heir(const BcdLane *lane);
extern int64 bcd_lane_delay(BcdLane *lane, int64 now);
extern void bcd_lane_empty(BcdLane *lane, const BcdLane *owner);
extern void bcd_lane_stop(BcdLane *lane, const char *reason);
extern char *bcd_lane_hold(BcdLane *lane);
extern void bcd_runs_look(void);
extern void bcd_lanes_went_well(BcdRun *run);

/* held.c */
extern void bcd_lane_held_up(BcdLane *lane, int rows, const char *reason);
extern bool bcd_lane_rests(const BcdLane *lane);
extern bool bcd_lane_is_held_up(const BcdLane *lane);
extern int64 bcd_held_nap(BcdRun *run, int64 now);

/* endpoint.c */
extern int	bcd_batch_limit(BcdLane *lane, BcdStage stage);
extern void bcd_batch_too_large(BcdLane *lane, BcdStage stage, int n);
extern BcdLearned *bcd_endpoint_learned(BcdLane *lane, BcdStage stage);
extern bool bcd_endpoint_is_free(BcdLane *lane, BcdStage stage);
extern void bcd_endpoint_started(BcdJob *job);
extern void bcd_endpoint_replied(BcdJob *job);

/* plan.c */
extern bool bcd_lane_asks(const BcdLane *lane);
extern BcdJob *bcd_plan_next(BcdLane *lane);
extern BcdJob *bcd_job_create(BcdLane *lane, BcdStage stage, const char *method,
							  const char *path, const char *body);
extern void bcd_job_take(BcdJob *job, BcdItem *item);
extern void bcd_job_free(BcdJob *job);

/* lookup.c */
extern char *bcd_folded(const char *text);
extern Jsonb *bcd_identity(const BcdItem *item);
extern bool bcd_reply_is_cut(BcdJob *job, const cJSON *reply);
extern void bcd_natural_key(BcdItem *item);
extern bool bcd_further_key(BcdItem *item);
extern BcdJob *bcd_plan_lookup(BcdLane *lane);
extern BcdJob *bcd_plan_tree(BcdLane *lane);
extern void bcd_lookup_read(BcdJob *job, const cJSON *reply);
extern int64 bcd_scope_of(BcdLane *lane, BcdItem *item);
extern int64 bcd_default_tree(const BcdLane *lane, const BcdItem *item);
extern int64 bcd_tree_of(BcdLane *lane, BcdItem *item);
extern void bcd_append_fields(StringInfo url, BcdLane *lane, BcdStage stage);

/* index.c */
extern void bcd_index_create(BcdLane *lane);
extern void bcd_index_free(BcdLane *lane);
extern bool bcd_outdates_index(const BcdItem *item);
extern bool bcd_index_is_outdated(BcdLane *lane);
extern BcdJob *bcd_plan_index(BcdLane *lane);

/* judge.c */
extern char *bcd_id_text(const cJSON *record, const char *field);
extern void bcd_decide_no_id(BcdJob *job, BcdItem *item, const cJSON *record);

/* below.c */
extern void bcd_wait_for_below(BcdJob *job);

/* dropped.c */
extern bool bcd_item_forget_unmapped(BcdItem *item);
extern Jsonb *bcd_item_dropped(const BcdItem *item);
extern Jsonb *bcd_item_known_written(const BcdItem *item);
extern Jsonb *bcd_item_known_read(const BcdItem *item, const cJSON *record);

/* refs.c */
extern Datum bcd_reference_fields(const BcdResource *r);
extern void bcd_mark_referrers(const BcdFeed *feed, const int64 *ids, int n);
extern void bcd_note_referrers(const BcdFeed *feed, int64 store_id);

/* stale.c */
extern void bcd_expire_referrers(BcdJob *job);
extern void bcd_retry_after_referred(BcdJob *job);

/* seek.c */
extern bool bcd_seek(BcdItem *item);
extern void bcd_seek_end(BcdItem *item);
extern void bcd_seek_note(BcdItem *item);
extern void bcd_seek_record(BcdLane *lane, BcdItem **items, int n);

/* clash.c */
extern bool bcd_record_is_taken(BcdItem *item, int64 store_id);
extern void bcd_decide_clash(BcdItem *item, int64 store_id, const cJSON *record);
extern void bcd_decide_further(BcdItem *item, int64 store_id);
extern bool bcd_look_further(BcdItem *item);
extern void bcd_decide_refusal(BcdItem *item);

/* turn.c */
extern BcdJob *bcd_plan_turn(BcdLane *lane);
extern void bcd_decide_wait_for(BcdItem *item, const char *field, const char *value, const char *feed, const char *key);

/* aside.c */
extern void bcd_give_way(BcdItem *item, const char *const *fields, int n);
extern void bcd_gave_way(BcdItem *item);
extern void bcd_put_back(BcdItem *item);
extern bool bcd_restore_all(BcdRun *run);
extern void bcd_was_put_back(BcdItem *item);
extern bool bcd_let_go(BcdLane *lane, BcdLane *owner, const char *key, int64 store_id, const char *field);
extern void bcd_not_put_back(BcdItem *item, const char *reason);

/* reply.c */
extern void bcd_reply_read(BcdJob *job, const cJSON *reply);

/* early.c */
extern int64 bcd_early_run_ms(BcdJob *job, int attempts);
extern void bcd_early_decide(BcdJob *job, BcdItem *item, int attempts, char *text);
extern int64 bcd_early_wake(BcdRun *run, int64 *next_ms);

/* settle.c */
extern void bcd_settle(BcdJob *job);

/* record.c */
extern void bcd_items_record(BcdItem **items, int n);

/* the kinds */
extern const BcdRunKind bcd_push_kind;
extern const BcdRunKind bcd_link_kind;
extern const BcdRunKind bcd_verify_kind;

#endif							/* BCD_ENGINE_H */
