/*
 * schedule_due.c
 *		Starts the schedules that are due.
 *
 * A schedule is due at next_run_at. The due times form a grid of its period
 * that starts at first_run_at; if the period includes days, it is a grid of
 * local times. If the schedule has hours, a due time outside of them is moved
 * to their next beginning. Hours and days are in the time zone of the
 * schedule's creator.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/roles.h"
#include "engine/engine.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "store/store.h"
#include "tables/run.h"
#include "tables/schedule.h"
#include "worker/schedule_due.h"
#include "worker/schedule_time.h"
#include "worker/wallclock.h"

/* A schedule that is due, and what to do with it */
typedef struct DueSchedule
{
	const BcdScheduleRow *row;
	TimestampTz now;
} DueSchedule;

/*
 * Raises an error unless the owner, the feed and the server exist, and the
 * owner may push.
 */
static void
check(const BcdScheduleRow *d)
{
	if (!bcd_role_exists(d->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("its owner no longer exists"),
				 errhint("Create the schedule again, as the role that its runs are for.")));
	(void) bcd_store_check(d->server, d->owner);
	if (d->feed)
		bcd_feed_free(bcd_feed_read(d->feed, false));
}

/*
 * Returns when a schedule is due after now, ignoring its hours; DT_NOEND:
 * never again.
 */
static TimestampTz
next_on_grid(const BcdScheduleRow *d, TimestampTz now)
{
	int64		next;

	if (d->every && d->every->day != 0)
		return bcd_wallclock_next(d->first, bcd_period_us(d->every), now, d->zone);
	next = bcd_schedule_next(d->next, d->every ? bcd_period_us(d->every) : 0, now);
	return next == PG_INT64_MAX ? DT_NOEND : next;
}

static TimestampTz
in_hours(const BcdScheduleRow *d, TimestampTz at)
{
	BcdHours	hours;

	if (d->hours == NULL || at == DT_NOEND)
		return at;
	bcd_hours_read(d->hours, &hours);
	return bcd_hours_next(at, &hours, d->zone);
}

static TimestampTz
next_time(const BcdScheduleRow *d, TimestampTz now)
{
	return in_hours(d, next_on_grid(d, now));
}

/* Requests the run of a schedule; returns its id. */
static int64
request_run(const BcdScheduleRow *schedule)
{
	BcdRunRequest request = {0};

	request.kind = schedule->kind;
	request.feed = schedule->feed;
	request.server = schedule->server;
	request.role = schedule->owner;
	request.schedule = schedule->name;
	if (strcmp(schedule->kind, "verify") == 0)
		request.mode = schedule->mode ? schedule->mode : "full";
	bcd_engine.requested = true;
	return bcd_run_insert(&request);
}

/*
 * Starts a schedule's run, unless its previous run has not ended or its hours
 * have ended meanwhile.
 */
static void
start_one(void *arg)
{
	const DueSchedule *due = arg;
	const BcdScheduleRow *d = due->row;
	TimestampTz now = due->now;
	TimestampTz opening = in_hours(d, now);

	if (opening > now)
		bcd_schedule_started(d->name, opening, 0, NULL);
	else if (d->busy)
		bcd_schedule_started(d->name, next_time(d, now), 0, "skipped: the previous run had not ended");
	else
	{
		check(d);
		bcd_schedule_started(d->name, next_time(d, now), request_run(d), NULL);
	}
}

/*
 * Records a run that could not be started as failed, so that it appears with
 * the others. Returns its id.
 */
static int64
failed_start(const BcdScheduleRow *d, const char *error)
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

/*
 * Starts a schedule's run and records its errors, which do not affect other
 * schedules.
 */
static void
try_one(const BcdScheduleRow *d, TimestampTz now)
{
	DueSchedule due = {d, now};
	ErrorData  *error = bcd_attempt(start_one, &due);

	if (error)
		bcd_schedule_started(d->name, next_on_grid(d, now), failed_start(d, error->message), NULL);
}

/*
 * Starts all schedules that are due. Returns when the next one is due, or
 * DT_NOEND if there is none.
 *
 * Called by the worker in a transaction, with SPI connected.
 */
TimestampTz
bcd_schedules_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	char	   *home = bcd_home();
	ListCell   *cell;

	foreach(cell, bcd_schedules_now_due(home, now))
		try_one(lfirst(cell), now);
	bcd_schedules_record_ends(home);
	bcd_schedules_realign(home, now);
	return bcd_schedules_next(home, now);
}
