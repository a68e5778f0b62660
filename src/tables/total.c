/*
 * total.c
 *		bcdelta.total: what the worker has done so far, for counters that never go
 *		back.
 *
 * Results and runs are removed after some time, and what is in memory is lost
 * with the worker, so none of them can be counted.  What happens is counted
 * here in the transaction that records it.  As in bcdelta.tally, rows are
 * appended, which takes some microseconds, and replaced by their sums from time
 * to time.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "base/extension.h"
#include "tables/total.h"

/* columns of bcdelta.total */
enum
{
	TOTAL_SERVER,
	TOTAL_FEED,
	TOTAL_WHAT,
	TOTAL_LABEL,
	TOTAL_CODE,
	TOTAL_BUCKET,
	TOTAL_N,
	TOTAL_SECONDS,
	TOTAL_AT,
	TOTAL_NATTS = BCD_TOTAL_COLUMNS
};

/* After so many rows, and twice as many as there are sums, they are summed up */
#define FOLD_FROM	500

/* Fewer requests say nothing about how long the next ones will take */
#define ENOUGH_REQUESTS	20

static const double limits[BCD_BUCKETS - 1] = {0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};

/* rows appended by this process, and sums that there were before; -1: unknown */
static int64 appended = 0;
static int64 sums = -1;

/* The number of the bucket that a duration belongs to, from 0. */
int
bcd_total_bucket(double seconds)
{
	int			i = 0;

	while (i < lengthof(limits) && seconds > limits[i])
		i++;
	return i;
}

static void
set_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text)
		*value = CStringGetTextDatum(text);
}

/* Counts something, in the caller's transaction. */
void
bcd_total_add(const BcdTotal *total)
{
	Relation	relation = table_open(bcd_table_oid("total"), RowExclusiveLock);
	Datum		values[TOTAL_NATTS] = {0};
	bool		nulls[TOTAL_NATTS] = {false};
	HeapTuple	tuple;

	values[TOTAL_SERVER] = bcd_name_datum(total->server);
	set_text(&values[TOTAL_FEED], &nulls[TOTAL_FEED], total->feed);
	set_text(&values[TOTAL_WHAT], &nulls[TOTAL_WHAT], total->what);
	set_text(&values[TOTAL_LABEL], &nulls[TOTAL_LABEL], total->label);
	set_text(&values[TOTAL_CODE], &nulls[TOTAL_CODE], total->code);
	nulls[TOTAL_BUCKET] = total->bucket < 0;
	values[TOTAL_BUCKET] = Int32GetDatum(total->bucket);
	values[TOTAL_N] = Int64GetDatum(total->n);
	values[TOTAL_SECONDS] = Float8GetDatum(total->seconds);
	values[TOTAL_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
	tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
	/* the table could have values out of line, which ask for a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	simple_heap_insert(relation, tuple);
	PopActiveSnapshot();
	heap_freetuple(tuple);
	table_close(relation, NoLock);
	appended++;
}

static BcdStatement fold = {
	"WITH gone AS (DELETE FROM bcdelta.total RETURNING *)"
	" INSERT INTO bcdelta.total (server, feed, what, label, code, bucket, n, seconds, at)"
	" SELECT server, feed, what, label, code, bucket, sum(n), sum(seconds), max(at) FROM gone"
	" GROUP BY server, feed, what, label, code, bucket",
	0, {0}
};

/* Replaces rows by their sums, if that pays.  For the worker, in a transaction of its own. */
void
bcd_total_fold(void)
{
	if (sums >= 0 && appended < Max(FOLD_FROM, 2 * sums))
		return;
	sums = bcd_execute(&fold, NULL, NULL);
	appended = 0;
}

static BcdStatement select_totals = {
	"SELECT server, feed, what, label, code, bucket, sum(n)::int8, sum(seconds), max(at) FROM bcdelta.total"
	" GROUP BY server, feed, what, label, code, bucket",
	0, {0}
};

/*
 * Waits until what the present snapshot shows is on disk.  The worker commits
 * without waiting for that, and what a crash takes back must not have been
 * counted.
 */
static void
flush(void)
{
	XLogRecPtr	end;
	uint64		offset;

	if (RecoveryInProgress())
		return;
	end = GetXLogInsertRecPtr();
	/* at the start of a page, this is behind a header that is not written yet */
	offset = end % XLOG_BLCKSZ;
	if (offset == SizeOfXLogShortPHD || offset == SizeOfXLogLongPHD)
		end -= offset;
	XLogFlush(end);
}

/* Sums up what has happened so far; returns the number of rows for bcd_totals_row(). */
uint64
bcd_totals(void)
{
	uint64		n = bcd_query_as_seen(&select_totals, NULL, NULL, 0);

	flush();
	return n;
}

void
bcd_totals_row(uint64 i, Datum *values, bool *nulls)
{
	int			j;

	for (j = 0; j < TOTAL_NATTS; j++)
		values[j] = bcd_column_datum(i, j + 1, &nulls[j]);
}

static BcdStatement select_latency = {
	"SELECT sum(n)::int8, sum(seconds) FROM bcdelta.total WHERE what = 'request' AND server = $1 AND code = '2xx'",
	1, {NAMEOID}
};

/* Returns how long requests to a server have taken on average, in seconds, or 0 if little is known. */
double
bcd_total_latency(const char *server)
{
	Datum		arg = bcd_name_datum(server);
	bool		isnull;
	int64		n;

	(void) bcd_execute(&select_latency, &arg, NULL);
	n = bcd_column_int64(0, 1, &isnull);
	if (isnull || n < ENOUGH_REQUESTS)
		return 0;
	return DatumGetFloat8(bcd_column_datum(0, 2, &isnull)) / n;
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.total SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the figures of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_totals_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
