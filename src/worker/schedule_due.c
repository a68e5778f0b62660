/*
 * schedule_due.c
 *		Finding the schedules whose time has come.
 *
 * A schedule is due at next_run_at, on a grid of its period that starts at
 * first_run_at; where the period has days, it is a grid of the clock's times.
 * With hours, a time outside of them is moved to the next opening.  Hours and
 * days are those of the time zone of who made the schedule.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "store/store.h"
#include "tables/results.h"
#include "tables/schedule_end.h"
#include "worker/schedule_due.h"
#include "worker/schedule_time.h"
#include "worker/wallclock.h"

/* A row of bcdelta.schedule */
typedef struct DueSchedule
{
	char	   *name;
	char	   *kind;
	char	   *feed;			/* NULL: all of the server */
	char	   *server;
	Oid			owner;
	Interval   *every;			/* NULL: once */
	char	   *hours;
	char	   *zone;
	TimestampTz first;
	TimestampTz next;
	bool		busy;			/* the run that it started goes on */
	TimestampTz now;
	BcdStartRun start;
} DueSchedule;

static BcdStatement select_due = {
	"SELECT s.name, s.kind, s.feed, s.server, s.owner::oid::int8,"
	" s.every, s.hours, s.time_zone, s.first_run_at, s.next_run_at,"
	" EXISTS (SELECT FROM bcdelta.run AS r WHERE r.schedule = s.name"
	"  AND r.state IN ('requested', 'running'))"
	" FROM bcdelta.schedule AS s"
	" WHERE s.home = $1 AND s.next_run_at <= $2"
	" ORDER BY s.next_run_at, s.name FOR UPDATE OF s SKIP LOCKED",
	2, {TEXTOID, TIMESTAMPTZOID}
};

/*
 * The schedules that are due, in the given memory context.  One that a
 * session holds locked is looked at another time: the worker waits for
 * nobody.
 */
static List *
due_schedules(TimestampTz now, MemoryContext cxt)
{
	List	   *list = NIL;
	Datum		args[2];
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(bcd_home());
	args[1] = TimestampTzGetDatum(now);
	n = bcd_execute(&select_due, args, NULL);
	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		DueSchedule *d = palloc0(sizeof(DueSchedule));
		bool		isnull;
		Datum		every;

		d->name = bcd_column_text(i, 1);
		d->kind = bcd_column_text(i, 2);
		d->feed = bcd_column_text(i, 3);
		d->server = bcd_column_text(i, 4);
		d->owner = (Oid) bcd_column_int64(i, 5, NULL);
		every = bcd_column_datum(i, 6, &isnull);
		if (!isnull)
			d->every = DatumGetIntervalP(datumCopy(every, false, sizeof(Interval)));
		d->hours = bcd_column_text(i, 7);
		d->zone = bcd_column_text(i, 8);
		d->first = DatumGetTimestampTz(bcd_column_datum(i, 9, &isnull));
		d->next = DatumGetTimestampTz(bcd_column_datum(i, 10, &isnull));
		d->busy = bcd_column_bool(i, 11);
		list = lappend(list, d);
		MemoryContextSwitchTo(old);
	}
	return list;
}

/* Its owner, its feed and its server are there, and the owner may push. */
static void
check(const DueSchedule *d)
{
	if (!bcd_role_exists(d->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("its owner does not exist any more"),
				 errhint("Make the schedule anew, as the role that its runs are for.")));
	(void) bcd_store_check(d->server, d->owner);
	if (d->feed)
		bcd_feed_free(bcd_feed_read(d->feed, false));
}

static BcdStatement update_schedule = {
	"UPDATE bcdelta.schedule SET next_run_at = $2, last_run_id = coalesce($3, last_run_id),"
	" last_error = coalesce($4, last_error) WHERE name = $1",
	4, {TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID}
};

/*
 * Writes down what came of a schedule.  An error of the last run stands until
 * the next one has ended, see schedule_end.c.
 */
static void
record(const DueSchedule *d, TimestampTz next, int64 run_id, const char *error)
{
	Datum		args[4];
	char		nulls[] = "    ";

	args[0] = CStringGetTextDatum(d->name);
	args[1] = TimestampTzGetDatum(next);
	args[2] = Int64GetDatum(run_id);
	args[3] = error ? CStringGetTextDatum(error) : (Datum) 0;
	nulls[1] = next == DT_NOEND ? 'n' : ' ';
	nulls[2] = run_id == 0 ? 'n' : ' ';
	nulls[3] = error ? ' ' : 'n';
	(void) bcd_execute(&update_schedule, args, nulls);
}

/* When a schedule is due after now, whatever its hours; DT_NOEND: never again. */
static TimestampTz
next_on_grid(const DueSchedule *d, TimestampTz now)
{
	int64		next;

	if (d->every && d->every->day != 0)
		return bcd_wallclock_next(d->first, bcd_period_us(d->every), now, d->zone);
	next = bcd_schedule_next(d->next, d->every ? bcd_period_us(d->every) : 0, now);
	return next == PG_INT64_MAX ? DT_NOEND : next;
}

static TimestampTz
in_hours(const DueSchedule *d, TimestampTz at)
{
	BcdHours	hours;

	if (d->hours == NULL || at == DT_NOEND)
		return at;
	bcd_hours_read(d->hours, &hours);
	return bcd_hours_next(at, &hours, d->zone);
}

static TimestampTz
next_time(const DueSchedule *d, TimestampTz now)
{
	return in_hours(d, next_on_grid(d, now));
}

/*
 * Starts one schedule's run, unless the one before it goes on, or the hours
 * are over by now.
 */
static void
start_one(void *arg)
{
	const DueSchedule *d = arg;
	TimestampTz now = d->now;
	TimestampTz opening = in_hours(d, now);

	if (opening > now)
		record(d, opening, 0, NULL);
	else if (d->busy)
		record(d, next_time(d, now), 0, "skipped: the run before it had not ended");
	else
	{
		char	   *error = NULL;
		int64		run_id = 0;

		check(d);
		d->start(d->name, d->kind, d->feed, d->server, d->owner, &error, &run_id);
		record(d, next_time(d, now), run_id, error);
	}
}

/*
 * A run that could not be started is one that failed: it is seen where others
 * are.  Returns its id.
 */
static int64
failed_start(const DueSchedule *d, const char *error)
{
	BcdRunRequest request = {0};
	int64		run_id;

	request.kind = d->kind;
	request.feed = d->feed;
	request.server = d->server;
	request.role = d->owner;
	request.schedule = d->name;
	run_id = bcd_run_insert(&request);
	(void) bcd_run_fail(run_id, "failed", psprintf("it could not be started: %s", error));
	return run_id;
}

/* The same; trouble is the schedule's own. */
static void
try_one(DueSchedule *d, TimestampTz now, BcdStartRun start)
{
	ErrorData  *error;

	d->now = now;
	d->start = start;
	error = bcd_attempt(start_one, d);
	if (error == NULL)
		return;
	record(d, next_on_grid(d, now), failed_start(d, error->message), NULL);
}

/*
 * A clock that was set back leaves times far in the future: no time is
 * further away than a period, and a day for the hours.
 */
static BcdStatement realign = {
	"UPDATE bcdelta.schedule SET next_run_at = $2 + every"
	" WHERE home = $1 AND next_run_at > $2 + every + interval '25 hours'",
	2, {TEXTOID, TIMESTAMPTZOID}
};

static BcdStatement select_next = {
	"SELECT min(next_run_at) FROM bcdelta.schedule WHERE home = $1 AND next_run_at > $2",
	2, {TEXTOID, TIMESTAMPTZOID}
};

/*
 * Starts what is due; returns when there is something due next, DT_NOEND
 * when there is nothing.
 *
 * Called by the worker in a transaction, with SPI connected.
 */
TimestampTz
bcd_schedules_due(BcdStartRun start)
{
	TimestampTz now = GetCurrentTimestamp();
	Datum		args[2];
	Datum		next;
	bool		isnull;
	ListCell   *cell;

	foreach(cell, due_schedules(now, CurrentMemoryContext))
		try_one((DueSchedule *) lfirst(cell), now, start);
	bcd_ended_tell();
	args[0] = CStringGetTextDatum(bcd_home());
	args[1] = TimestampTzGetDatum(now);
	(void) bcd_execute(&realign, args, NULL);
	(void) bcd_execute(&select_next, args, NULL);
	next = bcd_column_datum(0, 1, &isnull);
	return isnull ? DT_NOEND : DatumGetTimestampTz(next);
}
