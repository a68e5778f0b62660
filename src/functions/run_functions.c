/*
 * run_functions.c
 *		The SQL functions that call the worker: push, link, retry, cancel,
 *		sweep.
 *
 * They check arguments and rights, post a call, wait for its answer, and read
 * the run's row with the newest snapshot, because the worker commits the row
 * after the caller's snapshot was taken.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "capture/change.h"
#include "functions/args.h"
#include "functions/run_functions.h"
#include "tables/feed.h"
#include "tables/feed_state.h"
#include "tables/run.h"
#include "tables/run_queue.h"
#include "worker/calls.h"

PG_FUNCTION_INFO_V1(bcdelta_push);
PG_FUNCTION_INFO_V1(bcdelta_link);
PG_FUNCTION_INFO_V1(bcdelta_retry);
PG_FUNCTION_INFO_V1(bcdelta_cancel);
PG_FUNCTION_INFO_V1(bcdelta_sweep);

/*
 * Fills in a call for a feed (NULL: all) of a server (NULL: the feed's, or
 * the only one), after checking the caller's rights on the store.
 */
void
bcd_prepare_call(BcdCall *call, BcdCallKind kind, const char *feed, const char *server)
{
	memset(call, 0, sizeof(*call));
	call->kind = kind;
	call->wait = true;
	call->role = GetUserId();
	call->session = GetSessionUserId();
	strlcpy(call->feed, feed ? feed : "", sizeof(call->feed));
	namestrcpy(&call->server, bcd_target(feed, server));
}

/*
 * Reads a run's row as of now, or raises an error if there is none. SPI must
 * be connected, with the rights of the extension's owner.
 */
static void
read_run(int64 run_id, BcdRunRow *run)
{
	if (!bcd_run_read_newest(run_id, run))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id)));
}

/* Returns a run's row as a value of type bcdelta.run. */
Datum
bcd_run_datum(int64 run_id)
{
	BcdRights	rights;
	BcdRunRow	run;
	Datum		row;

	bcd_spi_begin(&rights);
	read_run(run_id, &run);
	row = SPI_datumTransfer(run.row, false, -1);
	bcd_spi_end(&rights);
	return row;
}

/*
 * A push of all feeds of a server succeeds even if some of them are paused.
 * Its caller is warned, because they may have been paused long ago without
 * anyone noticing.
 */
static void
tell_paused(const BcdCall *call, int elevel)
{
	BcdRights	rights;
	char	   *feeds;
	char	   *reasons;

	if (call->feed[0] || !call->wait)
		return;
	bcd_spi_begin(&rights);
	feeds = bcd_feeds_paused(NameStr(call->server), &reasons);
	if (feeds)
		ereport(elevel,
				(errcode(elevel < ERROR ? ERRCODE_WARNING : ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("paused feeds were not pushed: %s", feeds),
				 errdetail_internal("%s", reasons),
				 errhint("Fix the cause, then run SELECT bcdelta.resume('feed').")));
	bcd_spi_end(&rights);
}

/* Fills in the request for a run that nobody waits for. */
static void
fill_request(BcdRunRequest *request, const BcdCall *call)
{
	memset(request, 0, sizeof(*request));
	request->kind = "push";
	request->feed = call->feed;
	request->server = NameStr(call->server);
	request->role = call->role;
	request->max_rows = call->max_rows;
}

/*
 * A push without waiting inserts its run in this transaction: the run starts
 * when the transaction has committed, and never if it is rolled back.
 *
 * Outside of a transaction block, where the transaction contains nothing else,
 * it can share a run that waits for its turn.
 */
static void
ask_at_commit(BcdCall *call)
{
	BcdRunRequest request;
	BcdRights	rights;

	fill_request(&request, call);
	bcd_spi_begin(&rights);
	call->run_id = bcd_run_own(&request);
	bcd_spi_end(&rights);
	if (call->run_id == 0 && !IsTransactionBlock() && !bcd_captured_here())
	{
		call->join = true;
		bcd_call(call);
	}
	if (call->run_id != 0)
		return;
	bcd_spi_begin(&rights);
	bcd_run_check_room(&request);
	call->run_id = bcd_run_insert(&request);
	bcd_spi_end(&rights);
	bcd_wake_worker_at_commit();
}

/*
 * Changes of this transaction are not committed yet, so the worker cannot see
 * them.
 */
static void
note_own_changes(void)
{
	if (bcd_captured_here())
		ereport(NOTICE,
				(errmsg("changes made by this transaction are not pushed, because they are not committed yet"),
				 errhint("Commit first, or use wait => false: such a push begins when the transaction commits.")));
}

/* bcdelta.push(feed, server, max_rows, wait): returns the run. */
Datum
bcdelta_push(PG_FUNCTION_ARGS)
{
	BcdCall		call;

	bcd_check_writable("bcdelta.push()");
	bcd_check_not_null(fcinfo, 3, "wait");
	if (!PG_ARGISNULL(2) && PG_GETARG_INT64(2) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"max_rows\" must be greater than zero"),
				 errhint("Omit it to push all rows.")));
	bcd_prepare_call(&call, BCD_CALL_PUSH, bcd_arg_text(fcinfo, 0), bcd_arg_name(fcinfo, 1));
	call.max_rows = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	call.wait = PG_GETARG_BOOL(3);
	bcd_call_check_worker();
	if (call.wait)
	{
		note_own_changes();
		bcd_call(&call);
		tell_paused(&call, WARNING);
	}
	else
		ask_at_commit(&call);
	PG_RETURN_DATUM(bcd_run_datum(call.run_id));
}

/* bcdelta.link(feed): returns the run. */
Datum
bcdelta_link(PG_FUNCTION_ARGS)
{
	BcdCall		call;

	bcd_check_writable("bcdelta.link()");
	bcd_prepare_call(&call, BCD_CALL_LINK, bcd_arg_text(fcinfo, 0), NULL);
	bcd_call_check_worker();
	bcd_call(&call);
	PG_RETURN_DATUM(bcd_run_datum(call.run_id));
}

/*
 * Returns the stores with feeds that the caller may use, as a list of names.
 */
static List *
usable_servers(void)
{
	Oid			role = GetUserId();
	MemoryContext cxt = CurrentMemoryContext;
	List	   *servers;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	servers = bcd_feed_servers(role);
	bcd_spi_end(&rights);
	return servers;
}

/*
 * bcdelta.retry(feed): returns the number of rows made ready. Without a feed,
 * this covers every store that the caller may use.
 */
Datum
bcdelta_retry(PG_FUNCTION_ARGS)
{
	BcdCall		call;
	bool		waiting = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	int64		total = 0;
	ListCell   *cell;

	bcd_check_writable("bcdelta.retry()");
	if (!PG_ARGISNULL(0))
	{
		bcd_prepare_call(&call, BCD_CALL_RETRY, bcd_arg_text(fcinfo, 0), NULL);
		call.waiting = waiting;
		bcd_call_check_worker();
		bcd_call(&call);
		PG_RETURN_INT64(call.result);
	}
	foreach(cell, usable_servers())
	{
		bcd_prepare_call(&call, BCD_CALL_RETRY, NULL, (const char *) lfirst(cell));
		call.waiting = waiting;
		bcd_call_check_worker();
		bcd_call(&call);
		total += call.result;
	}
	PG_RETURN_INT64(total);
}

/* bcdelta.cancel(run_id): returns whether there was anything to stop. */
Datum
bcdelta_cancel(PG_FUNCTION_ARGS)
{
	int64		run_id = PG_GETARG_INT64(0);
	BcdCall		call;
	BcdRights	rights;
	MemoryContext cxt = CurrentMemoryContext;
	BcdRunRow	run;
	char	   *state;
	char	   *server;

	bcd_check_writable("bcdelta.cancel()");
	bcd_spi_begin(&rights);
	read_run(run_id, &run);
	state = MemoryContextStrdup(cxt, run.state);
	server = MemoryContextStrdup(cxt, run.server);
	bcd_spi_end(&rights);
	bcd_prepare_call(&call, BCD_CALL_CANCEL, NULL, server);
	if (strcmp(state, "requested") != 0 && strcmp(state, "running") != 0)
		PG_RETURN_BOOL(false);
	call.run_id = run_id;
	bcd_call_check_worker();
	bcd_call(&call);
	PG_RETURN_BOOL(call.result != 0);
}

/* Raises an error unless a run that has ended was successful. */
static void
check_succeeded(int64 run_id)
{
	BcdRights	rights;
	BcdRunRow	run;

	bcd_spi_begin(&rights);
	read_run(run_id, &run);
	if (strcmp(run.state, "succeeded") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 run.error ? errmsg("run " INT64_FORMAT " %s: %s", run_id,
									strcmp(run.state, "failed") == 0 ? "failed" : "was cancelled", run.error) :
				 errmsg("run " INT64_FORMAT " %s", run_id,
						strcmp(run.state, "failed") == 0 ? "failed" : "was cancelled")));
	bcd_spi_end(&rights);
}

/*
 * CALL bcdelta.sweep(server, strict)
 *
 * If the procedure may end transactions, it ends the one in which it looked up
 * the store, so that it holds no snapshot while waiting.
 */
Datum
bcdelta_sweep(PG_FUNCTION_ARGS)
{
	bool		atomic = !(fcinfo->context && IsA(fcinfo->context, CallContext) &&
						   !castNode(CallContext, fcinfo->context)->atomic);
	BcdCall		call;

	bcd_check_writable("bcdelta.sweep()");
	bcd_check_not_null(fcinfo, 1, "strict");
	bcd_prepare_call(&call, BCD_CALL_PUSH, NULL, bcd_arg_name(fcinfo, 0));
	bcd_call_check_worker();
	if (SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (atomic)
		note_own_changes();
	else
	{
		SPI_commit();
		SPI_start_transaction();
	}
	bcd_call(&call);
	/* the commit may have left none */
	PushActiveSnapshot(GetLatestSnapshot());
	check_succeeded(call.run_id);
	tell_paused(&call, PG_GETARG_BOOL(1) ? ERROR : WARNING);
	PopActiveSnapshot();
	SPI_finish();
	PG_RETURN_VOID();
}
