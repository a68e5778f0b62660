/*
 * engine.h
 *		The engine that every run goes through, and its words.
 *
 * run		a push, link or verify of one server; it has lanes
 * lane		a feed in a run: it claims rows and makes items of them
 * item		one source row on its way through a run
 * stage	what an item waits for: to be looked up, read, written ...
 * facet	a part of a record with an endpoint of its own, or the rest of it
 * task		one thing to do to an item's record at one endpoint
 * gate		the queue of an endpoint, for items at one stage; the lanes of a
 *			push that share a resource and a token share its gates
 * job		one request, and the items it is for (plan.c)
 * decision	what the reply means for an item
 * lookup reason	why an item is looked up
 * update purpose	what the next update of an item is for
 *
 * The readers of replies (settle.c, lookup.c) write a decision into each item;
 * the decisions are committed together, and only then do the items leave or
 * move to their next stage.  So whatever fails in between can be done again.
 *
 *     claim -> LOOKUP -> READ -> TURN -> CREATE | UPDATE -> FACET -> decided
 *     claim -> RECHECK -> UPDATE | REMOVE -> decided		(the row is gone)
 *
 * These are the usual ways; README.md has all of them.
 */
#ifndef BCD_ENGINE_H
#define BCD_ENGINE_H

#include <cjson/cJSON.h>

#include "datatype/timestamp.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"

#include "base/shmem.h"
#include "feed/feed.h"
#include "feed/key_list.h"
#include "http/http.h"
#include "pacing/endpoint_health.h"
#include "pacing/endpoint_limits.h"
#include "pacing/quota.h"
#include "payload/task.h"
#include "store/paging.h"
#include "store/store.h"
#include "tables/outcome.h"
#include "tables/run.h"

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
	BCD_FACET,					/* write the second facet of the record; and
								 * so on, a stage for each further facet */
	BCD_STAGES = BCD_FACET + BCD_MAX_FACETS - 1,
	BCD_CLAIM = BCD_STAGES		/* no queue: where new items come from */
} BcdStage;

/* Why an item is looked up, or was last */
typedef enum BcdLookupReason
{
	BCD_REASON_RECORD,			/* its record, by its own key */
	BCD_REASON_LOST_CREATE,		/* the record of a create that may have been
								 * done, by the key that it had */
	BCD_REASON_RECORD_GONE,		/* its record, which is not there any more */
	BCD_REASON_REFUSED_CREATE,	/* its create was refused: the record that has
								 * its key, and may be its own */
	BCD_REASON_KEY_HOLDER,		/* its update was refused: who has its key? */
	BCD_REASON_NEXT_HOLDER		/* nobody else: who has its next natural
								 * field? */
} BcdLookupReason;

typedef enum BcdLinkAction
{
	BCD_LINK_KEEP,
	BCD_LINK_PUT,				/* to store_id, with the payload in known */
	BCD_LINK_FORGET,			/* it is not known any more what the store
								 * holds */
	BCD_LINK_FORGET_FACET,		/* the same, of the facet that was written */
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

/* What an item's next update is for */
typedef enum BcdUpdatePurpose
{
	BCD_PURPOSE_ROW,			/* its record is to have what its row has */
	BCD_PURPOSE_GIVE_WAY,		/* it gives up a natural key, so that another
								 * row can have it */
	BCD_PURPOSE_PUT_BACK,		/* it gets back what it had given up; and then
								 * its fate is met */
	BCD_PURPOSE_IDENTIFY,		/* the same, but with what others wait for,
								 * and no more */
	BCD_PURPOSE_LET_GO			/* the record of a row that is gone lets go of
								 * what another row wants */
} BcdUpdatePurpose;

/* What is known of an item's record */
typedef struct BcdItemRecord
{
	int64		store_id;
	bool		linked;
	bool		looked_up;
	bool		unsure;
	Jsonb	   *known;
	Jsonb	   *remembered;
	Jsonb	   *aside;
} BcdItemRecord;

/*
 * What is to become of an item: written by the readers of replies, who change
 * nothing else of it.  Committed first, and then taken over by the item.
 */
typedef struct BcdDecision
{
	bool		made;
	bool		leaves;			/* the item leaves the run */
	bool		postponed;		/* to the next claim: not looked at yet */
	BcdStage	next;			/* else its next stage */
	BcdLookupReason lookup_reason;
	char	   *natural;		/* what it is looked up by from now on; NULL:
								 * by the same as before */
	int			natural_index;
	bool		clashes;		/* after a refusal: error and status tell */
	bool		has_record;		/* its record is another one, or more is known
								 * of it: */
	BcdItemRecord record;
	bool		exchanged;		/* with another row's; what was found out
								 * about the old one is void */
	Jsonb	   *body;			/* what the next request sends; NULL: the same
								 * as before */
	bool		has_tasks;		/* and after it: */
	List	   *tasks;
	BcdOutcome	part;			/* what came of a request for one part of the
								 * row; none: the row was written as a whole */
	BcdStage	part_stage;		/* and which part that is */
	BcdUpdatePurpose purpose;
	struct BcdDecision *final_decision;
	bool		attempted;		/* one attempt more has been made */
	bool		afresh;			/* those before do not count any more */
	int			group;			/* most items in a request with this one from
								 * now on; 0: as before */
	int			place;			/* among items of the job that go on: behind
								 * all that have none */
	bool		follows;		/* see the item */
	bool		rereads;
	bool		sweeps;
	bool		asks;
	char	   *waits_feed;		/* the row that it waits for */
	char	   *waits_key;
	bool		taken;			/* the store has taken its write */
	bool		refused;		/* or has refused it: counted by the lane */
	bool		seen;			/* its record is there (verify) */
	BcdOutcome	outcome;
	BcdLinkAction link;
	BcdPendingAction pending;
	int64		delay_ms;
	const char *trouble;		/* the endpoint that had trouble, if it was
								 * not the row's own: see endpoint_trouble.c */
	int64		early_ms;		/* then: it may come back after that */
	int			status;			/* HTTP status, 0: none */
	int			conflicts;		/* differences recorded */
	int64		gone_id;		/* a record that is not there any more, or is
								 * about to go */
	char	   *error;
	char		request_id[64];
	Jsonb	   *lost_create;	/* the key of a create that is about to be
								 * sent */
	bool		no_lost_create; /* that create was not done, or is accounted
								 * for */
	Jsonb	   *aside;			/* of BCD_LINK_ASIDE: what the record has now */
	bool		back;			/* the record has what it had given up, or
								 * something better */
} BcdDecision;

typedef struct BcdItem
{
	dlist_node	node;
	struct BcdLane *lane;		/* of its feed; a request may have items of
								 * other lanes */
	MemoryContext cxt;			/* of everything below, and of the item */
	Size		bytes;			/* of cxt, when the item last moved */
	char	   *key;
	int64		store_id;		/* 0: not linked */
	bool		linked;			/* to it, when that was last looked at */
	Jsonb	   *wanted;			/* the row's payload; NULL: the row is gone */
	Jsonb	   *known;			/* what the store is known to hold, or NULL */
	Jsonb	   *remembered;		/* what it was known to hold before that was
								 * forgotten, or NULL: see unmapped_fields.c */
	Jsonb	   *body;			/* the fields that the next request sends */
	List	   *tasks;			/* and the tasks of other facets after that;
								 * the first is the one at BCD_FACET */
	List	   *parts;			/* what came of the requests so far, if there
								 * are several for the row (BcdPart) */
	char	   *failure;		/* why one of them was refused, or NULL */
	char	   *natural;		/* its natural key, and which one that is */
	int			natural_index;
	Jsonb	   *lost_create;	/* natural key of a create of unknown fate, or
								 * NULL: see lost_create.c */
	BcdLookupReason lookup_reason;
	bool		moving;			/* a link is about to come or go: nothing but
								 * that */
	int			attempts;		/* requests for it that came to nothing */
	int			group;			/* most items in a request with this one */
	bool		looked_up;		/* its record was found in this claim, not by
								 * a link */
	bool		unsure;			/* a write may have been done in part: the
								 * link may not go on saying what is known */
	char	   *refusal;		/* what the store said of its last write, if
								 * that was refused */
	int			refusal_status;
	BcdStage	refused_at;
	bool		stale;			/* its row was read with a mapping that is no
								 * more, or refers to a record that is not */
	int			clashes;		/* refusals after which it went on */
	bool		reread;			/* its record was read, as others of a batch
								 * were, to find the duplicate */
	int			prepared;		/* requests that made what its create needs */
	bool		swept;			/* on no page so far: siblings.c */
	bool		follows;		/* in a request with the item before it, which
								 * leaves what this one takes */
	Jsonb	   *aside;			/* what its record has given up: see
								 * exchange_aside.c */
	BcdUpdatePurpose purpose;
	BcdDecision *final_decision;	/* to carry out once its record has back
									 * what it gave up; or NULL */
	bool		asked;			/* the record of a row that is gone is to let
								 * go of what this one wants */
	BcdDecision decision;
} BcdItem;

/* The queue of an endpoint */
typedef struct BcdGate
{
	const BcdEndpoint *endpoint;
	dlist_head	queue;			/* items */
	int			queued;
	int			flying;			/* jobs in flight or unsettled */
	struct BcdLearned *learned; /* the store's, once used */
} BcdGate;

/*
 * The gates of a resource's endpoints, one for each stage, and what goes
 * through them: items of one feed, or of several ones that share a token.
 */
typedef struct BcdGates
{
	struct BcdRun *run;
	MemoryContext cxt;
	const BcdResource *resource;
	char	   *token;
	BcdHttpTarget target;
	char	   *asked;			/* view.c: the fields that replies are asked
								 * for, or NULL: not made yet */
	BcdGate		gate[BCD_STAGES];
	int			in_flight;		/* jobs at all of them */
	int			items;			/* items queued and in flight */
	Size		bytes;			/* of them, as far as they have moved */
	bool		send_partial;	/* no batch will be full: send what there is */
	int			lookups;		/* single look-ups made */
	int			troubles;		/* failures in a row of requests without items */
	bool		troubled;		/* the last of them, before it is committed */
	struct BcdIndex *index;		/* the store's list, read once: lookup_list.c */
	struct BcdSweep *sweep[BCD_READ + 1];	/* siblings.c */
	struct BcdChoiceIds *choices;	/* choice_ids.c */
	struct BcdJob *extra;		/* a job of no items in flight, or NULL */
	int64		default_id;		/* the store's, of the field with a default */
	int64		moved;			/* items that went from stage to stage */
	int64		looked_at;		/* moved, when turns were last given */
	bool		was_full;		/* and whether no more items could come */
} BcdGates;

/* A feed in a run: it makes the items, and counts what becomes of them */
typedef struct BcdLane
{
	struct BcdRun *run;
	struct BcdGates *gates;		/* where its items wait, maybe with others */
	MemoryContext cxt;
	BcdFeed    *feed;
	BcdFeed    *identity;		/* what its records are found by (link), or
								 * NULL */
	dlist_head	fresh;			/* items of a claim that is not committed */
	bool		exhausted;		/* no more items will be claimed */
	bool		stopped;		/* paused or broken */
	bool		altered;		/* its feed has to be read again: run_reload.c */
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
	List	   *held_rows;		/* of this run: see lane_held.c */
	int			claim_rows;		/* rows of the next claim */
	int			refused;		/* records refused in a row */
	int			phase;			/* of a verify */
	BcdKeyList *keys;			/* the source's keys (link, verify) */
	int64		after;			/* id or page from which to go on (verify) */
	int64		seen;			/* records read (verify) */
	BcdPaging	paging;			/* of the store's list (verify) */
} BcdLane;

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
	int			writing;		/* those of them that write */
	bool		alone;			/* and must not have others beside them */
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
	int64		conflicts;		/* of no items */
	BcdPage		page;			/* of a list, likewise */
	const char *doubt;			/* why what is not in a list may be there all
								 * the same; NULL: it is not there */
	dlist_head	items;
	int			nitems;
	bool		probe;			/* asks only whether the store is there */
	int64		prepares;		/* the parent of choices, or 0: choice_plan.c */
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
	struct BcdLearned *next;
	const BcdEndpoint *endpoint;
	BcdBatch	batch;
	BcdSlots	slots;
	BcdLuck		luck;
	int64		taken_at;		/* monotonic ms: it took a write, most
								 * recently */
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
	BcdLearned *learned;		/* of each endpoint that was used */
	char		trouble[BCD_NAME_BYTES];
	char		failure[BCD_NAME_BYTES];	/* of its last request, or empty */
} BcdStore;

/* The worker's active runs and its stores */
typedef struct BcdEngine
{
	dlist_head	runs;
	dlist_head	stores;
	const BcdRunKind *const *kinds;
	bool		requested;		/* bcdelta.run may have some to start */
	void		(*finished) (int64 run_id); /* tells the worker */
	bool		(*awaited) (int64 run_id);	/* does a session wait for it? */
} BcdEngine;

extern BcdEngine bcd_engine;
extern void bcd_engine_init(const BcdRunKind *const *kinds);
extern BcdRun *bcd_run_find(int64 run_id);

#endif							/* BCD_ENGINE_H */
