/*
 * run_start.c
 *		Starts a run: finds its store, makes its lanes.
 *
 * A feed that turns out to be broken is paused with the reason and left out;
 * the others are processed.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/gates.h"
#include "engine/queue.h"
#include "engine/run_forecast.h"
#include "engine/run_pause.h"
#include "engine/run_start.h"
#include "engine/sampling.h"
#include "engine/stop_criteria.h"
#include "engine/stores.h"
#include "feed/feed.h"
#include "feed/halted_feeds.h"
#include "feed/mapping.h"
#include "feed/mapping_guard.h"
#include "feed/row_security.h"
#include "fold/fold.h"
#include "pacing/quota.h"
#include "resource/resource.h"
#include "store/store.h"
#include "tables/discrepancy.h"
#include "tables/feed.h"
#include "tables/feed_state.h"
#include "tables/pending.h"
#include "tables/run.h"

/* How often the start of a run may find a source locked, once a second */
#define LOCK_FAILURES	60

/* Raises an error if more rows have changed than max_changes. */
static void
check_fuse(const BcdFeed *feed)
{
	int64		limit = feed->options.max_changes;

	if (limit > 0 && bcd_pending_exceeds(feed->name, limit))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("more than " INT64_FORMAT " rows changed, the limit set by the option max_changes",
						limit),
				 errhint("Look at bcdelta.pending; SELECT bcdelta.resume(%s) pushes them.",
						 quote_literal_cstr(feed->name))));
}

static void
prepare_as_owner(void *feed)
{
	bcd_feed_prepare(feed);
	bcd_feed_check_rights(feed);
}

/*
 * Returns a feed that is ready to be read, in the current memory context;
 * raises an error if it is broken.
 */
BcdFeed *
bcd_run_feed(const BcdRun *run, const char *name)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdFeed    *feed = bcd_feed_load(name, false);

	(void) bcd_store_check(feed->server, feed->owner);
	if (run->kind->claims)
		check_fuse(feed);
	bcd_check_row_security(feed->source, feed->owner, feed->on_delete);
	bcd_mapping_check(feed);
	bcd_guard_run(feed, NULL, 1, prepare_as_owner, feed);
	/* SPI has left its own */
	MemoryContextSwitchTo(cxt);
	return feed;
}

/* Makes the lane of a feed; raises an error if the feed is broken. */
static BcdLane *
lane_create(BcdRun *run, const char *feed_name)
{
	MemoryContext cxt = AllocSetContextCreate(run->cxt, "bcdelta lane", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	BcdLane    *lane = palloc0(sizeof(BcdLane));

	lane->run = run;
	lane->cxt = cxt;
	lane->feed = bcd_run_feed(run, feed_name);
	lane->lists.read = &run->lists.read;
	lane->feed->lists = &lane->lists;
	dlist_init(&lane->fresh);
	bcd_gates_join(lane, bcd_store_token(run->store->options->serverid, lane->feed->owner));
	MemoryContextSwitchTo(old);
	return lane;
}

/* The same for a run that reads no row: the mapping need not work. */
static BcdLane *
lane_to_ask(BcdRun *run, BcdFeed *feed)
{
	BcdLane    *lane = palloc0(sizeof(BcdLane));

	lane->run = run;
	lane->cxt = run->cxt;
	lane->feed = feed;
	lane->lists.read = &run->lists.read;
	dlist_init(&lane->fresh);
	lane->exhausted = true;
	bcd_gates_join(lane, bcd_store_token(run->store->options->serverid, feed->owner));
	if (run->kind->begin)
		run->kind->begin(lane);
	return lane;
}

/* Argument and result of create_lane() */
typedef struct LaneRequest
{
	BcdRun	   *run;
	const BcdFeed *feed;
	BcdLane    *lane;
} LaneRequest;

static void
create_lane(void *arg)
{
	LaneRequest *r = arg;

	if (r->run->kind->asks_only)
	{
		MemoryContext old = MemoryContextSwitchTo(r->run->cxt);

		r->lane = lane_to_ask(r->run, bcd_feed_read(r->feed->name, false));
		MemoryContextSwitchTo(old);
		return;
	}
	/* fails, rather than waits, if a session is about to pause the feed */
	bcd_feed_settle_in(r->feed->name, r->run->store->options->identity);
	bcd_feed_lock(r->feed);
	r->lane = lane_create(r->run, r->feed->name);
}

/*
 * Adds the lane of a feed, unless the feed is paused.  A broken feed is paused
 * with the reason; a locked one is tried again for a while.  In a transaction.
 */
static void
add_lane(BcdRun *run, const char *feed_name, List **paused)
{
	BcdFeed    *feed = bcd_feed_read(feed_name, true);
	LaneRequest request = {run, feed, NULL};
	ErrorData  *error;
	char	   *reason;

	/* untracked by the session that had its source locked */
	if (feed == NULL)
		return;
	/* look-ups would link records of another store */
	if ((feed->paused && run->kind->claims) || (feed->halt == BCD_HALT_STORE && !run->kind->asks_only))
	{
		*paused = lappend(*paused, feed);
		return;
	}
	error = bcd_attempt(create_lane, &request);
	if (error == NULL)
	{
		run->lanes[run->nlanes++] = request.lane;
		return;
	}
	if (run->kind->asks_only)
		return;
	reason = psprintf("%s%s%s", error->message, error->hint ? ". " : "",
					  error->hint ? error->hint : "");
	if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE && run->kind->claims)
	{
		MemoryContext old = MemoryContextSwitchTo(run->cxt);

		run->late = lappend(run->late, pstrdup(feed_name));
		MemoryContextSwitchTo(old);
		return;
	}
	if (error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE)
	{
		bcd_feed_pause(feed_name, reason);
		if (strncmp(reason, "feed ", 5) != 0)
			reason = psprintf("feed \"%s\" was paused: %s", feed_name, reason);
	}
	else if (++run->store->lock_failures < LOCK_FAILURES)
		ReThrowError(error);
	else
		reason = psprintf("feed \"%s\" was left out: %s", feed_name, reason);
	if (run->feed)
		run->error = MemoryContextStrdup(run->cxt, reason);
	else if (run->complaint == NULL)
		run->complaint = MemoryContextStrdup(run->cxt, reason);
}

/* Lanes that share gates are neighbors. */
static int
lane_order(const void *a, const void *b)
{
	const BcdLane *x = *(BcdLane *const *) a;
	const BcdLane *y = *(BcdLane *const *) b;
	int			by_token = strcmp(x->gates->token, y->gates->token);

	if (x->feed->resource != y->feed->resource)
		return bcd_resource_rank(x->feed->resource) - bcd_resource_rank(y->feed->resource);
	return by_token ? by_token : x->feed->feed_id - y->feed->feed_id;
}

static const char *
reason_of(const BcdFeed *feed)
{
	return feed->paused_reason ? feed->paused_reason : "no reason is given";
}

/* Lists feeds by the reason why they are paused, as a text. */
static char *
list_paused(List *feeds)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	while (feeds != NIL)
	{
		const char *reason = reason_of(linitial(feeds));
		List	   *others = NIL;
		int			n = 0;

		appendStringInfoString(&text, text.len ? "; " : "");
		foreach(lc, feeds)
		{
			const BcdFeed *feed = lfirst(lc);

			if (strcmp(reason_of(feed), reason) == 0)
				appendStringInfo(&text, "%s\"%s\"", n++ ? ", " : "", feed->name);
			else
				others = lappend(others, lfirst(lc));
		}
		appendStringInfo(&text, ": %s", reason);
		feeds = others;
	}
	return text.data;
}

/*
 * Leaves out paused feeds.  If the run has other feeds, it pushes them and
 * warns about the missing ones; otherwise it fails.
 */
static void
leave_out(BcdRun *run, List *paused)
{
	char	   *list = list_paused(paused);

	if (run->nlanes > 0 || run->late != NIL)
		run->warning = MemoryContextStrdup(run->cxt, psprintf("paused feeds were not pushed: %s", list));
	else if (run->complaint == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 run->feed ?
										 psprintf("feed \"%s\" is paused: %s", run->feed, reason_of(linitial(paused))) :
										 psprintf("every feed of the store is paused: %s", list));
}

/* Tries again to add feeds whose source was locked when the run started. */
void
bcd_run_add_late(BcdRun *run)
{
	List	   *late = run->late;
	List	   *paused = NIL;
	ListCell   *lc;

	run->late = NIL;
	bcd_tx_begin();
	foreach(lc, late)
		add_lane(run, lfirst(lc), &paused);
	if (paused != NIL)
		leave_out(run, paused);
	bcd_tx_commit();
	qsort(run->lanes, run->nlanes, sizeof(BcdLane *), lane_order);
}

static const BcdRunKind *
kind_of(const char *name)
{
	const BcdRunKind *const *kind;

	for (kind = bcd_engine.kinds; *kind; kind++)
		if (strcmp((*kind)->name, name) == 0)
			return *kind;
	elog(ERROR, "unrecognized kind of run: \"%s\"", name);
}

static void
fill_run(BcdRun *run, const BcdRunRequest *request)
{
	List	   *names;
	List	   *paused = NIL;
	ListCell   *lc;

	run->kind = kind_of(request->kind);
	run->feed = request->feed ? MemoryContextStrdup(run->cxt, request->feed) : NULL;
	run->mode = MemoryContextStrdup(run->cxt, request->mode ? request->mode : "");
	run->sample = request->sample;
	run->only = request->only;
	run->max_rows = request->max_rows;
	run->waited = request->waited;
	names = run->kind->feeds ? run->kind->feeds(run, request) : bcd_feeds_of(request->server, request->feed);
	if (request->feed && names == NIL && run->kind->feeds == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 psprintf("feed \"%s\" no longer exists", request->feed));
	run->lanes = MemoryContextAllocZero(run->cxt, sizeof(BcdLane *) * (list_length(names) + 1));
	foreach(lc, names)
		add_lane(run, lfirst(lc), &paused);
	if (paused != NIL)
		leave_out(run, paused);
	qsort(run->lanes, run->nlanes, sizeof(BcdLane *), lane_order);
	run->progress.dbid = MyDatabaseId;
	run->progress.run_id = run->run_id;
	run->progress.started_at = GetCurrentTimestamp();
}

/* Folds everything committed so far, in transactions of its own. */
void
bcd_fold_all(void)
{
	int64		n;

	do
	{
		bcd_tx_begin();
		bcd_tx_async();
		n = bcd_fold(BCD_FOLD_ROWS);
		bcd_tx_commit();
		CHECK_FOR_INTERRUPTS();
	} while (n > 0);
}

/* Creates the run, in a transaction of its own; its memory is below cxt. */
static BcdRun *
run_create(int64 run_id, BcdStore *store, MemoryContext cxt)
{
	BcdRun	   *run = MemoryContextAllocZero(cxt, sizeof(BcdRun));
	BcdRunRequest request;
	BcdRunCounts before;		/* not needed when a run starts over */
	MemoryContext tx;

	run->cxt = cxt;
	run->run_id = run_id;
	run->store = store;
	run->began = GetCurrentTimestamp();
	run->spread = bcd_random();
	dlist_init(&run->jobs);
	dlist_init(&run->unsettled);
	bcd_tx_begin();
	tx = MemoryContextSwitchTo(cxt);
	(void) bcd_run_read(run_id, &request);
	MemoryContextSwitchTo(tx);
	bcd_feeds_halt();
	fill_run(run, &request);
	if (run->kind->claims)
	{
		bcd_queue_recover(run);
	}
	else
		bcd_discrepancies_forget(run_id);
	bcd_run_started(run_id, run->kind->writes ? &run->counts : &before);
	if (run->kind->claims)
	{
		run->progress.done = run->progress.before = bcd_run_rows_done(&run->counts);
		bcd_forecast_expect(run);
	}
	bcd_sampling_begin(run, bcd_now_ms());
	bcd_stop_look(run);
	bcd_tx_commit();
	return run;
}

/* Returns the store that a run is for, or NULL if the run no longer exists. */
static BcdStore *
store_of(int64 run_id)
{
	BcdRunRequest request;
	BcdStore   *store = NULL;

	bcd_tx_begin();
	if (bcd_run_read(run_id, &request))
		store = bcd_engine_store(bcd_store_check(request.server, BOOTSTRAP_SUPERUSERID));
	bcd_tx_commit();
	return store;
}

/*
 * Is a run active for a dropped server of this name?  It has the same feeds.
 */
static bool
is_served(const BcdStore *store)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bcd_engine.runs)
	{
		const BcdRun *run = dlist_container(BcdRun, node, iter.cur);

		if (!run->parked && strcmp(run->store->options->server, store->options->server) == 0)
			return true;
	}
	return false;
}

/* Starts a requested run unless its store is busy; may raise an error. */
void
bcd_run_begin(int64 run_id)
{
	BcdStore   *volatile store = store_of(run_id);
	MemoryContext cxt;
	BcdRun	   *run;

	if (store == NULL || store->run || is_served(store))
		return;
	run = bcd_run_find(run_id);
	if (run)
	{
		bcd_run_unpark(run);
		return;
	}
	bcd_fold_all();
	cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta run", ALLOCSET_DEFAULT_SIZES);
	PG_TRY();
	{
		run = run_create(run_id, store, cxt);
	}
	PG_CATCH();
	{
		MemoryContextDelete(cxt);
		PG_RE_THROW();
	}
	PG_END_TRY();
	store->run = run;
	store->lock_failures = 0;
	if (bcd_engine.awaited(run_id))
		bcd_quota_probe_now(&store->quota);
	dlist_push_tail(&bcd_engine.runs, &run->node);
}
