/*
 * cutover_step_kinds.c
 *		What the kinds of steps of a cutover do.
 *
 * A step acts for the owner of the plan.  Its run is requested in the
 * transaction that marks it as running, so after a crash there is neither a
 * step without its run nor a run without its step.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/db.h"
#include "base/debug.h"
#include "base/roles.h"
#include "engine/engine.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/stage_change.h"
#include "store/store.h"
#include "tables/adjustment.h"
#include "tables/event.h"
#include "tables/journal.h"
#include "tables/run.h"
#include "tables/run_step.h"
#include "worker/cutover_place.h"
#include "worker/cutover_step_kinds.h"
#include "worker/wallclock.h"

#define SAMPLE_ROWS		100		/* of each feed that is verified daily */
#define REHEARSED_ROWS	10

/* A step has ended. */
void
bcd_step_end(const BcdCutover *plan, BcdCutoverStep *s, const char *state, const char *measured)
{
	bcd_step_ended(plan->plan_id, s->step, state, measured, NULL);
	s->state = state;
}

static void
tell(const BcdCutover *plan, const BcdCutoverStep *s, const char *severity, const char *event, const char *message)
{
	bcd_event_cutover(plan->server, severity, event, message, s->run_id);
}

static void
request_run(BcdCutoverLook *look, BcdCutoverStep *s, BcdRunRequest *request)
{
	request->server = look->plan->server;
	request->role = look->plan->owner;
	s->run_id = bcd_run_insert(request);
	bcd_step_started(look->plan->plan_id, s->step, s->state = "running", s->run_id);
	bcd_engine.requested = true;
}

static void
start_push(BcdCutoverLook *look, BcdCutoverStep *s)
{
	BcdRunRequest request = {.kind = "push"};

	request_run(look, s, &request);
}

static void
start_verify(BcdCutoverLook *look, BcdCutoverStep *s)
{
	BcdRunRequest request = {.kind = "verify",.mode = s->detail,.sample = SAMPLE_ROWS};

	request_run(look, s, &request);
}

static Jsonb *
object(char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* Some records get the values back that they had before the last push, for some seconds. */
static void
start_rollback(BcdCutoverLook *look, BcdCutoverStep *s)
{
	BcdRunRequest request = {.kind = "rollback",.max_rows = REHEARSED_ROWS};
	MemoryContext cxt = CurrentMemoryContext;
	int64		run_id = bcd_run_to_rehearse(look->plan->server);

	MemoryContextSwitchTo(cxt);
	if (run_id == 0)
	{
		bcd_step_end(look->plan, s, "done", "no push has updated anything yet that could be rolled back");
		return;
	}
	request.rollback = object(psprintf("{\"run_id\": " INT64_FORMAT ", \"created\": \"keep\", \"force\": false, \"after\": \"hold\"}", run_id));
	request_run(look, s, &request);
}

/* What the rehearsal has rolled back is pushed again. */
static void
release(const BcdCutoverStep *s)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *feeds = bcd_holds_feeds(s->run_id);
	ListCell   *lc;

	MemoryContextSwitchTo(cxt);
	foreach(lc, feeds)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), false);

		bcd_links_take(feed->feed_id);
		(void) bcd_holds_release(feed, s->run_id);
		bcd_feed_free(feed);
		MemoryContextSwitchTo(cxt);
	}
}

/* Runs a query with the server as its argument, as the plan's owner; returns its first column, or NULL. */
static char *
ask_as_owner(const BcdCutover *plan, const char *query)
{
	Oid			types[] = {NAMEOID};
	Datum		args[] = {bcd_name_datum(plan->server)};
	BcdRights	rights;
	char	   *answer = NULL;

	bcd_become(&rights, plan->owner, true);
	if (SPI_execute_with_args(query, 1, types, args, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not ask for what is known of server \"%s\"", plan->server);
	if (SPI_processed > 0)
		answer = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	bcd_become_again(&rights);
	return answer;
}

static void
start_estimate(BcdCutoverLook *look, BcdCutoverStep *s)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *words = ask_as_owner(look->plan,
									 "SELECT format('a sweep of what is pending: rows: %s, requests: %s, seconds: %s', rows, calls, coalesce(seconds::text, 'not known'))"
									 " FROM bcdelta.estimate(server => $1)");

	MemoryContextSwitchTo(cxt);
	bcd_step_end(look->plan, s, "done", words);
}

/* What speaks against going live */
static void
start_check(BcdCutoverLook *look, BcdCutoverStep *s)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *unmet = ask_as_owner(look->plan,
									 "SELECT string_agg(format('%s: %s', criterion, coalesce(found, 'unknown')), '; ' ORDER BY no)"
									 " FROM bcdelta.go_live_check($1) WHERE severity = 'must' AND verdict IN ('no-go', 'unknown')");

	MemoryContextSwitchTo(cxt);
	bcd_step_end(look->plan, s, "done", unmet ? psprintf("no-go: %s", unmet) : "go: nothing speaks against it");
	if (unmet)
		tell(look->plan, s, "warning", "no_go", psprintf("server \"%s\" is not ready to go live: %s", look->plan->server, unmet));
}

static void
journal(const BcdCutover *plan, const BcdCutoverStep *s)
{
	BcdJournalEntry entry = {.what = "stage",.server = plan->server,.reason = "the plan of the cutover"};

	entry.detail = object(psprintf("{\"plan_id\": " INT64_FORMAT ", \"step\": %d, \"stage\": \"%s\"}", plan->plan_id, s->step, s->detail));
	(void) bcd_journal(&entry);
}

/* From now on, the times of the steps depend on when the store really went live. */
static void
went_live(BcdCutoverLook *look, const BcdCutoverStep *s)
{
	BcdCutover *plan = look->plan;
	List	   *later = NIL;
	ListCell   *lc;

	bcd_cutover_set_state(plan->plan_id, "live");
	plan->state = "live";
	plan->go_live = plan->went_live = look->now;
	foreach(lc, look->steps)
	{
		BcdCutoverStep *other = lfirst(lc);

		if (other->step > s->step && strcmp(other->state, "planned") == 0)
			later = lappend(later, other);
	}
	bcd_steps_place(plan, later, look->now);
	foreach(lc, later)
		bcd_step_plan(plan->plan_id, lfirst(lc));
}

static void
start_stage(BcdCutoverLook *look, BcdCutoverStep *s)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdCutover *plan = look->plan;
	char	   *owner = GetUserNameFromId(plan->owner, false);

	bcd_stage_change(plan->server, s->detail, owner, "the plan of the cutover");
	MemoryContextSwitchTo(cxt);
	journal(plan, s);
	bcd_step_end(plan, s, "done", NULL);
	if (strcmp(s->detail, "live") == 0)
		went_live(look, s);
	if (strcmp(s->detail, "closed") == 0)
	{
		bcd_steps_skip(plan->plan_id, "the plan is over", NULL);
		bcd_cutover_set_state(plan->plan_id, plan->state = "done");
	}
	MemoryContextSwitchTo(cxt);
	tell(plan, s, "info", s->detail, psprintf("stage %s of server \"%s\" has begun", s->detail, plan->server));
}

static void
start_go(BcdCutoverLook *look, BcdCutoverStep *s)
{
	const BcdCutover *plan = look->plan;

	bcd_step_started(plan->plan_id, s->step, s->state = "waiting", 0);
	tell(plan, s, "warning", NULL,
		 psprintf("the cutover of server \"%s\" waits: SELECT bcdelta.go(%s) goes live", plan->server, quote_literal_cstr(plan->server)));
}

static void
start_message(BcdCutoverLook *look, BcdCutoverStep *s)
{
	const BcdCutover *plan = look->plan;

	if (strcmp(s->detail, "delay") == 0 && strcmp(plan->state, "live") == 0)
	{
		bcd_step_end(plan, s, "skipped", "the new shop was open in time");
		return;
	}
	bcd_step_end(plan, s, "done", NULL);
	tell(plan, s, "info", s->detail, psprintf("SELECT * FROM bcdelta.message(%s, %s) is what people should hear now",
											  quote_literal_cstr(plan->server), quote_literal_cstr(s->detail)));
}

static const struct
{
	const char *kind;
	void		(*start) (BcdCutoverLook *look, BcdCutoverStep *s);
}			kinds[] =

{
	{"push", start_push},
	{"verify", start_verify},
	{"rollback", start_rollback},
	{"estimate", start_estimate},
	{"check", start_check},
	{"stage", start_stage},
	{"go", start_go},
	{"message", start_message},
};

/*
 * Starts a step that is due; sets its state.  Raises an error if it cannot be
 * started now.
 */
void
bcd_step_start(BcdCutoverLook *look, BcdCutoverStep *s)
{
	const BcdCutover *plan = look->plan;
	int			i;

	if (!bcd_role_exists(plan->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the owner of the plan no longer exists")));
	(void) bcd_store_check(plan->server, plan->owner);
	for (i = 0; i < lengthof(kinds); i++)
		if (strcmp(kinds[i].kind, s->kind) == 0)
			kinds[i].start(look, s);
	BCD_DEBUG_POINT("step");
}

/* Returns when a step that is repeated is due next, or DT_NOEND. */
static TimestampTz
next_time(const BcdCutoverLook *look, const BcdCutoverStep *s)
{
	int64		period = bcd_period_us(s->every);
	TimestampTz next = s->every->day != 0 ? bcd_wallclock_next(s->due, period, look->now, look->plan->zone) :
	bcd_schedule_next(s->due, period, look->now);

	return next > s->not_after ? DT_NOEND : next;
}

/*
 * The plan waits for go() again, and with it everything that follows: what has
 * been done of that before is done once more.
 */
void
bcd_cutover_stop(BcdCutoverLook *look, const char *reason)
{
	BcdCutover *plan = look->plan;
	bool		later = false;
	ListCell   *lc;

	bcd_cutover_hold(plan->plan_id, reason);
	plan->held = true;
	if (strcmp(plan->state, "planned") != 0)
		return;
	foreach(lc, look->steps)
	{
		BcdCutoverStep *s = lfirst(lc);

		if (strcmp(s->kind, "go") == 0 && (later = strcmp(s->state, "done") == 0))
			s->state = "waiting";
		else if (later || (s->every && s->due <= plan->go_live && strcmp(s->state, "done") == 0))
			s->state = "planned";
		else
			continue;
		if (s->every && s->due < look->now)
			s->due = Max(look->now, bcd_freeze_time(plan));
		bcd_step_plan(plan->plan_id, s);
	}
}

/* Did the run of a step between go() and going live leave something wrong? */
static bool
stops(const BcdCutoverLook *look, const BcdCutoverStep *s, const BcdStepRun *run)
{
	if (strcmp(look->plan->state, "planned") != 0 || look->plan->held || s->every)
		return false;
	return !run->succeeded || (run->wrong > 0 && !look->plan->overridden);
}

/* Looks whether the run of a step has ended, and what it came to. */
void
bcd_step_run_ended(BcdCutoverLook *look, BcdCutoverStep *s)
{
	MemoryContext cxt = CurrentMemoryContext;
	const BcdCutover *plan = look->plan;
	TimestampTz next;
	BcdStepRun	run;

	bcd_step_run(s->run_id, &run);
	MemoryContextSwitchTo(cxt);
	if (!run.ended)
		return;
	if (strcmp(s->kind, "rollback") == 0)
		release(s);
	next = s->every ? next_time(look, s) : DT_NOEND;
	if (next != DT_NOEND)
	{
		bcd_step_repeats(plan->plan_id, s->step, s->due = next, run.words);
		s->state = "planned";
	}
	else
		bcd_step_end(plan, s, run.succeeded ? "done" : "failed", run.words);
	if (!run.succeeded || run.wrong > 0)
		tell(plan, s, "warning", NULL, psprintf("step \"%s\" of the cutover of server \"%s\": %s", s->name, plan->server, run.words));
	if (!stops(look, s, &run))
		return;
	bcd_cutover_stop(look, psprintf("%s: %s", s->name, run.words));
	tell(plan, s, "critical", "stopped", psprintf("server \"%s\" does not go live: %s: %s", plan->server, s->name, run.words));
}
