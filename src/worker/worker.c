/*
 * worker.c
 *		The process that works for one database.
 *
 * It runs one event loop, which handles calls of SQL functions, due schedules,
 * the steps of active runs and replies, and from time to time folding and
 * cleanup. It waits only in bcd_http_wait(), outside any transaction. An error
 * ends the task that raised it, never the loop. If the extension does not
 * exist yet, or no longer exists, the worker idles.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/extension.h"
#include "base/guc.h"
#include "base/session.h"
#include "base/shmem.h"
#include "base/shutdown.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/queue.h"
#include "engine/run.h"
#include "feed/database_identity.h"
#include "feed/halted_feeds.h"
#include "feed/mapping_guard.h"
#include "fold/fold.h"
#include "http/http.h"
#include "scan/serve.h"
#include "tables/event.h"
#include "tables/feed_state.h"
#include "tables/result.h"
#include "tables/run.h"
#include "tables/run_queue.h"
#include "tables/schedule.h"
#include "verbs/kinds.h"
#include "worker/blamed_feed.h"
#include "worker/call_serve.h"
#include "worker/calls.h"
#include "worker/counts.h"
#include "worker/cutover_due.h"
#include "worker/due.h"
#include "worker/events.h"
#include "worker/frozen.h"
#include "worker/immediate.h"
#include "worker/make_room.h"
#include "worker/prune.h"
#include "worker/schedule_hours.h"
#include "worker/worker.h"

/* Pause of the loop after an error */
#define ERROR_NAP_MS		1000

static int	my_slot = -1;
static bool ready = false;		/* the extension exists, and recovery is done */
static bool made_room = false;	/* the last worker left for a statement */
static bool was_there = false;	/* there was one since shared memory was made */
static int64 idle_at = 0;		/* when to look at schedules and changes next */
static bool run_ended = false;	/* rows may be left that it did not see */

static void
leave(int code, Datum arg)
{
	BcdWorkerSlot *slot;
	bool		excused = bcd_guard_at_exit();

	if (my_slot < 0 || bcd_shared == NULL)
		return;
	bcd_calls_end(MyDatabaseId, "the bcdelta worker was stopped; rows that were not pushed are still pending");
	bcd_shmem_forget(MyDatabaseId);
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	slot = &bcd_shared->workers[my_slot];
	slot->pid = 0;
	slot->latch = NULL;
	slot->excused = excused;
	if (slot->stuck)
		slot->trouble[0] = '\0';
	slot->stuck = false;
	LWLockRelease(bcd_shared->lock);
	my_slot = -1;
}

/* Claims the slot in shared memory, unless it belongs to another worker. */
static void
enter(int number)
{
	BcdWorkerSlot *slot = &bcd_shared->workers[number];
	bool		mine;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	mine = slot->pid == 0;
	if (mine)
	{
		was_there = slot->started_at != 0 && slot->dbid == MyDatabaseId;
		slot->pid = MyProcPid;
		slot->started_at = GetCurrentTimestamp();
		slot->latch = MyLatch;
		slot->dbid = MyDatabaseId;
		slot->trouble[0] = '\0';
		slot->stuck = false;
		made_room = slot->makes_room;
		slot->makes_room = false;
	}
	LWLockRelease(bcd_shared->lock);
	if (!mine)
		proc_exit(0);
	my_slot = number;
	before_shmem_exit(leave, (Datum) 0);
}

/* What keeps the worker from working, or "". Only the worker writes it. */
static char *
trouble(void)
{
	return bcd_shared->workers[my_slot].trouble;
}

static void
set_trouble(const char *text)
{
	char		was[sizeof(bcd_shared->workers[my_slot].trouble)];

	strlcpy(was, trouble(), sizeof(was));
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	strlcpy(trouble(), text, sizeof(was));
	LWLockRelease(bcd_shared->lock);
	if (text[0] != '\0' && strcmp(was, trouble()) != 0)
		ereport(LOG, (errmsg("bcdelta: %s", text)));
}

/* Discards the in-memory state of all runs. */
static void
drop_runs(const char *reason)
{
	while (!dlist_is_empty(&bcd_engine.runs))
		bcd_run_drop(dlist_container(BcdRun, node, dlist_head_node(&bcd_engine.runs)));
	bcd_scans_end();
	bcd_serve_end(reason);
}

/*
 * The extension was dropped and created again, or updated to another version,
 * so the state in memory belongs to the old tables. Calls that were not
 * accepted yet go to the new extension.
 */
static void
start_over(void)
{
	while (!dlist_is_empty(&bcd_engine.runs))
		bcd_run_drop(dlist_container(BcdRun, node, dlist_head_node(&bcd_engine.runs)));
	bcd_scans_end();
	bcd_serve_end_accepted("extension bcdelta was dropped, or updated to another version");
	ready = false;
	bcd_counts_forget();
}

/* Recovers from a crash, at the start and when the extension is created. */
static bool
recover(void)
{
	const char *problem;
	bool		blamed = false;

	bcd_tx_begin();
	bcd_tx_use_extension();
	bcd_tx_commit();
	bcd_tx_begin();
	problem = RecoveryInProgress() ? "this server is in recovery" : bcd_extension_trouble();
	if (problem)
		set_trouble(problem);
	else
	{
		bcd_feeds_halt();
		bcd_disown();
		blamed = bcd_blame_feed();
		bcd_results_interrupted();
		bcd_queue_recover(NULL);
		bcd_run_recover();
		bcd_engine.requested = true;
		bcd_events_back();
	}
	bcd_tx_commit();
	if (blamed)
		bcd_guard_forgive();
	if (problem)
		return false;
	set_trouble("");
	return true;
}

/* Records the failure of a run that could not even start. */
static void
fail_run(int64 run_id, const char *error)
{
	bcd_tx_begin();
	(void) bcd_run_fail(run_id, "failed", error);
	bcd_schedules_record_ends(bcd_home());
	bcd_tx_commit();
	bcd_serve_finished(run_id);
}

/* Starts the requested runs whose stores are idle. */
static void
begin_runs(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *ids;
	ListCell   *lc;

	bcd_engine.requested = false;
	bcd_tx_begin();
	ids = bcd_runs_next(cxt);
	bcd_tx_commit();
	MemoryContextSwitchTo(cxt);
	foreach(lc, ids)
	{
		int64		run_id = *(int64 *) lfirst(lc);

		PG_TRY();
		{
			bcd_hours_begin(run_id);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(cxt);
			error = CopyErrorData();
			bcd_tx_report_and_abort("could not start a run");
			/* if a session has locked a source, try again later */
			if (error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
				bcd_engine.requested = true;
			else
				fail_run(run_id, error->message);
		}
		PG_END_TRY();
		MemoryContextSwitchTo(cxt);
	}
}

/* Folds what is captured, and pushes what has to be pushed at once. */
static void
fold(void)
{
	int			rounds = 100;
	int64		n;

	bcd_immediate_begin(&bcd_shared->workers[my_slot]);
	do
	{
		bcd_tx_begin();
		bcd_tx_async();
		n = bcd_fold(BCD_FOLD_ROWS);
		bcd_tx_commit();
		CHECK_FOR_INTERRUPTS();
	} while (n > 0 && --rounds > 0);
	bcd_tx_begin();
	bcd_immediate_look(&bcd_shared->workers[my_slot]);
	bcd_tx_commit();
	bcd_runs_look();
	run_ended = false;
}

/* Every naptime, and when a schedule is due: schedules, folding, cleanup. */
static void
idle_work(int64 now)
{
	bool		blamed;

	bcd_tx_begin();
	/* a dump's rows follow CREATE EXTENSION, and servers are altered */
	bcd_feeds_halt();
	bcd_disown();
	blamed = bcd_blame_feed();
	bcd_due_look();
	bcd_frozen_look(&bcd_shared->workers[my_slot]);
	bcd_tx_commit();
	if (blamed)
		bcd_guard_forgive();
	fold();
	/* a session may have committed a push, or a prepared transaction */
	bcd_engine.requested = true;
	bcd_counts_look();
	bcd_prune(now);
	bcd_events_look(now);
	idle_at = now + (int64) bcd_naptime * 1000;
}

/* Returns whether a session has committed a schedule, a feed or a resume. */
static bool
asked_to_look(void)
{
	bool		look = bcd_shared_flag_take(&bcd_shared->workers[my_slot].look);

	bcd_events_expected |= look;
	return look;
}

/* Advances every run; returns the milliseconds until there is more to do. */
static int64
step_runs(void)
{
	int64		wait = PG_INT64_MAX;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &bcd_engine.runs)
	{
		int64		w = bcd_run_step(dlist_container(BcdRun, node, iter.cur), bcd_now_ms());

		if (w >= 0)
			wait = Min(wait, w);
	}
	return wait;
}

static void
take_replies(void)
{
	BcdHttpRequest *request;

	while ((request = bcd_http_next_done()) != NULL)
		request->replied(request);
}

/* Makes one pass of the loop; returns the milliseconds to wait. */
static int64
turn(void)
{
	BcdWorkerSlot *slot = &bcd_shared->workers[my_slot];
	int64		now = bcd_now_ms();
	int64		wait;
	int64		reads;
	bool		locked;

	/* a run makes many turns, which need not all look */
	if (ready && bcd_tx_extension_is_new(dlist_is_empty(&bcd_engine.runs) ? 0 : 50))
		start_over();
	if (!ready)
		ready = recover();
	bcd_serve_calls(ready ? NULL : trouble());
	if (!ready)
	{
		(void) bcd_scans_step(trouble(), now);
		return (int64) bcd_naptime * 1000;
	}
	take_replies();
	bcd_serve_check_callers();
	if (bcd_servers_changed() || now >= idle_at || bcd_due_wait() <= 0 || asked_to_look())
		idle_work(now);
	else if (run_ended || bcd_immediate_delay(slot, now) == 0)
		fold();
	if (bcd_engine.requested)
		begin_runs();
	locked = bcd_engine.requested;
	/* not inside Min(), which evaluates it twice */
	reads = bcd_scans_step(NULL, bcd_now_ms());
	wait = step_runs();
	wait = Min(wait, reads);
	wait = Min(wait, bcd_immediate_delay(slot, now));
	/* a store is free for the next run, or the source of one was locked */
	if (run_ended || (bcd_engine.requested && !locked))
		wait = 0;
	else if (locked)
		wait = Min(wait, 1000);
	wait = Min(wait, bcd_due_wait());
	return Max(0, Min(wait, idle_at - now));
}

static void
finished(int64 run_id)
{
	run_ended = bcd_immediate_any(&bcd_shared->workers[my_slot]);
	if (bcd_cutover_awaits_runs())
		idle_at = 0;
	bcd_serve_finished(run_id);
}

/* Counts what has ended the worker's sleep, which was to last until then. */
static void
count_wake_up(int64 until)
{
	BcdWorkerSlot *slot = &bcd_shared->workers[my_slot];
	BcdWakeUp	by = BCD_WOKEN_BY_REQUEST;

	if (!dlist_is_empty(&bcd_engine.runs))
		by = BCD_WOKEN_BY_RUN;
	else if (pg_atomic_read_u32(&slot->committed) != 0)
		by = BCD_WOKEN_BY_COMMIT;
	else if (bcd_now_ms() >= until)
		by = BCD_WOKEN_BY_TIMER;
	slot->wake_ups[by]++;
}

/*
 * An unexpected error occurred. The state in memory cannot be trusted: runs
 * start again from the tables.
 */
static void
after_error(void)
{
	bcd_tx_report_and_abort("the worker starts again");
	drop_runs("the worker met an error (see the server log); rows that were not pushed are still pending");
	bcd_events_away("it had met an error, which is in the server's log");
	ready = false;
	idle_at = 0;				/* changes may be there that nobody calls for */
	bcd_http_wait(ERROR_NAP_MS, PG_WAIT_EXTENSION);
}

/* The new settings count from now on, not only after the next nap. */
static void
reload(void)
{
	bcd_reload();
	idle_at = 0;
	bcd_prune_soon();
}

void
bcd_worker_main(Datum arg)
{
	MemoryContext cxt;
	uint32		wait_event;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	bcd_stop_init();
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(MyBgworkerEntry->bgw_extra, NULL, 0);
	enter(DatumGetInt32(arg));
	if (bcd_leave_at_once(&bcd_shared->workers[my_slot]))
		proc_exit(0);
	bcd_pin_session();
	bcd_guard_init(&bcd_shared->workers[my_slot]);
	/* a reload before this process started was not signalled to it */
	if (!bcd_is_listed())
		proc_exit(0);
	if (!made_room)
		bcd_events_start(was_there);
	bcd_engine_init(bcd_run_kinds);
	bcd_engine.finished = finished;
	bcd_engine.awaited = bcd_serve_awaited;
	bcd_http_init();
	wait_event = bcd_wait_event("BcdeltaWorker");
	cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta loop", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	bcd_calls_end(MyDatabaseId, "the bcdelta worker was restarted");
	pgstat_report_activity(STATE_IDLE, NULL);

	for (;;)
	{
		volatile int64 wait = 0;
		int64		until;

		ResetLatch(MyLatch);
		(void) bcd_shared_flag_take(&bcd_shared->workers[my_slot].woken);
		bcd_stop_if_asked(0);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			reload();
		PG_TRY();
		{
			wait = turn();
		}
		PG_CATCH();
		{
			MemoryContextSwitchTo(cxt);
			after_error();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(cxt);
		MemoryContextReset(cxt);
		/* who waits for a lock or a standby resets the latch */
		if (bcd_shared_flag_take(&bcd_shared->workers[my_slot].woken) || ConfigReloadPending || InterruptPending)
			wait = 0;
		until = bcd_now_ms() + wait;
		bcd_http_wait((long) wait, wait_event);
		if (wait > 0)
			count_wake_up(until);
	}
}
