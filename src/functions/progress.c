/*
 * progress.c
 *		The functions behind the view progress.
 *
 * Only readers of the view, and of metrics, may call them, because they report on the runs of
 * all users. Numbers are rounded for readability; an interval is rounded
 * outwards, so that what lay within it still does.
 */
#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "functions/args.h"

PG_FUNCTION_INFO_V1(bcdelta_worker_progress);
PG_FUNCTION_INFO_V1(bcdelta_worker_forecast);

#define PROGRESS_COLUMNS	9
#define FORECAST_COLUMNS	4

static Interval *
interval_of(double seconds)
{
	Interval   *interval = palloc0(sizeof(Interval));

	interval->time = (TimeOffset) (Min(seconds, 1e9) * USECS_PER_SEC);
	return interval;
}

/*
 * Returns one run. Its speed is an average over the whole run, because the
 * rate that the store and its quota allow changes from moment to moment.
 */
static void
put_progress(BcdRows *rows, const BcdProgress *p)
{
	Datum		values[PROGRESS_COLUMNS] = {0};
	bool		nulls[PROGRESS_COLUMNS] = {false};
	double		seconds = (GetCurrentTimestamp() - p->started_at) / (double) USECS_PER_SEC;
	double		rate = seconds > 0 ? (p->done - p->before) / seconds : 0;

	values[0] = Int64GetDatum(p->run_id);
	values[1] = CStringGetTextDatum(p->phase);
	values[2] = Int64GetDatum(p->done);
	values[3] = Int64GetDatum(p->total);
	values[4] = Float8GetDatum(rate < 10 ? rint(rate * 10) / 10 : rint(rate));
	if (rate > 0)
		values[5] = IntervalPGetDatum(interval_of(ceil((p->total - p->done) / rate)));
	else
		nulls[5] = true;
	values[6] = Int64GetDatum(p->api_calls);
	values[7] = Int64GetDatum(p->throttled);
	values[8] = Int32GetDatum(p->in_flight);
	bcd_rows_put(rows, values, nulls);
}

/* Copies the active runs of this database; returns their number. */
static int
active_runs(BcdProgress *copy)
{
	int			n = 0;
	int			i;

	if (bcd_shared == NULL)
		return 0;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_RUNS; i++)
		if (bcd_shared->progress[i].dbid == MyDatabaseId)
			copy[n++] = bcd_shared->progress[i];
	LWLockRelease(bcd_shared->lock);
	return n;
}

/* bcdelta.worker_progress(): returns the active runs of this database. */
Datum
bcdelta_worker_progress(PG_FUNCTION_ARGS)
{
	BcdProgress *copy = palloc(sizeof(BcdProgress) * BCD_MAX_RUNS);
	BcdRows		rows;
	int			n;
	int			i;

	bcd_check_reader("progress", "metrics", "worker_progress");
	bcd_rows_begin(fcinfo, &rows);
	n = active_runs(copy);
	for (i = 0; i < n; i++)
		put_progress(&rows, &copy[i]);
	return (Datum) 0;
}

/* In steps of a second, 5 seconds, a minute or 5 minutes, down or up. */
static Interval *
rounded(double seconds, bool up)
{
	double		step = seconds < 60 ? 1 : seconds < 600 ? 5 : seconds < 6 * 3600 ? 60 : 300;

	return interval_of((up ? ceil(seconds / step) : floor(seconds / step)) * step);
}

/* What keeps a run from going on, in words, or NULL */
static char *
wait_words(const BcdProgress *p)
{
	int64		seconds = Max((p->waits_until - GetCurrentTimestamp()) / USECS_PER_SEC + 1, 1);

	switch (p->waiting_for)
	{
		case BCD_WAITS_FOR_QUOTA:
			return psprintf("quota: used up for another " INT64_FORMAT " s", seconds);
		case BCD_WAITS_FOR_STORE:
			return psprintf("the store: it asked for a pause of another " INT64_FORMAT " s", seconds);
		case BCD_WAITS_FOR_ANSWER:
			return psprintf("the store: it does not answer, and is tried again in " INT64_FORMAT " s", seconds);
		case BCD_WAITS_FOR_ROWS:
			return psprintf("rows that are tried again in " INT64_FORMAT " s", seconds);
		case BCD_WAITS_FOR_ENDPOINT:
			return psprintf("the endpoint %s: it takes %d %s at a time", p->endpoint, p->at_a_time,
							p->at_a_time == 1 ? "request" : "requests");
		case BCD_WAITS_FOR_NOTHING:
			break;
	}
	if (p->referring > 0 && p->done >= p->total)
		return psprintf("references: " INT64_FORMAT " %s not in the store", p->referring,
						p->referring == 1 ? "row refers to one that is" : "rows refer to rows that are");
	return NULL;
}

/* What a run waits for, in words, and what makes it slow */
static char *
waiting_words(const BcdProgress *p)
{
	char	   *wait = wait_words(p);

	if (p->shrinks[0] != '\0' && (wait == NULL || p->waiting_for == BCD_WAITS_FOR_QUOTA || p->waiting_for == BCD_WAITS_FOR_ENDPOINT))
		return psprintf("%s%sthe endpoint %s: it takes %d %s in a request, instead of %d",
						wait ? wait : "", wait ? "; " : "", p->shrinks, p->batch, p->batch == 1 ? "record" : "records", p->usual_batch);
	return wait ? wait : pstrdup("nothing");
}

static void
put_forecast(BcdRows *rows, const BcdProgress *p)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		values[FORECAST_COLUMNS] = {0};
	bool		nulls[FORECAST_COLUMNS] = {false};

	values[0] = Int64GetDatum(p->run_id);
	nulls[1] = nulls[2] = p->ends_before == 0;
	if (p->ends_before != 0)
	{
		values[1] = IntervalPGetDatum(rounded(Max(p->ends_after - now, 0) / (double) USECS_PER_SEC, false));
		values[2] = IntervalPGetDatum(rounded(Max(p->ends_before - now, USECS_PER_SEC) / (double) USECS_PER_SEC, true));
	}
	values[3] = CStringGetTextDatum(waiting_words(p));
	bcd_rows_put(rows, values, nulls);
}

/*
 * bcdelta.worker_forecast(): returns when the active runs may end, and what
 * they wait for.
 */
Datum
bcdelta_worker_forecast(PG_FUNCTION_ARGS)
{
	BcdProgress *copy = palloc(sizeof(BcdProgress) * BCD_MAX_RUNS);
	BcdRows		rows;
	int			n;
	int			i;

	bcd_check_reader("progress", NULL, "worker_forecast");
	bcd_rows_begin(fcinfo, &rows);
	n = active_runs(copy);
	for (i = 0; i < n; i++)
		put_forecast(&rows, &copy[i]);
	return (Datum) 0;
}
