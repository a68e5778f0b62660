/*
 * cutover.c
 *		go(), hold_cutover(), move_cutover() and abort_cutover(): what
 *		people decide on a cutover.
 *
 * Each decision is made under the lock of the plan's row, so it never meets a
 * worker half-way through a step, and is in the journal.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "cutover/go_live.h"
#include "cutover/told.h"
#include "feed/database_identity.h"
#include "feed/stage_change.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/plan_cutover.h"
#include "functions/stage.h"
#include "tables/cutover.h"
#include "tables/cutover_step.h"
#include "tables/event.h"
#include "worker/calls.h"
#include "worker/cutover_place.h"
#include "worker/cutover_step_kinds.h"

PG_FUNCTION_INFO_V1(bcdelta_go);
PG_FUNCTION_INFO_V1(bcdelta_hold_cutover);
PG_FUNCTION_INFO_V1(bcdelta_move_cutover);
PG_FUNCTION_INFO_V1(bcdelta_abort_cutover);

static char *
role_name(void)
{
	return GetUserNameFromId(GetSessionUserId(), true);
}

/* A plan that somebody decides on */
typedef struct Decision
{
	BcdCutover *plan;
	List	   *steps;
	BcdRights	rights;
	MemoryContext context;
} Decision;

/* Locks the plan of a server, and reads it. Raises an error if there is none. */
static void
begin_decision(FunctionCallInfo fcinfo, const char *function, Decision *d)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *server;

	d->context = cxt;
	bcd_check_writable(function);
	bcd_check_not_null(fcinfo, 0, "server");
	server = bcd_own_server(fcinfo);
	bcd_spi_begin(&d->rights);
	MemoryContextSwitchTo(cxt);
	d->plan = bcd_cutover_active(server);
	if (d->plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" has no plan of a cutover", server),
				 errhint("bcdelta.plan_cutover() makes one.")));
	if (strcmp(d->plan->home, bcd_home()) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the plan of server \"%s\" was made in another database, of which this one is a copy", server),
				 errhint("SELECT bcdelta.resume('feed') says that this copy is now the source.")));
	d->steps = bcd_steps(d->plan->plan_id);
	MemoryContextSwitchTo(cxt);
}

/* Writes a decision into the journal, and lets the worker know. */
static void
end_decision(Decision *d, const char *what, const char *reason, Jsonb *detail)
{
	/* what was made after a statement goes with SPI */
	MemoryContextSwitchTo(d->context);
	if (detail)
		detail = DatumGetJsonbPCopy(JsonbPGetDatum(detail));
	bcd_spi_end(&d->rights);
	bcd_decided_on(what, d->plan->server, NULL, NULL, reason, detail);
	bcd_wake_worker_at_commit();
}

static BcdCutoverStep *
step_of_kind(const Decision *d, const char *kind)
{
	ListCell   *lc;

	foreach(lc, d->steps)
		if (strcmp(((BcdCutoverStep *) lfirst(lc))->kind, kind) == 0)
		return lfirst(lc);
	elog(ERROR, "plan " INT64_FORMAT " has no step of kind %s", d->plan->plan_id, kind);
}

/* Raises an error if a step of the plan is running. */
static void
check_idle(const Decision *d)
{
	ListCell   *lc;

	foreach(lc, d->steps)
	{
		const BcdCutoverStep *s = lfirst(lc);

		if (strcmp(s->state, "running") == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("step \"%s\" of the cutover of server \"%s\" is still running, as run " INT64_FORMAT, s->name, d->plan->server, s->run_id),
					 errhint("Call this again when it has ended: SELECT * FROM bcdelta.progress.")));
	}
}

/* Raises an error unless the plan has come to the step that waits for go(). */
static void
check_waits(const Decision *d)
{
	const BcdCutoverStep *go = step_of_kind(d, "go");
	ListCell   *lc;

	if (!d->plan->held)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the cutover of server \"%s\" does not wait for go()", d->plan->server),
				 strcmp(d->plan->state, "live") == 0 ?
				 errdetail("Stage live began at %s.", bcd_time_words(d->plan->went_live, d->plan->zone)) :
				 errdetail("It was called before, and the final sweep is under way.")));
	if (strcmp(d->plan->state, "live") == 0)
		return;
	check_idle(d);
	if (strcmp(go->state, "waiting") == 0)
		return;
	foreach(lc, d->steps)
	{
		const BcdCutoverStep *s = lfirst(lc);

		if (s->step <= go->step && strcmp(s->state, "planned") == 0 && !bcd_step_is_free(s))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("it is too early to go live with server \"%s\"", d->plan->server),
					 errdetail("Step \"%s\" is due at %s.", s->name, bcd_time_words(s->due, d->plan->zone)),
					 errhint("bcdelta.move_cutover() plans another time.")));
	}
}

/* Raises an error if something speaks against going live. */
static void
check_criteria(const BcdCutover *plan)
{
	List	   *unmet = bcd_go_live_unmet(plan->server);
	StringInfoData words;
	ListCell   *lc;

	if (unmet == NIL)
		return;
	initStringInfo(&words);
	foreach(lc, unmet)
		appendStringInfo(&words, "%s%s", words.len > 0 ? "; " : "", (char *) lfirst(lc));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg_plural("server \"%s\" is not ready to go live: %d criterion is not met",
						   "server \"%s\" is not ready to go live: %d criteria are not met",
						   list_length(unmet), plan->server, list_length(unmet)),
			 errdetail_internal("%s.", words.data),
			 errhint("SELECT * FROM bcdelta.go_live_check(%s) says what to do; override => true, with a note, goes on nevertheless.",
					 quote_literal_cstr(plan->server))));
}

/* bcdelta.go(server, note, override) */
Datum
bcdelta_go(PG_FUNCTION_ARGS)
{
	char	   *note = bcd_arg_text(fcinfo, 1);
	bool		override = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	Decision	d;
	char	   *by = role_name();
	ListCell   *lc;

	if (note)
		bcd_check_reason(note, "note");
	if (override && note == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"override\" needs argument \"note\""),
				 errdetail("Whoever reads the report has to know why.")));
	begin_decision(fcinfo, "bcdelta.go()", &d);
	check_waits(&d);
	if (!override && strcmp(d.plan->state, "planned") == 0)
	{
		bcd_spi_end(&d.rights);
		check_criteria(d.plan);
		bcd_spi_begin(&d.rights);
	}
	bcd_cutover_release(d.plan->plan_id, override ? note : NULL);
	foreach(lc, strcmp(d.plan->state, "planned") == 0 ? d.steps : NIL)
	{
		const BcdCutoverStep *s = lfirst(lc);

		if (strcmp(s->kind, "go") == 0 || (s->every && s->not_after == DT_NOEND))
			bcd_step_ended(d.plan->plan_id, s->step, "done", NULL, by);
	}
	bcd_event_cutover(d.plan->server, "info", "go", psprintf("%s says go: server \"%s\" goes live", by, d.plan->server), 0);
	end_decision(&d, "go", note, override ? bcd_detail_text(NULL, "override", "true") : NULL);
	PG_RETURN_VOID();
}

/* Returns a reason, which must be given. */
static char *
reason_of(FunctionCallInfo fcinfo, int n)
{
	char	   *reason = bcd_arg_text(fcinfo, n);

	bcd_check_reason(reason, "reason");
	return reason;
}

/* bcdelta.hold_cutover(server, reason) */
Datum
bcdelta_hold_cutover(PG_FUNCTION_ARGS)
{
	char	   *reason = reason_of(fcinfo, 1);
	BcdCutoverLook look = {0};
	Decision	d;

	begin_decision(fcinfo, "bcdelta.hold_cutover()", &d);
	look.plan = d.plan;
	look.steps = d.steps;
	look.now = GetCurrentTimestamp();
	bcd_cutover_stop(&look, reason);
	bcd_event_cutover(d.plan->server, "warning", "delay", psprintf("the cutover of server \"%s\" is held: %s", d.plan->server, reason), 0);
	end_decision(&d, "hold_cutover", reason, NULL);
	PG_RETURN_VOID();
}

/*
 * Returns the steps that another time of go-live plans anew: those that have
 * not begun, those that did not fit, and, if there is another freeze, all from
 * there on.
 */
static List *
steps_to_move(const Decision *d, bool freezes_again)
{
	bool		from_freeze = false;
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, d->steps)
	{
		BcdCutoverStep *s = lfirst(lc);
		bool		open = strcmp(s->state, "planned") == 0 || strcmp(s->state, "skipped") == 0 ||
		strcmp(s->state, "missed") == 0 || strcmp(s->state, "waiting") == 0;

		from_freeze |= s->detail && strcmp(s->detail, "freeze") == 0;
		if (open || (freezes_again && from_freeze))
		{
			if (strcmp(s->state, "planned") != 0)
				s->state = NULL;
			list = lappend(list, s);
		}
	}
	return list;
}

/* Plans steps anew; the comparison with which a plan begins is still as soon as possible. */
static void
place_again(const BcdCutover *plan, List *steps, TimestampTz now)
{
	Interval	at_once = {now - plan->go_live, 0, 0};
	ListCell   *lc;

	foreach(lc, steps)
	{
		BcdCutoverStep *s = lfirst(lc);

		if (s->every == NULL && s->detail && strcmp(s->detail, "full") == 0)
			s->apart = at_once;
	}
	bcd_steps_place(plan, steps, now);
	foreach(lc, steps)
		bcd_step_plan(plan->plan_id, lfirst(lc));
}

/* bcdelta.move_cutover(server, go_live, reason) */
Datum
bcdelta_move_cutover(PG_FUNCTION_ARGS)
{
	char	   *reason = reason_of(fcinfo, 2);
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	Decision	d;
	BcdCutover *plan;
	TimestampTz frozen_since;
	bool		freezes_again;
	List	   *steps;

	bcd_check_not_null(fcinfo, 1, "go_live");
	bcd_check_go_live(PG_GETARG_TIMESTAMPTZ(1));
	begin_decision(fcinfo, "bcdelta.move_cutover()", &d);
	plan = d.plan;
	if (strcmp(plan->state, "planned") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the cutover of server \"%s\" cannot be moved, since the new shop is open", plan->server),
				 errdetail("Stage live began at %s.", bcd_time_words(plan->went_live, plan->zone))));
	check_idle(&d);
	frozen_since = bcd_freeze_time(plan);
	freezes_again = frozen_since <= now;
	steps = steps_to_move(&d, freezes_again);
	plan->go_live = PG_GETARG_TIMESTAMPTZ(1);
	freezes_again &= bcd_freeze_time(plan) > now;
	bcd_cutover_set_time(plan->plan_id, plan->go_live);
	bcd_cutover_hold(plan->plan_id, NULL);
	place_again(plan, steps, now);
	if (freezes_again)
		bcd_stage_change(plan->server, "prepare", role_name(), reason);
	bcd_event_cutover(plan->server, "warning", "delay", psprintf("server \"%s\" is to go live at %s: %s", plan->server, bcd_time_words(plan->go_live, plan->zone), reason), 0);
	end_decision(&d, "move_cutover", reason, bcd_plan_times(plan));
	bcd_tell_go_live(plan);
	bcd_tell_clocks(plan);
	bcd_tell_misfits(plan, steps, now);
	PG_RETURN_VOID();
}

/* bcdelta.abort_cutover(server, reason) */
Datum
bcdelta_abort_cutover(PG_FUNCTION_ARGS)
{
	char	   *reason = reason_of(fcinfo, 1);
	char	   *by = role_name();
	Decision	d;

	begin_decision(fcinfo, "bcdelta.abort_cutover()", &d);
	bcd_steps_skip(d.plan->plan_id, "the plan was aborted", by);
	bcd_cutover_set_state(d.plan->plan_id, "aborted");
	if (strcmp(d.plan->state, "planned") == 0)
		bcd_stage_change(d.plan->server, "prepare", by, reason);
	bcd_event_cutover(d.plan->server, "warning", "stopped", psprintf("the cutover of server \"%s\" is aborted: %s", d.plan->server, reason), 0);
	end_decision(&d, "abort_cutover", reason, NULL);
	if (strcmp(d.plan->state, "live") == 0)
		ereport(NOTICE,
				(errmsg("the new shop is open, and server \"%s\" stays in its stage", d.plan->server),
				 errhint("bcdelta.stage() sets another one, bcdelta.rollback_since() undoes what was written.")));
	PG_RETURN_VOID();
}
