/*
 * plan_words.c
 *		What a plan says of itself: steps, causes, and the calls to make.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "papers/criterion_words.h"
#include "papers/plan_words.h"
#include "tables/cutover_step_report.h"
#include "tables/journal_report.h"

/* Sat 16 Jan 2027, 05:10 */
char *
bcd_short_time(TimestampTz at)
{
	const BcdTongue *t = bcd_tongue("en");
	char	   *day;

	if (TIMESTAMP_NOT_FINITE(at))
		return "";
	day = bcd_tell_day(t, at);
	return psprintf("%s, %s", day, bcd_tell_clock(at));
}

bool
bcd_step_is_over(const BcdStepShown *step)
{
	static const char *const words[] = {"done", "failed", "skipped", "missed"};
	int			i;

	for (i = 0; i < lengthof(words); i++)
		if (strcmp(step->state, words[i]) == 0)
			return true;
	return false;
}

/* The step that was carried out last, or NULL; messages are not meant */
const BcdStepShown *
bcd_plan_last_step(const BcdPaper *paper)
{
	const BcdStepShown *last = NULL;
	ListCell   *lc;

	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (!TIMESTAMP_NOT_FINITE(s->done_at) && strcmp(s->kind, "message") != 0 &&
			strcmp(s->state, "skipped") != 0 && (last == NULL || s->done_at >= last->done_at))
			last = s;
	}
	return last;
}

/* The first one that is not over, or NULL */
const BcdStepShown *
bcd_plan_next_step(const BcdPaper *paper)
{
	ListCell   *lc;

	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (!bcd_step_is_over(s) && strcmp(s->kind, "message") != 0)
			return s;
	}
	return NULL;
}

/* When a stage begins by the plan, or has begun */
TimestampTz
bcd_plan_stage_at(const BcdPaper *paper, const char *stage, TimestampTz otherwise)
{
	ListCell   *lc;

	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (strcmp(s->kind, "stage") == 0 && s->detail && strcmp(s->detail, stage) == 0 && strcmp(s->state, "skipped") != 0)
			return TIMESTAMP_NOT_FINITE(s->started_at) ? s->due_at : s->started_at;
	}
	return otherwise;
}

static char *
step_cause(const BcdPaper *paper, const BcdStepShown *s)
{
	const char *why = s->note ? s->note : s->measured;

	return bcd_phrase(paper->tongue, strcmp(s->state, "missed") == 0 ? BCD_SAY_STEP_MISSED : BCD_SAY_STEP_FAILED,
					  psprintf("%d", s->step), bcd_tell_step(paper->tongue, s->name, s->kind, s->detail), why ? why : bcd_phrase(paper->tongue, BCD_SAY_NO_REASON));
}

/* The decision that somebody made last about the plan, or NULL */
const BcdDecisionShown *
bcd_plan_decision(const BcdPaper *paper)
{
	ListCell   *lc;

	foreach(lc, paper->decisions)
	{
		const BcdDecisionShown *d = lfirst(lc);

		if (d->by && strcmp(d->what, "set_template") != 0)
			return d;
	}
	return NULL;
}

/* The reason with which somebody has moved or ended the plan, unless a step has ended since; or NULL */
static const char *
decision_cause(const BcdPaper *paper, const BcdStepShown *last)
{
	const BcdDecisionShown *d = bcd_plan_decision(paper);

	if (d == NULL || (strcmp(d->what, "move_cutover") != 0 && strcmp(d->what, "abort_cutover") != 0) || (last && last->done_at > d->at))
		return NULL;
	return d->reason;
}

static void
add_cause(StringInfo out, const char *words)
{
	if (words)
		appendStringInfo(out, "%s%s", out->len > 0 ? "; " : "", words);
}

/* Why the plan does not go on: what people have decided, the last step, or criteria that are not met */
char *
bcd_plan_cause(BcdPaper *paper)
{
	const BcdStepShown *last = bcd_plan_last_step(paper);
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	add_cause(&out, decision_cause(paper, last));
	if (paper->plan.held && paper->plan.held_reason)
		add_cause(&out, bcd_phrase(paper->tongue, BCD_SAY_HELD, paper->plan.held_reason));
	if (last && (strcmp(last->state, "failed") == 0 || strcmp(last->state, "missed") == 0))
		add_cause(&out, step_cause(paper, last));
	if (out.len > 0)
		return out.data;
	foreach(lc, bcd_paper_criteria(paper)->rows)
	{
		const BcdCheckRow *c = lfirst(lc);

		if (!c->met && strcmp(c->severity, "must") == 0)
			add_cause(&out, psprintf("%s: %s", bcd_tell_criterion(paper->tongue, c->criterion), bcd_tell_found(paper->tongue, c)));
	}
	if (out.len > 0)
		return out.data;
	return bcd_phrase(paper->tongue, paper->plan.held ? BCD_SAY_HELD_FROM_START : BCD_SAY_NO_CAUSE);
}

/* What takes back all that was written since the freeze, or by the last run before it */
bool
bcd_plan_undo_all(BcdPaper *paper, BcdUndoCost *cost)
{
	TimestampTz since = bcd_plan_stage_at(paper, "freeze", paper->plan.freeze_at);
	ListCell   *lc;

	memset(cost, 0, sizeof(*cost));
	foreach(lc, bcd_paper_undo(paper))
	{
		const BcdUndoCost *u = lfirst(lc);

		if (u->since < since && cost->records > 0)
			break;
		cost->records += u->records;
		cost->calls += u->calls;
		cost->since = u->since;
		if (u->since < since)
			break;
	}
	return cost->records > 0;
}

static char *
server_of(const BcdPaper *paper)
{
	return quote_literal_cstr(paper->scope.server);
}

char *
bcd_call_check(BcdPaper *paper)
{
	return psprintf("SELECT * FROM bcdelta.go_live_check(%s);", server_of(paper));
}

char *
bcd_call_go(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.go(%s, 'why');", server_of(paper));
}

char *
bcd_call_hold(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.hold_cutover(%s, 'why');", server_of(paper));
}

/* A time as an argument of a call, to the minute */
static char *
time_literal(TimestampTz at)
{
	return quote_literal_cstr(psprintf("%.16s %s", timestamptz_to_str(at), pg_get_timezone_name(session_timezone)));
}

char *
bcd_call_move(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.move_cutover(%s, %s, 'why');", server_of(paper), time_literal(paper->plan.go_live + USECS_PER_DAY));
}

char *
bcd_call_abort(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.abort_cutover(%s, 'why');", server_of(paper));
}

char *
bcd_call_leaks(BcdPaper *paper)
{
	return psprintf("SELECT * FROM bcdelta.freeze_leaks WHERE server = %s;", server_of(paper));
}

char *
bcd_call_runbook(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.runbook(%s);", server_of(paper));
}

char *
bcd_call_sop(BcdPaper *paper)
{
	return psprintf("SELECT bcdelta.sop(%s);", server_of(paper));
}

char *
bcd_call_rollback_since(const BcdPaper *paper, TimestampTz since)
{
	return psprintf("SELECT * FROM bcdelta.rollback_since(%s, %s);", time_literal(since), server_of(paper));
}
