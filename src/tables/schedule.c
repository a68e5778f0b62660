/*
 * schedule.c
 *		bcdelta.schedule: runs that the worker starts by itself.
 *
 * The worker never waits for a lock: a schedule that a session has locked is
 * looked at later.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/schedule.h"

static BcdStatement lock_schedule = {
	"SELECT owner::oid::int8 FROM bcdelta.schedule WHERE name = $1 FOR UPDATE", 1, {TEXTOID}
};

/*
 * Locks a schedule's row and returns its owner. Returns false if there is
 * none.
 */
bool
bcd_schedule_lock(const char *name, Oid *owner)
{
	Datum		arg = CStringGetTextDatum(name);

	if (bcd_execute(&lock_schedule, &arg, NULL) == 0)
		return false;
	*owner = (Oid) bcd_column_int64(0, 1, NULL);
	return true;
}

static BcdStatement upsert_schedule = {
	"INSERT INTO bcdelta.schedule AS s"
	" (name, feed, server, every, at, kind, hours, time_zone, owner, home, first_run_at, next_run_at, mode, alert, told_run_id)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $13, $14,"
	"  CASE $14 WHEN 'always' THEN (SELECT coalesce(max(run_id), 0) FROM bcdelta.run) END)"
	" ON CONFLICT (name) DO UPDATE SET feed = EXCLUDED.feed, server = EXCLUDED.server,"
	" every = EXCLUDED.every, at = EXCLUDED.at, kind = EXCLUDED.kind, hours = EXCLUDED.hours,"
	" time_zone = EXCLUDED.time_zone, owner = EXCLUDED.owner, home = EXCLUDED.home,"
	" first_run_at = EXCLUDED.first_run_at, next_run_at = EXCLUDED.next_run_at, mode = EXCLUDED.mode, alert = EXCLUDED.alert, told_run_id = EXCLUDED.told_run_id,"
	" last_run_id = NULL, last_error = NULL"
	" WHERE s.owner = $12",
	14, {TEXTOID, TEXTOID, NAMEOID, INTERVALOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID,
	OIDOID, TEXTOID, TIMESTAMPTZOID, OIDOID, TEXTOID, TEXTOID}
};

/*
 * Creates or replaces a schedule. Returns false if there is one of that name
 * that belongs to a different owner.
 */
bool
bcd_schedule_put(const BcdNewSchedule *schedule, Oid owner)
{
	Datum		args[14];
	char		nulls[] = "              ";

	args[0] = CStringGetTextDatum(schedule->name);
	args[1] = bcd_text_or_null(schedule->feed, &nulls[1]);
	args[2] = bcd_name_datum(schedule->server);
	nulls[3] = schedule->every ? ' ' : 'n';
	args[3] = IntervalPGetDatum(schedule->every);
	nulls[4] = schedule->at ? ' ' : 'n';
	args[4] = schedule->at ? TimestampTzGetDatum(*schedule->at) : (Datum) 0;
	args[5] = CStringGetTextDatum(schedule->kind);
	args[6] = bcd_text_or_null(schedule->hours, &nulls[6]);
	args[7] = CStringGetTextDatum(schedule->zone);
	args[8] = ObjectIdGetDatum(schedule->owner);
	args[9] = CStringGetTextDatum(schedule->home);
	args[10] = TimestampTzGetDatum(schedule->due);
	args[11] = ObjectIdGetDatum(owner);
	args[12] = bcd_text_or_null(schedule->mode, &nulls[12]);
	args[13] = CStringGetTextDatum(schedule->alert);
	return bcd_execute(&upsert_schedule, args, nulls) > 0;
}

static BcdStatement select_definition = {
	"SELECT server, feed, jsonb_strip_nulls(jsonb_build_object('schedule', name, 'kind', kind, 'every', every,"
	" 'at', at, 'hours', hours, 'time_zone', CASE WHEN hours IS NOT NULL THEN time_zone END, 'mode', mode, 'alert', nullif(alert, 'difference'), 'owner', owner))"
	" FROM bcdelta.schedule WHERE name = $1",
	1, {TEXTOID}
};

/*
 * Returns a schedule in words, its server and its feed, in the current memory
 * context.
 */
Jsonb *
bcd_schedule_definition(const char *name, char **server, char **feed)
{
	Datum		arg = CStringGetTextDatum(name);

	if (bcd_select(&select_definition, &arg, NULL) == 0)
		return NULL;
	*server = bcd_column_text(0, 1);
	*feed = bcd_column_text(0, 2);
	return bcd_column_jsonb(0, 3);
}

static BcdStatement delete_schedule = {
	"DELETE FROM bcdelta.schedule WHERE name = $1", 1, {TEXTOID}
};

void
bcd_schedule_delete(const char *name)
{
	Datum		arg = CStringGetTextDatum(name);

	(void) bcd_execute(&delete_schedule, &arg, NULL);
}

static BcdStatement select_due = {
	"SELECT s.name, s.kind, s.feed, s.server, s.owner::oid::int8,"
	" s.every, s.hours, s.time_zone, s.first_run_at, s.next_run_at,"
	" EXISTS (SELECT FROM bcdelta.run AS r WHERE r.schedule = s.name"
	"  AND r.state IN ('requested', 'running')), s.mode"
	" FROM bcdelta.schedule AS s"
	" WHERE s.home = $1 AND s.next_run_at <= $2"
	" ORDER BY s.next_run_at, s.name FOR UPDATE OF s SKIP LOCKED",
	2, {TEXTOID, TIMESTAMPTZOID}
};

/*
 * Returns the schedules that are due as BcdScheduleRow structs, in the current
 * memory context.
 */
List *
bcd_schedules_now_due(const char *home, TimestampTz now)
{
	List	   *list = NIL;
	Datum		args[2];
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(home);
	args[1] = TimestampTzGetDatum(now);
	n = bcd_select(&select_due, args, NULL);
	for (i = 0; i < n; i++)
	{
		BcdScheduleRow *s = palloc0(sizeof(BcdScheduleRow));
		bool		isnull;
		Datum		every;

		s->name = bcd_column_text(i, 1);
		s->kind = bcd_column_text(i, 2);
		s->feed = bcd_column_text(i, 3);
		s->server = bcd_column_text(i, 4);
		s->owner = (Oid) bcd_column_int64(i, 5, NULL);
		every = bcd_column_datum(i, 6, &isnull);
		if (!isnull)
			s->every = DatumGetIntervalP(datumCopy(every, false, sizeof(Interval)));
		s->hours = bcd_column_text(i, 7);
		s->zone = bcd_column_text(i, 8);
		s->first = DatumGetTimestampTz(bcd_column_datum(i, 9, &isnull));
		s->next = DatumGetTimestampTz(bcd_column_datum(i, 10, &isnull));
		s->busy = bcd_column_bool(i, 11);
		s->mode = bcd_column_text(i, 12);
		list = lappend(list, s);
	}
	return list;
}

static BcdStatement update_schedule = {
	"UPDATE bcdelta.schedule SET next_run_at = $2, last_run_id = coalesce($3, last_run_id),"
	" last_error = coalesce($4, last_error) WHERE name = $1",
	4, {TEXTOID, TIMESTAMPTZOID, INT8OID, TEXTOID}
};

/*
 * Records the start of a schedule's run, or the error that prevented it; next
 * is DT_NOEND if the schedule is not to run again. An error of the last run
 * remains until the next one has ended; see bcd_schedules_record_ends().
 */
void
bcd_schedule_started(const char *name, TimestampTz next, int64 run_id, const char *error)
{
	Datum		args[4];
	char		nulls[] = "    ";

	args[0] = CStringGetTextDatum(name);
	args[1] = TimestampTzGetDatum(next);
	args[2] = Int64GetDatum(run_id);
	args[3] = bcd_text_or_null(error, &nulls[3]);
	nulls[1] = next == DT_NOEND ? 'n' : ' ';
	nulls[2] = run_id == 0 ? 'n' : ' ';
	(void) bcd_execute(&update_schedule, args, nulls);
}

/*
 * If the clock was set back, schedules can be due far in the future. No
 * schedule can be further away than its period, plus a day for its hours.
 */
static BcdStatement realign = {
	"UPDATE bcdelta.schedule SET next_run_at = $2 + every"
	" WHERE home = $1 AND next_run_at > $2 + every + interval '25 hours'",
	2, {TEXTOID, TIMESTAMPTZOID}
};

void
bcd_schedules_realign(const char *home, TimestampTz now)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(home);
	args[1] = TimestampTzGetDatum(now);
	(void) bcd_execute(&realign, args, NULL);
}

static BcdStatement select_next = {
	"SELECT min(next_run_at) FROM bcdelta.schedule WHERE home = $1 AND next_run_at > $2",
	2, {TEXTOID, TIMESTAMPTZOID}
};

/* Returns when the next schedule is due, or DT_NOEND if there is none. */
TimestampTz
bcd_schedules_next(const char *home, TimestampTz now)
{
	Datum		args[2];
	Datum		next;
	bool		isnull;

	args[0] = CStringGetTextDatum(home);
	args[1] = TimestampTzGetDatum(now);
	(void) bcd_execute(&select_next, args, NULL);
	next = bcd_column_datum(0, 1, &isnull);
	return isnull ? DT_NOEND : DatumGetTimestampTz(next);
}

#define LAST_ERROR \
	"CASE r.state WHEN 'succeeded' THEN r.warning" \
	" ELSE pg_catalog.format('run %s %s: %s', r.run_id," \
	"  CASE r.state WHEN 'failed' THEN 'failed' ELSE 'was cancelled' END," \
	"  coalesce(r.error, 'no reason is known')) END"

/*
 * Errors that differ only in the number of the run are not new, nor is that
 * after a failure all feeds are paused: it is why they were paused.
 */
static BcdStatement note_ends = {
	"UPDATE bcdelta.schedule AS s SET last_error = e.error FROM ("
	"  SELECT o.name, o.last_error AS before, " LAST_ERROR " AS error, r.error AS reason"
	"  FROM bcdelta.schedule AS o JOIN bcdelta.run AS r ON r.run_id = o.last_run_id AND r.schedule = o.name"
	"  WHERE o.home = $1 AND r.state NOT IN ('requested', 'running')"
	"  AND o.last_error IS DISTINCT FROM " LAST_ERROR
	"  FOR UPDATE OF o SKIP LOCKED) AS e"
	" WHERE s.name = e.name"
	" RETURNING s.name, CASE WHEN coalesce(pg_catalog.strpos(e.before, coalesce(e.reason, e.error)), 0) = 0"
	"  AND NOT coalesce(e.before ~ '^run [0-9]+ failed' AND pg_catalog.starts_with(e.reason, 'every feed of the store is paused'), false)"
	"  THEN e.error END",
	1, {TEXTOID}
};

static BcdStatement note_copies = {
	"UPDATE bcdelta.schedule SET last_error ="
	" 'this database is a copy of the one that this schedule was made in: nothing is started until bcdelta.resume() says of a feed that this copy is now the source'"
	" WHERE name IN (SELECT name FROM bcdelta.schedule WHERE home <> $1"
	"  AND coalesce(last_error, '') !~ '^this database is a copy' FOR UPDATE SKIP LOCKED)",
	1, {TEXTOID}
};

/*
 * Records how the last runs of schedules ended.
 *
 * Nobody waits for a scheduled run, so its error stays in schedule.last_error
 * until a later run succeeds. It is copied from the row of the schedule's last
 * run whenever it differs, so it does not matter who ended the run. New errors
 * are also logged.
 */
void
bcd_schedules_record_ends(const char *home)
{
	Datum		arg = CStringGetTextDatum(home);
	uint64		n;
	uint64		i;

	(void) bcd_execute(&note_copies, &arg, NULL);
	n = bcd_execute(&note_ends, &arg, NULL);
	for (i = 0; i < n; i++)
	{
		char	   *error = bcd_column_text(i, 2);

		if (error)
			ereport(WARNING,
					(errmsg("bcdelta: schedule \"%s\": %s", bcd_column_text(i, 1), error)));
	}
}

static BcdStatement adopt = {
	"UPDATE bcdelta.schedule AS s SET home = $2, last_error = NULL FROM bcdelta.feed AS f"
	" WHERE f.feed = $1 AND f.home <> $2 AND s.home = f.home"
	" AND (s.feed = f.feed OR (s.feed IS NULL AND s.server = f.server))",
	2, {TEXTOID, TEXTOID}
};

/*
 * Before a feed gets another home, gives it to the schedules that came along,
 * too.
 */
void
bcd_schedules_adopt(const char *feed, const char *home)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(home);
	(void) bcd_execute(&adopt, args, NULL);
}

static BcdStatement move_home = {
	"UPDATE bcdelta.schedule SET home = $1 WHERE home = $2", 2, {TEXTOID, TEXTOID}
};

void
bcd_schedules_move_home(const char *from, const char *to)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(to);
	args[1] = CStringGetTextDatum(from);
	(void) bcd_execute(&move_home, args, NULL);
}

static BcdStatement disown = {
	"UPDATE bcdelta.schedule SET owner = 0 WHERE name IN (SELECT s.name FROM bcdelta.schedule AS s"
	"  WHERE s.owner <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = s.owner)"
	"  FOR NO KEY UPDATE SKIP LOCKED)",
	0, {0}
};

/* Removes the OIDs of dropped roles. */
void
bcd_schedules_disown(void)
{
	(void) bcd_execute(&disown, NULL, NULL);
}
