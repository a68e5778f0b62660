/*
 * plan_cutover.c
 *		plan_cutover(): checks its arguments and writes the plan.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "cutover/plan.h"
#include "cutover/told.h"
#include "engine/stop_criteria.h"
#include "feed/database_identity.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/plan_cutover.h"
#include "functions/stage.h"
#include "tables/cutover.h"
#include "tables/cutover_step.h"
#include "tables/event.h"
#include "worker/calls.h"
#include "worker/cutover_place.h"
#include "worker/wallclock.h"

PG_FUNCTION_INFO_V1(bcdelta_plan_cutover);

#define MAX_STEPS		50		/* sweeps before, and after */
#define MAX_DAYS		366		/* from now to go-live, and from there to the
								 * end */

/* Takes an array of intervals apart. Raises an error if one of them cannot be. */
static List *
intervals(FunctionCallInfo fcinfo, int n, const char *name)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			i;
	List	   *list = NIL;

	bcd_check_not_null(fcinfo, n, name);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE, &elements, &nulls, &count);
	if (count > MAX_STEPS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not have more than %d elements", name, MAX_STEPS)));
	for (i = 0; i < count; i++)
	{
		Interval   *interval;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" must not contain nulls", name)));
		interval = DatumGetIntervalP(elements[i]);
		list = lappend(list, interval);
	}
	return list;
}

/* Raises an error unless an interval is between two numbers of days. */
static void
check_interval(const Interval *interval, const char *name, int64 least, int64 most)
{
	Interval	from = {least, 0, 0};
	Interval	to = {most, 0, 0};

	if (interval->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not have months or years", name),
				 errdetail("Months and years differ in length."),
				 errhint("Use days.")));
	if (interval->day < -2 * MAX_DAYS || interval->day > 2 * MAX_DAYS ||
		interval->time < -2 * MAX_DAYS * USECS_PER_DAY || interval->time > 2 * MAX_DAYS * USECS_PER_DAY ||
		bcd_period_us(interval) < least || bcd_period_us(interval) > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between %s and %s", name,
						bcd_interval_words(&from), bcd_interval_words(&to))));
}

static int
longest_first(const ListCell *a, const ListCell *b)
{
	int64		x = bcd_period_us(lfirst(a));
	int64		y = bcd_period_us(lfirst(b));

	return x == y ? 0 : x > y ? -1 : 1;
}

static int
shortest_first(const ListCell *a, const ListCell *b)
{
	return longest_first(b, a);
}

/* Raises an error unless sweeps before go-live are before the freeze. */
static void
check_before(List *before, const BcdCutover *plan)
{
	ListCell   *lc;

	foreach(lc, before)
	{
		check_interval(lfirst(lc), "before", 1, MAX_DAYS * USECS_PER_DAY);
		if (bcd_period_us(lfirst(lc)) <= bcd_period_us(plan->freeze_for))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"before\" has %s, which is not before the freeze", bcd_interval_words(lfirst(lc))),
					 errdetail("The freeze begins %s before go-live, with a sweep.", bcd_interval_words(plan->freeze_for))));
	}
}

/* Raises an error if sweeps after go-live are too late. */
static void
check_after(List *after, const BcdCutover *plan)
{
	ListCell   *lc;

	foreach(lc, after)
	{
		if (bcd_period_us(lfirst(lc)) > BCD_LAST_SWEEP_DAYS * USECS_PER_DAY || ((Interval *) lfirst(lc))->month != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"after\" has a sweep more than %d days after go-live", BCD_LAST_SWEEP_DAYS),
					 errdetail("BigCommerce advises that the last delta migration is within two weeks of go-live: by then, the new shop's own changes outweigh those that are left in the old one."),
					 errhint("Repair single rows later with bcdelta.verify() and bcdelta.repair().")));
		check_interval(lfirst(lc), "after", 1, BCD_LAST_SWEEP_DAYS * USECS_PER_DAY);
		if (bcd_period_us(lfirst(lc)) > bcd_period_us(plan->watch_for))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"after\" has %s, which is after the end of the plan", bcd_interval_words(lfirst(lc))),
					 errhint("Set argument \"watch\".")));
	}
}

/* Raises an error unless the shop can go live then. */
void
bcd_check_go_live(TimestampTz at)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"go_live\" must be finite")));
	if (at <= now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"go_live\" is in the past: %s", timestamptz_to_str(at))));
	if (at > now + MAX_DAYS * USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"go_live\" is more than %d days away: %s", MAX_DAYS, timestamptz_to_str(at))));
}

/* When a plan goes live, for the journal */
Jsonb *
bcd_plan_times(const BcdCutover *plan)
{
	Jsonb	   *detail = bcd_detail_text(NULL, "go_live", timestamptz_to_str(plan->go_live));

	return bcd_detail_text(detail, "time_zone", plan->zone);
}

/* Reads the arguments of plan_cutover(). */
static void
read_plan(FunctionCallInfo fcinfo, BcdCutover *plan, List **before, List **after)
{
	BcdHours	hours;

	bcd_check_not_null(fcinfo, 0, "server");
	bcd_check_not_null(fcinfo, 1, "go_live");
	bcd_check_not_null(fcinfo, 2, "hours");
	bcd_check_not_null(fcinfo, 6, "freeze");
	bcd_check_not_null(fcinfo, 7, "watch");
	bcd_check_not_null(fcinfo, 9, "dry_run");
	plan->go_live = PG_GETARG_TIMESTAMPTZ(1);
	bcd_check_go_live(plan->go_live);
	plan->hours = bcd_arg_text(fcinfo, 2);
	bcd_hours_read(plan->hours, &hours);
	plan->zone = PG_ARGISNULL(3) ? pstrdup(pg_get_timezone_name(session_timezone)) : bcd_arg_text(fcinfo, 3);
	(void) bcd_hours_next(plan->go_live, &hours, plan->zone);
	plan->freeze_for = PG_GETARG_INTERVAL_P(6);
	check_interval(plan->freeze_for, "freeze", 0, BCD_LAST_SWEEP_DAYS * USECS_PER_DAY);
	plan->watch_for = PG_GETARG_INTERVAL_P(7);
	check_interval(plan->watch_for, "watch", USECS_PER_HOUR, MAX_DAYS * USECS_PER_DAY);
	*before = intervals(fcinfo, 4, "before");
	check_before(*before, plan);
	list_sort(*before, longest_first);
	*after = intervals(fcinfo, 5, "after");
	check_after(*after, plan);
	list_sort(*after, shortest_first);
	plan->state = "planned";
	plan->held = true;
	plan->went_live = DT_NOBEGIN;
	plan->owner = GetUserId();
	plan->home = bcd_home();
}

/* A plan that is written, and whose steps are returned */
typedef struct Writing
{
	BcdCutover *plan;
	Jsonb	   *stop;
	List	   *steps;
	BcdRows    *rows;
} Writing;

static void
put_row(Datum *values, bool *nulls, void *rows)
{
	bcd_rows_put(rows, values, nulls);
}

static void
write_plan(void *arg)
{
	Writing    *w = arg;
	BcdRights	rights;
	ListCell   *lc;

	bcd_spi_begin(&rights);
	if (bcd_cutover_active(w->plan->server))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("server \"%s\" already has a plan of a cutover", w->plan->server),
				 errhint("bcdelta.move_cutover() changes its time, bcdelta.abort_cutover() ends it.")));
	w->plan->plan_id = bcd_cutover_insert(w->plan, w->stop);
	foreach(lc, w->steps)
		bcd_step_insert(w->plan->plan_id, lfirst(lc));
	bcd_step_rows(w->plan->plan_id, put_row, w->rows);
	bcd_spi_end(&rights);
}

/*
 * bcdelta.plan_cutover(server, go_live, hours, time_zone, before, after,
 * freeze, watch, stop, dry_run): returns the steps.
 */
Datum
bcdelta_plan_cutover(PG_FUNCTION_ARGS)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	BcdCutover	plan = {0};
	Writing		writing = {&plan};
	List	   *before;
	List	   *after;
	BcdRows		rows;
	bool		dry_run;
	ErrorData  *error;
	BcdRights	rights;

	bcd_check_writable("bcdelta.plan_cutover()");
	read_plan(fcinfo, &plan, &before, &after);
	dry_run = PG_GETARG_BOOL(9);
	writing.stop = bcd_stop_criteria(PG_ARGISNULL(8) ? NULL : PG_GETARG_JSONB_P(8));
	plan.server = bcd_own_server(fcinfo);
	bcd_rows_begin(fcinfo, &rows);
	writing.rows = &rows;
	writing.steps = bcd_plan_steps(&plan, before, after, now);
	error = dry_run ? bcd_attempt_undone(write_plan, &writing) : bcd_attempt(write_plan, &writing);
	if (error)
		ReThrowError(error);
	bcd_tell_go_live(&plan);
	bcd_tell_clocks(&plan);
	bcd_tell_misfits(&plan, writing.steps, now);
	if (dry_run)
		return (Datum) 0;
	bcd_decided_on("plan_cutover", plan.server, NULL, NULL, NULL, bcd_plan_times(&plan));
	bcd_spi_begin(&rights);
	bcd_event_cutover(plan.server, "info", "planned", psprintf("server \"%s\" is planned to go live at %s", plan.server, bcd_time_words(plan.go_live, plan.zone)), 0);
	bcd_spi_end(&rights);
	bcd_wake_worker_at_commit();
	return (Datum) 0;
}
