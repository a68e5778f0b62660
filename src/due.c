/*
 * due.c
 *		Finding the schedules whose time has come.
 *
 * A schedule is due at next_run_at, on a grid of its period that starts one
 * period after it was made.  With hours, a time outside of them is moved to
 * the next opening, in the time zone of who made the schedule.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "attempt.h"
#include "bcdelta.h"
#include "compat.h"
#include "db.h"
#include "ended.h"
#include "feed.h"
#include "results.h"
#include "roles.h"
#include "schedule.h"
#include "schedules.h"
#include "store.h"

/* A row of bcdelta.schedule */
typedef struct DueSchedule
{
	char	   *name;
	char	   *kind;
	char	   *feed;			/* NULL: all of the server */
	char	   *server;
	Oid			owner;
	int64		every;			/* microseconds; 0: once */
	char	   *hours;
	char	   *zone;
	TimestampTz next;
	bool		busy;			/* the run that it started goes on */
	TimestampTz now;
	BcdStartRun start;
} DueSchedule;

/* Reads a window of hours; raises an error when it is malformed. */
static void
read_hours(const char *text, BcdHours *hours)
{
	if (!bcd_hours_parse(text, hours))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"hours\": \"%s\"", text),
				 errhint("It is a part of the day, as in '01:00-05:30' or '22:00-06:00'.")));
}

void
bcd_hours_check(const char *text)
{
	BcdHours	hours;

	read_hours(text, &hours);
}

/*
 * The first time from "at" on that lies within the hours of a time zone.
 *
 * Where the clocks change in between, the first move may miss, so it looks
 * again.
 */
TimestampTz
bcd_hours_next(TimestampTz at, const char *hours_text, const char *zone_name)
{
	BcdHours	hours;
	pg_tz	   *zone = pg_tzset(zone_name);
	int			i;

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("time zone \"%s\" is not known", zone_name)));
	read_hours(hours_text, &hours);
	for (i = 0; i < 3; i++)
	{
		struct pg_tm tm;
		fsec_t		fsec;
		int			tz;
		int			wait;

		if (timestamp2tm(at, &tz, &tm, &fsec, NULL, zone) != 0)
			break;
		wait = bcd_hours_wait(&hours, (tm.tm_hour * 60 + tm.tm_min) * 60 + tm.tm_sec);
		if (wait == 0)
			break;
		at += wait * USECS_PER_SEC - fsec;
	}
	return at;
}

static BcdStatement select_due = {
	"SELECT s.name, s.kind, s.feed, s.server, s.owner::oid::int8,"
	" coalesce(extract(epoch FROM s.every) * 1000000, 0)::int8, s.hours, s.time_zone,"
	" s.next_run_at,"
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

		d->name = bcd_column_text(i, 1);
		d->kind = bcd_column_text(i, 2);
		d->feed = bcd_column_text(i, 3);
		d->server = bcd_column_text(i, 4);
		d->owner = (Oid) bcd_column_int64(i, 5, NULL);
		d->every = bcd_column_int64(i, 6, NULL);
		d->hours = bcd_column_text(i, 7);
		d->zone = bcd_column_text(i, 8);
		d->next = DatumGetTimestampTz(bcd_column_datum(i, 9, &isnull));
		d->busy = bcd_column_bool(i, 10);
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
 * the next one has ended, see ended.c.
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

/* When a schedule is due after now; DT_NOEND: never again. */
static TimestampTz
next_time(const DueSchedule *d, TimestampTz now)
{
	int64		next = bcd_schedule_next(d->next, d->every, now);

	if (next == PG_INT64_MAX)
		return DT_NOEND;
	return d->hours ? bcd_hours_next(next, d->hours, d->zone) : next;
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
	TimestampTz opening = d->hours ? bcd_hours_next(now, d->hours, d->zone) : now;

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
	int64		next;

	d->now = now;
	d->start = start;
	error = bcd_attempt(start_one, d);
	if (error == NULL)
		return;
	next = bcd_schedule_next(d->next, d->every, now);
	record(d, next == PG_INT64_MAX ? DT_NOEND : next, failed_start(d, error->message), NULL);
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
