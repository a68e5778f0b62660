/*
 * metrics.c
 *		The functions behind the view metrics.
 *
 * Only readers of the view may call them; see bcd_check_reader().
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "base/shmem.h"
#include "functions/args.h"
#include "tables/total.h"

PG_FUNCTION_INFO_V1(bcdelta_totals);
PG_FUNCTION_INFO_V1(bcdelta_worker_started);
PG_FUNCTION_INFO_V1(bcdelta_worker_quota);
PG_FUNCTION_INFO_V1(bcdelta_worker_wake_ups);

#define QUOTA_COLUMNS	7

/* bcdelta.totals() */
Datum
bcdelta_totals(PG_FUNCTION_ARGS)
{
	BcdRights	rights;
	BcdRows		rows;
	uint64		n;
	uint64		i;

	bcd_check_reader("metrics", NULL, "totals");
	bcd_rows_begin(fcinfo, &rows);
	bcd_spi_begin(&rights);
	n = bcd_totals();
	for (i = 0; i < n; i++)
	{
		Datum		values[BCD_TOTAL_COLUMNS];
		bool		nulls[BCD_TOTAL_COLUMNS];

		bcd_totals_row(i, values, nulls);
		bcd_rows_put(&rows, values, nulls);
	}
	bcd_spi_end(&rights);
	return (Datum) 0;
}

/* bcdelta.worker_started() */
Datum
bcdelta_worker_started(PG_FUNCTION_ARGS)
{
	TimestampTz started_at = 0;
	int			i;

	bcd_check_reader("metrics", NULL, "worker_started");
	if (bcd_shared == NULL)
		PG_RETURN_NULL();
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
		if (bcd_shared->workers[i].pid != 0 && bcd_shared->workers[i].dbid == MyDatabaseId)
			started_at = bcd_shared->workers[i].started_at;
	LWLockRelease(bcd_shared->lock);
	if (started_at == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(started_at);
}

static void
put_quota(BcdRows *rows, const BcdStoreState *s)
{
	Datum		values[QUOTA_COLUMNS];
	bool		nulls[QUOTA_COLUMNS] = {false};

	values[0] = ObjectIdGetDatum(s->serverid);
	values[1] = Int64GetDatum(s->quota);
	values[2] = Int64GetDatum(s->quota_left);
	values[3] = Float8GetDatum(s->others);
	nulls[3] = s->others < 0;
	values[4] = Int64GetDatum(s->twins);
	values[5] = TimestampTzGetDatum(s->twin_at);
	nulls[5] = s->twins == 0;
	values[6] = Int64GetDatum(s->clock_ms);
	nulls[6] = !s->clock_known;
	bcd_rows_put(rows, values, nulls);
}

/* bcdelta.worker_quota(): returns the stores whose quota, or clock, is known. */
Datum
bcdelta_worker_quota(PG_FUNCTION_ARGS)
{
	BcdStoreState *stores;
	BcdRows		rows;
	int			n;
	int			i;

	bcd_check_reader("metrics", "status", "worker_quota");
	bcd_rows_begin(fcinfo, &rows);
	n = bcd_stores_shown(&stores);
	for (i = 0; i < n; i++)
		if (stores[i].quota > 0 || stores[i].clock_known)
			put_quota(&rows, &stores[i]);
	return (Datum) 0;
}

/* bcdelta.worker_wake_ups(): what has woken the worker of this database, and how often. */
Datum
bcdelta_worker_wake_ups(PG_FUNCTION_ARGS)
{
	static const char *const names[BCD_WAKE_UPS] = {"commit", "run", "timer", "request"};
	int64		n[BCD_WAKE_UPS] = {0};
	BcdRows		rows;
	int			i;

	bcd_check_reader("status", "metrics", "worker_wake_ups");
	bcd_rows_begin(fcinfo, &rows);
	if (bcd_shared)
	{
		LWLockAcquire(bcd_shared->lock, LW_SHARED);
		for (i = 0; i < BCD_MAX_WORKERS; i++)
			if (bcd_shared->workers[i].dbid == MyDatabaseId)
				memcpy(n, bcd_shared->workers[i].wake_ups, sizeof(n));
		LWLockRelease(bcd_shared->lock);
	}
	for (i = 0; i < BCD_WAKE_UPS; i++)
	{
		Datum		values[2] = {CStringGetTextDatum(names[i]), Int64GetDatum(n[i])};
		bool		nulls[2] = {false, false};

		bcd_rows_put(&rows, values, nulls);
	}
	return (Datum) 0;
}
