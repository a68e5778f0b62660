/*
 * async.c
 *		Reads several stores side by side.
 *
 * An Append whose scans may be asynchronous asks all of them for a row at once,
 * and takes rows from whichever has some. PostgreSQL waits for the sockets of
 * such scans; ours have none, as the worker's replies set the latch. So the wait
 * takes place where PostgreSQL asks for the socket: until a reply to one of the
 * scans of the Append has come.
 */
#include "postgres.h"

#include "base/compat.h"
#include "foreign/async.h"

#ifdef BCD_HAVE_ASYNC

#include "executor/execAsync.h"
#include "executor/executor.h"
#include "executor/instrument.h"

#include "foreign/scan_state.h"

/* Not that of a number, which is there at once or not at all */
static bool
is_capable(ForeignPath *path)
{
	return !IS_UPPER_REL(path->path.parent);
}

/* Takes a row, if there is one or the table is at its end. */
static void
produce(AsyncRequest *request)
{
	ForeignScanState *node = (ForeignScanState *) request->requestee;
	BcdForeignScan *scan = node->fdw_state;
	TupleTableSlot *row;

	/* this evaluates the conditions, and comes back if there are no more rows */
	scan->starved = false;
	row = node->ss.ps.ExecProcNodeReal(&node->ss.ps);
	if (TupIsNull(row) && scan->starved)
	{
		bcd_channel_await(scan->channel, request->requestor);
		ExecAsyncRequestPending(request);
		return;
	}
	if (scan->channel)
		bcd_channel_await(scan->channel, NULL);
	ExecAsyncRequestDone(request, TupIsNull(row) ? NULL : row);
}

static void
request_row(AsyncRequest *request)
{
	bcd_scan_start((ForeignScanState *) request->requestee);
	produce(request);
}

/*
 * Called for every scan that waits, one after the other, before PostgreSQL waits
 * for their sockets.  While the Append has other scans to do, nothing waits.
 */
static void
wait_for_row(AsyncRequest *request)
{
	BcdForeignScan *scan = ((ForeignScanState *) request->requestee)->fdw_state;
	const AppendState *append = (const AppendState *) request->requestor;

	if (!bcd_scan_is_ready(scan) && append->as_syncdone && !bcd_channel_any_ready(request->requestor))
		bcd_channel_wait(scan->channel);
	if (!bcd_scan_is_ready(scan))
		return;
	request->callback_pending = false;
	produce(request);
	ExecAsyncResponse(request);
	if (request->request_complete && request->requestee->instrument)
		InstrUpdateTupleCount(request->requestee->instrument, TupIsNull(request->result) ? 0.0 : 1.0);
}

static void
notify(AsyncRequest *request)
{
	elog(ERROR, "a scan without a socket was notified");
}

/* Adds the callbacks for asynchronous scans. */
void
bcd_async_install(FdwRoutine *routine)
{
	routine->IsForeignPathAsyncCapable = is_capable;
	routine->ForeignAsyncRequest = request_row;
	routine->ForeignAsyncConfigureWait = wait_for_row;
	routine->ForeignAsyncNotify = notify;
}

#else

void
bcd_async_install(FdwRoutine *routine)
{
}

#endif							/* BCD_HAVE_ASYNC */
