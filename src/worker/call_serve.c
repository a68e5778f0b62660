/*
 * call_serve.c
 *		Serves the requests of sessions to the worker.
 *
 * A call stays open until the run that it requested, or stopped, has ended.
 * When a caller goes away, its run is stopped, unless another caller has
 * requested the same run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "base/shmem.h"
#include "engine/engine.h"
#include "engine/lane.h"
#include "engine/run.h"
#include "payload/payload.h"
#include "tables/event.h"
#include "tables/journal.h"
#include "tables/pending_wait.h"
#include "tables/run.h"
#include "tables/run_queue.h"
#include "worker/call_detail.h"
#include "worker/call_serve.h"
#include "worker/calls.h"

/* Calls that are accepted before the runs get a turn */
#define CALLS_AT_ONCE	64

/* The reason for cancelling a run whose callers have gone */
#define CALLER_GONE		"the session that requested it stopped waiting: it was cancelled, timed out, or lost its connection"

/* A call in progress, and what it waits for */
typedef struct BcdOpenCall
{
	bool		open;
	bool		owner;			/* owns the run, which is stopped when its
								 * last owner goes away */
	int64		run_id;
} BcdOpenCall;

static BcdOpenCall open_calls[BCD_MAX_CALLS];

/* Returns whether a session waits for the run's end. */
bool
bcd_serve_awaited(int64 run_id)
{
	int			i;

	for (i = 0; i < BCD_MAX_CALLS; i++)
		if (open_calls[i].open && open_calls[i].run_id == run_id)
			return true;
	return false;
}

/* Ends every call. */
void
bcd_serve_end(const char *reason)
{
	memset(open_calls, 0, sizeof(open_calls));
	bcd_calls_end(MyDatabaseId, reason);
}

/* Ends the calls that were accepted. */
void
bcd_serve_end_accepted(const char *reason)
{
	int			i;

	for (i = 0; i < BCD_MAX_CALLS; i++)
		if (open_calls[i].open)
			bcd_call_done(i, 0, reason);
	memset(open_calls, 0, sizeof(open_calls));
}

/* Answers the callers of a run that has ended. */
void
bcd_serve_finished(int64 run_id)
{
	int			i;

	/* its store is free for the next run */
	bcd_engine.requested = true;
	bcd_events_expected = true;
	for (i = 0; i < BCD_MAX_CALLS; i++)
	{
		if (!open_calls[i].open || open_calls[i].run_id != run_id)
			continue;
		bcd_call_done(i, 1, NULL);
		open_calls[i].open = false;
	}
}

static const char *
call_kind(BcdCallKind kind)
{
	if (kind == BCD_CALL_LINK)
		return "link";
	if (kind == BCD_CALL_ROLLBACK)
		return "rollback";
	if (kind == BCD_CALL_PREFLIGHT)
		return "preflight";
	return kind == BCD_CALL_VERIFY ? "verify" : "push";
}

/* The run continues even if all callers go away: it was requested without waiting. */
static void
disown(int64 run_id)
{
	int			i;

	for (i = 0; i < BCD_MAX_CALLS; i++)
		if (open_calls[i].open && open_calls[i].run_id == run_id)
			open_calls[i].owner = false;
}

/* The request for a rollback comes as the only element of an array. */
static Jsonb *
rollback_of(ArrayType *detail)
{
	Datum	   *elements;
	int			n;

	deconstruct_array(detail, TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(TextDatumGetCString(elements[0]))));
}

/*
 * Accepts a call for a run: the run's row is committed before the caller is
 * informed. The call may join a run that is already waiting for its turn.
 */
static void
accept_run(int number, const BcdCall *call)
{
	BcdRunRequest request = {0};
	bool		waited = call->wait;
	int64		run_id;

	request.kind = call_kind(call->kind);
	request.feed = call->feed;
	request.server = NameStr(call->server);
	request.role = call->role;
	request.mode = call->kind == BCD_CALL_VERIFY ? call->mode : NULL;
	request.sample = call->sample;
	request.max_rows = call->max_rows;
	request.waited = call->wait;
	bcd_tx_begin();
	if (call->kind == BCD_CALL_ROLLBACK)
		request.rollback = rollback_of(bcd_call_detail(call));
	else
		request.only = bcd_call_detail(call);
	run_id = bcd_run_join(&request, &waited);
	if (run_id == 0 && !call->join)
	{
		bcd_run_check_room(&request);
		run_id = bcd_run_insert(&request);
	}
	bcd_tx_commit();
	if (run_id == 0)
	{
		bcd_call_done(number, 0, NULL);
		return;
	}
	if (!waited)
		disown(run_id);
	open_calls[number].open = call->wait;
	open_calls[number].owner = waited;
	open_calls[number].run_id = run_id;
	bcd_engine.requested = true;
	bcd_call_accepted(number, run_id);
}

/* Writes what a caller has decided into the journal. */
static void
decided(const char *what, const BcdCall *call, const char *about, int64 n)
{
	BcdJournalEntry decision = {.what = what,.server = NameStr(call->server)};

	if (call->feed[0])
		decision.feed = call->feed;
	decision.by = GetUserNameFromId(call->session, true);
	decision.detail = bcd_payload_set_integer(NULL, about, n);
	(void) bcd_journal(&decision);
}

static void
accept_cancel(int number, const BcdCall *call)
{
	BcdRun	   *run = bcd_run_find(call->run_id);
	bool		cancelled = false;
	char	   *reason;

	bcd_tx_begin();
	reason = psprintf("cancelled by %s", bcd_role_words(call->role));
	if (run)
		bcd_run_cancel(run, reason);
	else
		cancelled = bcd_run_fail(call->run_id, "cancelled", reason);
	if (run || cancelled)
		decided("cancel", call, "run_id", call->run_id);
	bcd_tx_commit();
	if (run)
	{
		/* the answer follows when the run has ended */
		open_calls[number].open = true;
		open_calls[number].owner = false;
		open_calls[number].run_id = call->run_id;
		return;
	}
	if (cancelled)
		bcd_serve_finished(call->run_id);
	bcd_call_done(number, cancelled, NULL);
}

static void
accept_retry(int number, const BcdCall *call)
{
	int64		n;

	bcd_tx_begin();
	n = bcd_pending_retry(call->feed[0] ? call->feed : NULL, NameStr(call->server),
						  call->waiting);
	if (n > 0)
		decided("retry", call, "rows", n);
	bcd_tx_commit();
	/* runs may be sleeping until the rows become due */
	bcd_runs_look();
	bcd_call_done(number, n, NULL);
}

static void
answer(int number, const BcdCall *call, const char *trouble)
{
	if (trouble)
		bcd_call_done(number, 0, trouble);
	else if (call->kind == BCD_CALL_CANCEL)
		accept_cancel(number, call);
	else if (call->kind == BCD_CALL_RETRY)
		accept_retry(number, call);
	else
		accept_run(number, call);
}

/*
 * Accepts the calls of SQL functions. Errors are sent to the caller; so is the
 * worker's trouble, if it is not NULL.
 */
void
bcd_serve_calls(const char *trouble)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdCall		call;
	volatile int number;
	volatile int most = CALLS_AT_ONCE;

	while (most-- > 0 && (number = bcd_call_next(&call)) >= 0)
	{
		PG_TRY();
		{
			answer(number, &call, trouble);
		}
		PG_CATCH();
		{
			ErrorData  *error;

			MemoryContextSwitchTo(cxt);
			error = CopyErrorData();
			bcd_tx_report_and_abort("could not serve a request from a session");
			open_calls[number].open = false;
			bcd_call_done(number, 0, error->message);
		}
		PG_END_TRY();
		MemoryContextSwitchTo(cxt);
	}
	if (most < 0)
		bcd_wake_worker(MyDatabaseId);	/* there may be more calls */
}

/*
 * Returns whether another caller that is still present owns the run of a call.
 */
static bool
has_another_owner(int number)
{
	int			i;

	for (i = 0; i < BCD_MAX_CALLS; i++)
		if (i != number && open_calls[i].open && open_calls[i].owner &&
			open_calls[i].run_id == open_calls[number].run_id && !bcd_call_abandoned(i))
			return true;
	return false;
}

/* Stops the runs whose callers have gone away. */
void
bcd_serve_check_callers(void)
{
	int			i;

	for (i = 0; i < BCD_MAX_CALLS; i++)
	{
		BcdRun	   *run;

		if (!open_calls[i].open || !bcd_call_abandoned(i))
			continue;
		if (open_calls[i].owner && has_another_owner(i))
			open_calls[i].owner = false;
		run = bcd_run_find(open_calls[i].run_id);
		if (run && open_calls[i].owner)
			bcd_run_cancel(run, CALLER_GONE);
		else if (open_calls[i].owner)
		{
			bcd_tx_begin();
			(void) bcd_run_fail(open_calls[i].run_id, "cancelled", CALLER_GONE);
			bcd_tx_commit();
		}
		if (run && open_calls[i].owner)
			continue;			/* answered when the run has ended */
		open_calls[i].open = false;
		bcd_call_done(i, 0, NULL);
	}
}
