/*
 * schedules.c
 *		schedule() and unschedule(): runs that the worker starts by itself.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "tables/schedule.h"
#include "worker/wallclock.h"

#define MAX_DAYS	3660		/* longest period */

PG_FUNCTION_INFO_V1(bcdelta_schedule);
PG_FUNCTION_INFO_V1(bcdelta_unschedule);

static const char *const kinds[] = {"push", "verify", NULL};
static const char *const alerts[] = {"difference", "failure", "always", "none", NULL};
static const char *const modes[] = {"count", "full", "changed", NULL};

static void
check_every(const Interval *every)
{
	if (every->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"every\" must not have months or years"),
				 errdetail("Months and years differ in length."),
				 errhint("Use days, or a cron expression with the extension pg_cron.")));
	if (every->day < -MAX_DAYS || every->day > MAX_DAYS ||
		every->time < -MAX_DAYS * USECS_PER_DAY || every->time > MAX_DAYS * USECS_PER_DAY ||
		bcd_period_us(every) < USECS_PER_SEC || bcd_period_us(every) > MAX_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"every\" must be at least 1 second and at most %d days", MAX_DAYS)));
}

/*
 * Raises an error unless the current user may act for the owner of a schedule.
 */
static void
check_owner(const char *schedule, Oid owner, const char *doing)
{
	if (!bcd_may_act_for(owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s schedule \"%s\"", doing, schedule),
				 errdetail("The schedule belongs to %s.", bcd_role_words(owner))));
}

/*
 * Locks a schedule's row and returns its owner. Returns false if there is
 * none.
 */
static bool
schedule_owner(const char *name, Oid *owner)
{
	BcdRights	rights;
	bool		exists;

	bcd_spi_begin(&rights);
	exists = bcd_schedule_lock(name, owner);
	bcd_spi_end(&rights);
	return exists;
}

/* Writes a schedule that exists at this moment into the journal. */
static void
decided(const char *what, const char *name)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	char	   *server = NULL;
	char	   *feed = NULL;
	Jsonb	   *detail;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	detail = bcd_schedule_definition(name, &server, &feed);
	bcd_spi_end(&rights);
	bcd_decided_on(what, server, feed, NULL, NULL, detail);
}

/* Returns the due time for argument "at". */
static TimestampTz
once_at(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"at\" must be finite")));
	if (at < GetCurrentTransactionStartTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"at\" is in the past: %s", timestamptz_to_str(at)),
				 errhint("To push at once, use bcdelta.push().")));
	return at;
}

/*
 * Returns the first due time for argument "every": one period from now, or
 * when the hours begin next.
 */
static TimestampTz
first_of_many(const Interval *every, const BcdHours *hours, const char *zone)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz due;
	TimestampTz opening;

	check_every(every);
	due = every->day == 0 ? now + bcd_period_us(every) :
		bcd_wallclock_next(now, bcd_period_us(every), now, zone);
	if (hours == NULL || hours->from == hours->to)
		return due;
	due = bcd_hours_next(due, hours, zone);
	opening = bcd_hours_opening(now, hours, zone);
	return Min(due, opening);
}

/*
 * Takes argument "hours" apart: hours of the day, and perhaps the name of a
 * time zone.
 */
static void
set_hours(BcdNewSchedule *schedule, char *text)
{
	char	   *p;

	while (text && (*text == ' ' || *text == '\t'))
		text++;
	schedule->zone = pg_get_timezone_name(session_timezone);
	schedule->hours = text;
	for (p = text; p && *p != '\0' && strchr("0123456789:- \t", *p); p++)
		;
	if (p == text || *p == '\0')
		return;
	schedule->zone = pstrdup(p);
	while (p > text && (p[-1] == ' ' || p[-1] == '\t'))
		p--;
	*p = '\0';
}

/* Raises an error if the hours end when they begin. */
static void
check_hours(const char *text, const BcdHours *hours)
{
	if (hours->from == hours->to && strstr(text, "24:00") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"hours\": \"%s\"", text),
				 errdetail("The hours end when they begin."),
				 errhint("Leave them out for a run at any hour.")));
}

/* Checks the arguments for times; returns the first due time. */
static TimestampTz
first_due(FunctionCallInfo fcinfo, const BcdNewSchedule *schedule)
{
	const char *zone = schedule->zone;
	const char *text = schedule->hours;
	BcdHours	hours;
	TimestampTz due;

	if (PG_ARGISNULL(3) == PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exactly one of the arguments \"every\" and \"at\" is needed")));
	if (text)
	{
		bcd_hours_read(text, &hours);
		check_hours(text, &hours);
	}
	if (PG_ARGISNULL(4))
		return first_of_many(PG_GETARG_INTERVAL_P(3), text ? &hours : NULL, zone);
	due = once_at(PG_GETARG_TIMESTAMPTZ(4));
	return text ? bcd_hours_next(due, &hours, zone) : due;
}

/* The mode of the runs, which only a verify has, or NULL */
static char *
mode_of(FunctionCallInfo fcinfo, const char *kind)
{
	char	   *mode = bcd_arg_text(fcinfo, 7);

	if (mode && strcmp(kind, "verify") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"mode\" cannot be used with kind \"%s\"", kind),
				 errhint("Use kind => 'verify'.")));
	if (mode)
		bcd_check_word(mode, "mode", modes);
	return mode;
}

/*
 * bcdelta.schedule(name, feed, server, every, at, kind, hours, mode, alert):
 * returns the first due time.
 */
Datum
bcdelta_schedule(PG_FUNCTION_ARGS)
{
	BcdNewSchedule schedule = {0};
	TimestampTz at;
	Oid			owner = GetUserId();
	BcdRights	rights;
	bool		written;

	bcd_check_writable("bcdelta.schedule()");
	bcd_check_not_null(fcinfo, 0, "name");
	bcd_check_not_null(fcinfo, 5, "kind");
	schedule.name = bcd_arg_text(fcinfo, 0);
	bcd_check_label(schedule.name, "name");
	schedule.kind = bcd_arg_text(fcinfo, 5);
	bcd_check_word(schedule.kind, "kind", kinds);
	schedule.mode = mode_of(fcinfo, schedule.kind);
	bcd_check_not_null(fcinfo, 8, "alert");
	schedule.alert = bcd_arg_text(fcinfo, 8);
	bcd_check_word(schedule.alert, "alert", alerts);
	set_hours(&schedule, bcd_arg_text(fcinfo, 6));
	schedule.due = first_due(fcinfo, &schedule);
	schedule.feed = bcd_arg_text(fcinfo, 1);
	schedule.server = bcd_target(schedule.feed, bcd_arg_name(fcinfo, 2));
	if (schedule_owner(schedule.name, &owner))
		check_owner(schedule.name, owner, "replace");

	if (!PG_ARGISNULL(3))
		schedule.every = PG_GETARG_INTERVAL_P(3);
	if (!PG_ARGISNULL(4))
	{
		at = PG_GETARG_TIMESTAMPTZ(4);
		schedule.at = &at;
	}
	schedule.owner = GetUserId();
	schedule.home = bcd_home();
	bcd_spi_begin(&rights);
	written = bcd_schedule_put(&schedule, owner);
	bcd_spi_end(&rights);
	/* someone else has created one with this name since we looked */
	if (!written)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("schedule \"%s\" already exists", schedule.name)));
	decided("schedule", schedule.name);
	bcd_wake_worker_at_commit();
	PG_RETURN_TIMESTAMPTZ(schedule.due);
}

/* bcdelta.unschedule(name) */
Datum
bcdelta_unschedule(PG_FUNCTION_ARGS)
{
	char	   *name = bcd_arg_text(fcinfo, 0);
	Oid			owner;
	BcdRights	rights;

	bcd_check_writable("bcdelta.unschedule()");
	if (!schedule_owner(name, &owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("schedule \"%s\" does not exist", name),
				 errhint("SELECT name FROM bcdelta.schedule lists them.")));
	check_owner(name, owner, "remove");
	decided("unschedule", name);
	bcd_spi_begin(&rights);
	bcd_schedule_delete(name);
	bcd_spi_end(&rights);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
