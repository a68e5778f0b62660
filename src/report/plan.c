/*
 * plan.c
 *		The plan of a cutover, and what speaks against going live.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "papers/plan_words.h"
#include "report/parts.h"
#include "report/plan.h"
#include "report/put.h"
#include "report/words.h"
#include "tables/cutover_step_report.h"
#include "tables/journal_report.h"

/* The last steps that are over, and the next ones */
#define STEPS_OVER	3
#define STEPS_NEXT	6

/* The last decisions; the rest is in the section on decisions */
#define DECISIONS	4

/* Does the plan matter to a page about this time? */
static bool
matters(const BcdPaper *paper)
{
	const BcdPlanShown *plan = &paper->plan;
	const BcdStepShown *last = bcd_plan_last_step(paper);

	if (!paper->has_plan)
		return false;
	return strcmp(plan->state, "planned") == 0 || strcmp(plan->state, "live") == 0 || plan->made_at >= paper->scope.since ||
		(last && last->done_at >= paper->scope.since);
}

/* What somebody has done although the criteria were not met is the first line of a page. */
void
bcd_put_override(StringInfo out, const BcdPaper *paper)
{
	if (matters(paper) && paper->plan.override_note)
		bcd_put(out, "<p class=\"note warning\" dir=auto><b>Gone on although the check said no:</b> $</p>", paper->plan.override_note);
}

static char *
state_words(const BcdPlanShown *plan, TimestampTz now)
{
	if (strcmp(plan->state, "aborted") == 0)
		return pstrdup("The plan was aborted, and the old shop stays in charge.");
	if (strcmp(plan->state, "done") == 0)
		return psprintf("The new shop has opened %s, and the plan is done.", bcd_say_time(plan->went_live_at, now));
	if (strcmp(plan->state, "live") == 0)
		return psprintf("The new shop has opened %s, and is watched until %s.", bcd_say_time(plan->went_live_at, now), bcd_say_day(plan->watch_end));
	return psprintf("Go-live is planned for %s (%s, in the hours %s). %s", bcd_say_long_time(plan->go_live), plan->time_zone, plan->hours,
					!plan->held ? "Somebody has said go." :
					plan->held_reason ? psprintf("It is held: %s.", plan->held_reason) : "Nothing begins for good before somebody says go.");
}

static void
put_state(StringInfo out, const char *state)
{
	static const char *const levels[][2] = {
		{"done", "ok"}, {"failed", "critical"}, {"missed", "critical"}, {"running", "busy"}, {"waiting", "warning"}, {"skipped", "warning"},
	};
	int			i;

	for (i = 0; i < lengthof(levels) && strcmp(levels[i][0], state) != 0; i++)
		;
	bcd_put(out, "<span class=\"pill $\">$</span>", i < lengthof(levels) ? levels[i][1] : "info", state);
}

static void
put_step(StringInfo out, const BcdStepShown *s, TimestampTz now)
{
	bcd_put(out, "<tr><th scope=row><bdi>@</bdi></th><td class=t>$</td><td>", s->name, bcd_say_time(s->due_at, now));
	put_state(out, s->state);
	bcd_put(out, "</td><td class=w><bdi>$</bdi>$<bdi>$</bdi></td></tr>", s->measured, s->measured && s->note ? "; " : NULL, s->note);
}

static int
steps_over(const BcdPaper *paper)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, paper->steps)
		n += bcd_step_is_over(lfirst(lc));
	return n;
}

static void
put_steps(StringInfo out, const BcdPaper *paper)
{
	static const char *const columns[] = {"Step", "When", "State", "-What came of it", NULL};
	int			left = steps_over(paper);
	int			next = 0;
	ListCell   *lc;

	if (paper->steps == NIL)
		return;
	bcd_table(out, "Steps of the plan", columns);
	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (bcd_step_is_over(s) ? left-- <= STEPS_OVER : ++next <= STEPS_NEXT)
			put_step(out, s, paper->scope.now);
	}
	bcd_table_end(out);
	bcd_more(out, next - STEPS_NEXT, " to come: SELECT bcdelta.runbook(server)");
}

/* What is not met; once the new shop is open, nobody asks any more. */
static void
put_unmet(StringInfo out, BcdPaper *paper)
{
	static const char *const columns[] = {"Speaks against going live", "Found", "-Required", "What to do", NULL};
	const BcdCriteria *criteria = bcd_paper_criteria(paper);
	int			unmet = list_length(criteria->rows) - bcd_criteria_count_met(criteria->rows);
	ListCell   *lc;

	if (criteria->unknown)
	{
		bcd_put(out, "<p class=todo dir=auto>What speaks against going live is not known: $</p>", criteria->unknown);
		return;
	}
	if (unmet == 0)
	{
		bcd_put(out, "<p class=todo>All $ criteria are met: nothing speaks against going live.</p>", bcd_say_number(list_length(criteria->rows)));
		return;
	}
	bcd_table(out, "Criteria that are not met", columns);
	foreach(lc, criteria->rows)
	{
		const BcdCheckRow *c = lfirst(lc);

		if (c->met)
			continue;
		bcd_put(out, "<tr><th scope=row><bdi>@</bdi><small class=feeds>$</small></th><td class=\"$\"><bdi>$</bdi></td><td class=w><bdi>$</bdi></td><td><bdi>$</bdi>",
				c->criterion, c->severity, strcmp(c->severity, "must") == 0 ? "c-refused" : "", c->found ? c->found : c->verdict, c->required, c->why);
		if (c->next_step)
			bcd_put(out, " <code>$</code>", c->next_step);
		bcd_put(out, "</td></tr>");
	}
	bcd_table_end(out);
}

static void
put_decisions(StringInfo out, const BcdPaper *paper)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, paper->decisions)
	{
		const BcdDecisionShown *d = lfirst(lc);

		if (++n > DECISIONS)
			break;
		bcd_put(out, n == 1 ? "<ul class=proofs><li><b>$</b><span dir=auto>" : "<li><b>$</b><span dir=auto>", d->what);
		bcd_put(out, "<bdi>@</bdi>, $$<bdi>$</bdi></span></li>", d->by ? d->by : "bcdelta", bcd_say_time(d->at, paper->scope.now), d->reason ? ": " : NULL, d->reason);
	}
	if (n > 0)
		bcd_put(out, "</ul>");
}

void
bcd_put_plan(StringInfo out, BcdPaper *paper)
{
	if (!matters(paper))
		return;
	bcd_section(out, "cutover", "The cutover", state_words(&paper->plan, paper->scope.now));
	if (strcmp(paper->plan.state, "planned") == 0)
		put_unmet(out, paper);
	put_steps(out, paper);
	put_decisions(out, paper);
	bcd_section_end(out);
}
