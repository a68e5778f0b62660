/*
 * engine.h
 *		The types of the engine that carries out every run, and its glossary.
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
 * decision	what a reply means for an item
 * lookup reason	why an item is looked up
 * update purpose	what the next update of an item is for
 *
 * The code that reads replies (settle.c, lookup.c) writes a decision into each
 * item.  The decisions of a job are committed together, and only then do its
 * items leave the run or move to their next stage.  If anything fails before
 * that, it can be done again.
 *
 *     claim -> LOOKUP -> READ -> TURN -> CREATE | UPDATE -> FACET -> decided
 *     claim -> RECHECK -> UPDATE | REMOVE -> decided		(the row is gone)
 *
 * These are the usual paths; README.md lists all of them.
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
#include "engine/decision.h"
#include "feed/feed.h"
#include "feed/key_list.h"
#include "http/http.h"
#include "pacing/forecast.h"
#include "pacing/quota.h"
#include "pacing/store_clock.h"
#include "payload/task.h"
#include "store/paging.h"
#include "store/store.h"
#include "store/verdict.h"
#include "tables/run.h"

typedef struct BcdItem
{
	dlist_node	node;
	struct BcdLane *lane;		/* of its feed; a request may mix lanes */
	MemoryContext cxt;			/* for the item and everything it points to */
	Size		bytes;			/* size of cxt when the item last moved */
	char	   *key;
	int64		store_id;		/* 0: not linked */
	bool		linked;			/* a link existed when last checked */
	Jsonb	   *wanted;			/* the row's payload; NULL: the row is gone */
	Jsonb	   *whole;			/* the same with adjusted fields; NULL: it has
								 * none */
	Jsonb	   *known;			/* what the store is known to hold, or NULL */
	Jsonb	   *remembered;		/* the same before that was forgotten, or NULL */
	Jsonb	   *sent;			/* by updates without a known outcome, or NULL */
	Jsonb	   *found;			/* what the row had when it was linked, where
								 * that differed: link_base.c */
	Jsonb	   *was;			/* fields that differed when it was read, or
								 * NULL */
	Jsonb	   *kept;			/* what its next write repeats of the store's,
								 * or NULL */
	Jsonb	   *image;			/* the whole record, before it is removed */
	bool		whole_read;		/* all fields of it are read next */
	bool		looks;			/* it is read only to see what it overwrites */
	int64		undo_id;		/* of its last write, if that is noted */
	const void *noted_for;		/* what was noted last: see undo_arm.c */
	uint32		noted_facets;	/* bits of the collections that were noted */
	struct BcdUndoUnit *unit;	/* what a rollback undoes of it */
	Jsonb	   *body;			/* the fields that the next request sends */
	Jsonb	   *values;			/* that persons have decided on, or NULL */
	Jsonb	   *repeated;		/* what updates repeat, as it was read, or
								 * NULL */
	List	   *tasks;			/* for facets after that: the next one first */
	int			sends;			/* how many of them its last request does */
	List	   *parts;			/* outcomes of several requests (BcdPart) */
	char	   *failure;		/* why one of them was refused, or NULL */
	char	   *natural;		/* its natural key, and that key's number */
	int			natural_index;
	Jsonb	   *lost_create;	/* key of a create that may be done, or NULL */
	BcdLookupReason lookup_reason;
	bool		moving;			/* its key is changing: it is only looked up */
	int			attempts;		/* failed requests for it */
	int			group;			/* most items in a request with this one */
	bool		looked_up;		/* its record was found in this claim */
	bool		unsure;			/* a write may have been done in part */
	char	   *refusal;		/* why its last write was refused, or NULL */
	int			refusal_status;
	BcdStage	refused_at;
	bool		stale;			/* its row has to be read again */
	int			clashes;		/* refusals that it survived */
	int			steps;			/* in this run, and the most tasks it had: */
	int			most_tasks;		/* see steps.c */
	struct BcdShown *shown;		/* while its elements are read */
	int64		came_at;		/* number of moves when it came to its stage */
	bool		reread;			/* its record was read after a refusal */
	bool		apart;			/* collections are written after the create */
	bool		singly;			/* no request creates others with it */
	int			prepared;		/* requests that made what its create needs */
	char	   *flaw;			/* why that cannot be made */
	struct BcdHeldBy *held_by;	/* a row that has what an element needs */
	bool		swept;			/* on no page: siblings.c, lookup_list.c */
	bool		gone;			/* the row is: is its record hidden? (verify) */
	bool		follows;		/* takes what the item before it gives up */
	Jsonb	   *aside;			/* what its record has given up */
	Jsonb	   *doubt;			/* an adjustment: see adjust.c */
	char	   *level;			/* of a counted field, as a verify has read
								 * it, or NULL */
	bool		in_doubt;		/* that was or may have been sent */
	int64		written_ms;		/* how long ago its record was written */
	ItemPointerData tid;		/* of its pending row, until that is claimed */
	int64		read_at;		/* monotonic ms: when it was read to see what
								 * others have changed; 0: it was not */
	int			reads_again;	/* how often that was too long ago */
	TimestampTz changed_at;		/* when its row has changed, for policy
								 * "newest"; -infinity: not known */
	TimestampTz captured_at;	/* its oldest change; -infinity: not claimed */
	BcdUpdatePurpose purpose;
	BcdDecision *final_decision;	/* after its purpose, or NULL */
	bool		asked;			/* a row that is gone has what this one needs */
	BcdAsking	asking;
	List	   *ends;			/* see the decision */
	char	   *held;
	BcdDecision decision;
} BcdItem;

/* The queue of an endpoint */
typedef struct BcdGate
{
	const BcdEndpoint *endpoint;
	bool		writes;			/* its requests change the store */
	bool		reads;			/* they read records */
	bool		collection;		/* they write elements of a collection */
	const BcdAction *action;	/* that they carry out, if they write */
	dlist_head	queue;			/* items */
	int			queued;
	int			too_few;		/* so many were no full request, when last
								 * looked at */
	int			flying;			/* jobs under way or not settled */
	bool		large;			/* its items may wait long, for a large batch */
	struct BcdLearned *learned; /* about the endpoint, once it was used */
} BcdGate;

/*
 * The gates of a resource's endpoints, one for each stage, and the state they
 * share.  Their items are of one feed, or of several that use the same token.
 */
typedef struct BcdGates
{
	struct BcdRun *run;
	MemoryContext cxt;
	const BcdResource *resource;
	char	   *token;
	BcdHttpTarget target;
	char	   *asked;			/* fields to ask for, or NULL: see view.c */
	BcdGate		gate[BCD_STAGES];
	BcdStage	key_stage;		/* the one that changes natural keys */
	int			in_flight;		/* jobs at all gates */
	int			items;			/* items queued and in flight */
	Size		bytes;			/* total size of items when they last moved */
	bool		send_partial;	/* send batches that are not full */
	int			lookups;		/* number of single look-ups */
	int			troubles;		/* consecutive failures of extra requests */
	int			unread;			/* of lists alone: a store that answers a
								 * probe need not answer them */
	bool		troubled;		/* the last one failed; not committed yet */
	struct BcdIndex *index;		/* the store's list, read once: lookup_list.c */
	struct BcdSweep *sweep[BCD_READ + 1];	/* siblings.c */
	struct BcdElementList *elements;	/* elements_read.c */
	struct BcdKept *kept;		/* list_kept.c */
	struct BcdChoiceIds *choices;	/* choice_ids.c */
	int			choice_page;	/* parents on a page that shows their choices,
								 * if fewer than described; 0: they are not */
	struct BcdJob *extra;		/* a job without items under way, or NULL */
	BcdItem    *asking;			/* the one that asks something: nested.c */
	int			unclear;		/* items that have got no answer */
	int64		default_id;		/* the store's default for a field */
	int64		moved;			/* number of moves from stage to stage */
	int64		looked_at;		/* value of moved when turns were last given */
	bool		was_full;		/* no more items could be claimed then */
} BcdGates;

/* What a rollback looks at next: the nth of its runs, and its last writes */
typedef struct BcdUndoPosition
{
	int			run;
	int64		undo_id;		/* those before this one; 0: all */
} BcdUndoPosition;

/* A feed in a run: it makes the items, and counts their outcomes */
typedef struct BcdLane
{
	struct BcdRun *run;
	struct BcdGates *gates;		/* where its items wait; maybe shared */
	MemoryContext cxt;
	BcdFeed    *feed;
	BcdFeed    *identity;		/* finds its records (link), or NULL */
	dlist_head	fresh;			/* items of a claim that is not committed yet */
	bool		exhausted;		/* no more items are claimed in this round */
	bool		unseen;			/* a claim without items has not seen all */
	bool		stopped;		/* paused or broken */
	bool		altered;		/* its feed must be read again: run_reload.c */
	bool		lost;			/* untracked, or its links forgotten */
	bool		freed;			/* rows had waited for a new link */
	char	   *cursor;			/* key of the last item claimed */
	char	   *gather_cursor;	/* and of the last row read by companions.c */
	bool		gathered;		/* all are */
	int64		outcomes[BCD_INVALID + 1];	/* in this round */
	double		calls_per_row;	/* that are expected: run_forecast.c */
	int			failures;		/* consecutive failed claims */
	int			overtime;		/* consecutive rows that took too long to read */
	int			held_up;		/* rows of this round that could not be read */
	bool		passed_over;	/* this round began behind such rows */
	char	   *held_reason;	/* why the last of them could not be read */
	List	   *held_rows;		/* in this run: see lane_held.c */
	int			claim_rows;		/* size of the next claim */
	int			refused;		/* consecutive refused records */
	int			phase;			/* of a verify */
	BcdKeyList *keys;			/* the source's keys (link, verify) */
	int64		after;			/* id or page to continue after (verify) */
	int64		seen;			/* records read (verify) */
	BcdPaging	paging;			/* in the store's list (verify) */
	BcdLists	lists;			/* that its rows need: directory.c */
	struct BcdListing *listing; /* the one that is being read, or NULL */
	struct BcdVerify *verify;	/* what a verify knows of it, or NULL */
	struct BcdProbes *probes;	/* what a preflight asks for it, or NULL */
	BcdUndoPosition undo_at;	/* where a rollback continues ... */
	BcdUndoPosition undo_next;	/* ... once the last claim is committed */
	Jsonb	   *undo_options;	/* with which it changes quantities */
	bool		undo_differences;	/* pushes of the feed send differences,
									 * too */
	List	   *doubtful;		/* keys of rows to be looked at once more ... */
	bool		again;			/* ... which is done now */
} BcdLane;

typedef struct BcdRun BcdRun;

/* What the samples of a run have told so far: see sampling.c */
typedef struct BcdSampled
{
	int64		at;				/* monotonic ms */
	int64		calls;
	int64		throttled;
	int64		done;
} BcdSampled;

/* What makes a push a push */
typedef struct BcdRunKind
{
	const char *name;			/* run.kind */
	bool		claims;			/* claims rows of bcdelta.pending */
	bool		writes;			/* writes to the store */
	bool		results;		/* writes a result for every row */
	bool		asks_only;		/* reads no row, and leaves feeds as they are */

	/*
	 * returns the next items, each with a decision, or NIL when there are no
	 * more; called in a transaction.  The list is in the context given.
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
	/* returns the names of its feeds; NULL: those of the store or the request */
	List	   *(*feeds) (BcdRun *run, const BcdRunRequest *request);
	/* records what else decisions on items of a lane mean, or NULL */
	void		(*record) (BcdLane *lane, BcdItem **items, int n);
	/* all lanes are done: is there another pass over them?  Or NULL */
	bool		(*again) (BcdRun *run);
	/* returns a request without items, or NULL */
	struct BcdJob *(*plan) (BcdRun *run, BcdLane *lane);
	/* is there one now, or when the quota allows it? */
	bool		(*asks) (const BcdLane *lane);
	/* a lane was made, and is about to be one of the run's; or NULL */
	void		(*begin) (BcdLane *lane);
	/* takes whatever came of a request, in place of the engine; or NULL */
	void		(*replied) (struct BcdJob *job);
	/* a lane has nothing left to do: true if it has more after all */
	bool		(*lane_done) (BcdRun *run, BcdLane *lane);
} BcdRunKind;

/* A record that the run has removed */
typedef struct BcdRemoval
{
	const BcdResource *resource;
	int64		store_id;
} BcdRemoval;

/* How many are kept for requests that were under way at that time */
#define BCD_REMOVALS	1000

struct BcdRun
{
	dlist_node	node;			/* in the worker's list of active runs */
	MemoryContext cxt;
	const BcdRunKind *kind;
	int64		run_id;
	char	   *feed;			/* NULL: all feeds of the server */
	char	   *mode;
	int			sample;
	ArrayType  *only;			/* keys or a condition (verify), or NULL */
	struct BcdRollback *rollback;	/* what a rollback is to undo, or NULL */
	int64		max_rows;		/* 0: all */
	int64		claimed;
	bool		waited;
	struct BcdStore *store;
	BcdLane   **lanes;
	int			nlanes;
	int			current;		/* the current lane */
	TimestampTz began;
	int			extra_rounds;	/* for rows that changed during the run */
	int64		done_by_round;	/* rows done by the end of the last round */
	double		spread;			/* random part of all back-offs, in [0,1) */
	bool		progressed;		/* deferred rows had waited for a new link */
	List	   *late;			/* feeds whose source was locked at the start */
	int			held_rounds;	/* consecutive, with rows or feeds held up */
	int64		held_since;		/* monotonic ms */
	int64		saved_at;		/* monotonic ms: totals were last saved */
	int64		wake_at;		/* monotonic ms: nothing to do before this */
	bool		resting;		/* except for rows that become ready */
	bool		cancelled;
	char	   *cancel_reason;	/* by whom, or why */
	int64		cancel_deadline;
	bool		restoring;		/* what records gave up is being restored */
	bool		strict;			/* the store checks whole batches before it
								 * writes */
	TimestampTz pause_at;		/* it pauses from then on ... */
	TimestampTz resume_at;		/* ... until then; 0: it does not */
	bool		pausing;		/* it waits for what is under way */
	bool		parked;			/* it pauses in memory, without its store */
	char	   *identity;		/* that of its store, when it was parked */
	char	   *error;			/* the run has failed: it ends now */
	char	   *complaint;		/* a feed was stopped: the run ends as failed */
	char	   *warning;		/* feeds were left out: the run succeeds */
	bool		gave_up;		/* items whose records may have been written */
	List	   *unsent;			/* numbers (int64) of writes that were noted
								 * and will not be sent: undo_unsent.c */
	BcdRunCounts counts;
	BcdListsRead lists;			/* of the store */
	int64		removals;		/* records removed, and the last of them: */
	BcdRemoval	removed[BCD_REMOVALS];
	int			in_flight;		/* jobs */
	int			writing;		/* those of them that write */
	bool		alone;			/* a write under way tolerates no other */
	dlist_head	jobs;			/* with requests under way */
	dlist_head	unsettled;		/* replies with uncommitted decisions */
	BcdForecast forecast;
	double		expected_done;	/* calls that were expected for rows done ... */
	double		expected_left;	/* ... and for those that are left */
	bool		idle;			/* it waited when it was last looked at */
	int64		quota_until;	/* monotonic ms: the quota holds it back */
	BcdProgress progress;
	BcdSampled	sampled;
	struct BcdStopWatch *stop;	/* what may stop it by itself:
								 * stop_criteria.c; NULL: nothing */
};

/* One request and the items it is for */
typedef struct BcdJob
{
	dlist_node	node;
	BcdRun	   *run;
	BcdLane    *lane;
	BcdStage	stage;
	bool		writes;			/* may have changed the store */
	bool		reads;			/* of records */
	bool		below;			/* of one, below its parent, which may be gone */
	BcdVerdict	verdict;		/* on its reply, or on that there is none */
	const BcdEndpoint *endpoint;	/* or NULL */

	/*
	 * Reads a successful reply, in a transaction.  It is called again, with
	 * unchanged items, if that transaction fails.
	 */
	void		(*read) (struct BcdJob *job, const cJSON *reply);
	/* takes over what read() found, once that is committed */
	void		(*taken) (struct BcdJob *job);
	int64		found[3];		/* from read() to taken() */
	int64		conflicts;		/* differences recorded, without items */
	BcdPage		page;			/* of a list; from read() to taken() too */
	const char *doubt;			/* why a record may exist that is not in a
								 * list; NULL: it does not */
	dlist_head	items;
	int			nitems;
	bool		probe;			/* only asks whether the store responds */
	bool		bare;			/* a request to V2: envelope.c */
	const BcdNameList *lists;	/* that it reads a page of, or NULL */
	int			prepares;		/* number of parents whose choices it reads or
								 * makes: choice_plan.c */
	int64	   *prepared;		/* their ids */
	int64		removals;		/* the run's, when the job was made */
	int			limit;			/* most records in a request at that time */
	BcdHttpRequest *request;
	BcdTicket	ticket;			/* from the quota, when it was started */
	int			nth;			/* requests at the endpoint at that time */
	cJSON	   *reply;
	char	   *error_text;		/* of a reply that is an error, once needed */
	int64		settle_at;		/* monotonic ms: not before, after a failure */
	int			settle_failures;
} BcdJob;

/* A store that the worker talks to; lives as long as the worker */
typedef struct BcdStore
{
	dlist_node	node;
	Oid			serverid;
	char	   *identity;		/* of the store that all was learned from */
	BcdStoreOptions *options;
	MemoryContext cxt;
	BcdQuota	quota;
	BcdStoreClock clock;
	BcdRun	   *run;			/* the one active run */
	int			reading;		/* requests under way for foreign tables,
								 * whose store must stay */
	int			era;			/* how often all was forgotten */
	int64		read_window;	/* the quota's window in which ... */
	int64		reads;			/* ... so many of them were made */
	int64		read_at;		/* monotonic ms: the last one has ended */
	int			lock_failures;	/* starts with a locked source */
	int64		twins;			/* rows that another server has written */
	TimestampTz twin_at;		/* the last of them: see another_writer.c */
	struct BcdLearned *learned; /* one for each endpoint that was used */
	char		trouble[BCD_NAME_BYTES];
	char		failure[BCD_NAME_BYTES];	/* of the last request, or empty */
	int64		trouble_at;		/* since when it shows trouble, monotonic ms;
								 * 0: it does not */
	bool		trouble_lasts;
} BcdStore;

/* The worker's active runs and its stores */
typedef struct BcdEngine
{
	dlist_head	runs;
	dlist_head	stores;
	const BcdRunKind *const *kinds;
	bool		requested;		/* bcdelta.run may have runs to start */
	TimestampTz started_at;
	void		(*finished) (int64 run_id); /* tells the worker */
	bool		(*awaited) (int64 run_id);	/* does a session wait for it? */
} BcdEngine;

extern BcdEngine bcd_engine;
extern void bcd_engine_init(const BcdRunKind *const *kinds);
extern BcdRun *bcd_run_find(int64 run_id);

#endif							/* BCD_ENGINE_H */
