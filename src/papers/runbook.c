/*
 * runbook.c
 *		The runbook of a cutover: the plan, what speaks against it, who is in
 *		charge, what to do if something goes wrong, and who decided what.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "papers/markdown.h"
#include "papers/plan_words.h"
#include "papers/runbook.h"
#include "tables/cutover_step_report.h"
#include "tables/journal_report.h"

/* Where the plan is, in a sentence */
static void
put_state(StringInfo out, BcdPaper *paper)
{
	const BcdPlanShown *plan = &paper->plan;
	const BcdStepShown *next = bcd_plan_next_step(paper);

	if (strcmp(plan->state, "aborted") == 0)
		bcd_md(out, "The plan was **aborted**. The old shop stays in charge.\n\n");
	else if (strcmp(plan->state, "done") == 0)
		bcd_md(out, "The plan is **done**: the new shop opened on $, and is not watched any more.\n\n", bcd_short_time(plan->went_live_at));
	else if (strcmp(plan->state, "live") == 0)
		bcd_md(out, "The new shop is **open** since $, and is watched until $.\n\n", bcd_short_time(plan->went_live_at), bcd_short_time(plan->watch_end));
	else if (plan->held)
		bcd_md(out, "The plan is **held**: $. Nothing that cannot be taken back begins before somebody calls @\n\n",
			   plan->held_reason ? plan->held_reason : "nobody has said go yet", bcd_call_go(paper));
	else
		bcd_md(out, "Somebody has said **go**: the final sweep begins, and then the new shop opens.\n\n");
	if (next)
		bcd_md(out, "Next: step $, $, $ ($).\n\n", psprintf("%d", next->step), next->name, bcd_short_time(next->due_at), next->state);
}

/* What was done although the check said no comes before anything else. */
static void
put_heading(StringInfo out, BcdPaper *paper)
{
	const BcdPlanShown *plan = &paper->plan;

	if (plan->override_note)
		bcd_md(out, "> **Gone on although the check said no:** $\n\n", plan->override_note);
	bcd_md(out, "# Cutover of $: $\n\n", paper->scope.server, bcd_tell_moment_zone(paper->tongue, plan->go_live));
	put_state(out, paper);
	bcd_md(out, "All times are in the time zone $. Sweeps and verifications before go-live keep to the hours $. The freeze begins $ before go-live, at $; ",
		   plan->time_zone, plan->hours, bcd_tell_duration(paper->tongue, plan->freeze_seconds),
		   bcd_short_time(bcd_plan_stage_at(paper, "freeze", plan->freeze_at)));
	bcd_md(out, "from then on, nobody changes anything in the old shop, but what is changed is still captured. Made by $ on $ (plan $).\n\n",
		   plan->owner, bcd_short_time(plan->made_at), psprintf(INT64_FORMAT, plan->plan_id));
}

static void
put_criteria(StringInfo out, BcdPaper *paper)
{
	const BcdCriteria *criteria = bcd_paper_criteria(paper);
	ListCell   *lc;

	bcd_md(out, "## Go or no-go\n\n");
	if (criteria->unknown)
	{
		bcd_md(out, "Whether the criteria are met is not known: $. @ looks again.\n\n", criteria->unknown, bcd_call_check(paper));
		return;
	}
	bcd_md(out, "$ of $ criteria are met, as of now. @ looks again.\n\n", psprintf("%d", bcd_criteria_count_met(criteria->rows)),
		   psprintf("%d", list_length(criteria->rows)), bcd_call_check(paper));
	bcd_md(out, "| | criterion | | verdict | found | required | what to do |\n|---|---|---|---|---|---|---|\n");
	foreach(lc, criteria->rows)
	{
		const BcdCheckRow *c = lfirst(lc);

		bcd_md(out, "| $ | $ | $ |", psprintf("%d", c->no), c->criterion, c->severity);
		bcd_md(out, c->met ? " $ |" : " **$** |", c->verdict);
		bcd_md(out, " $ | $ |", c->found, c->required);
		if (c->met || c->next_step == NULL)
			bcd_md(out, " $ |\n", strcmp(c->verdict, "go") == 0 ? NULL : c->why);
		else
			bcd_md(out, " $$@ |\n", c->why, c->why ? ": " : NULL, c->next_step);
	}
	bcd_md(out, "\n");
}

/* What each criterion of bcdelta.cutover.stop means; others are listed by name */
static const char *const stop_words[][2] = {
	{"action", "what is done then: pause the run, slow it down, or only tell"},
	{"conflict_rate", "part of the rows of a window that met conflicts"},
	{"differences", "differences that a verification finds"},
	{"error_rate", "part of the rows of a window that failed"},
	{"errors", "rows that have failed"},
	{"late", "whether a run is stopped if it is sure not to be over when the hours end"},
	{"min_rows", "rows, or requests, of a window"},
	{"others_share", "part of the quota that other apps use"},
	{"strikes", "windows in a row that have to be at the limit"},
	{"throttled_rate", "part of the requests of a window that the store refused with status 429"},
};

static const char *
stop_meaning(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(stop_words); i++)
		if (strcmp(stop_words[i][0], name) == 0)
			return stop_words[i][1];
	return NULL;
}

static void
put_stops(StringInfo out, const BcdPaper *paper)
{
	Jsonb	   *stop = paper->plan.stop;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;
	int			n PG_USED_FOR_ASSERTS_ONLY = 0;

	bcd_md(out, "## What stops a run by itself\n\n");
	if (stop == NULL || !JB_ROOT_IS_OBJECT(stop) || JB_ROOT_COUNT(stop) == 0)
	{
		bcd_md(out, "Nothing does.\n\n");
		return;
	}
	bcd_md(out, "| | limit | |\n|---|---|---|\n");
	it = JsonbIteratorInit(&stop->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE && name)
		{
			Datum		value = PointerGetDatum(JsonbValueToJsonb(&v));
			char	   *text = DatumGetCString(DirectFunctionCall1(jsonb_out, value));

			bcd_md(out, "| $ | @ | $ |\n", name, text, stop_meaning(name));
			n++;
		}
	}
	bcd_md(out, "\n");
	Assert(n > 0);
}

static void
put_decisions(StringInfo out, const BcdPaper *paper)
{
	int			i;

	bcd_md(out, "## Who decided what\n\n");
	if (paper->decisions == NIL)
	{
		bcd_md(out, "Nothing was decided since the plan was made.\n");
		return;
	}
	if (list_length(paper->decisions) == BCD_DECISIONS_MOST)
		bcd_md(out, "The last $; the table bcdelta.journal has all.\n\n", psprintf("%d", BCD_DECISIONS_MOST));
	bcd_md(out, "| when | what | who | why |\n|---|---|---|---|\n");
	for (i = list_length(paper->decisions) - 1; i >= 0; i--)
	{
		const BcdDecisionShown *d = list_nth(paper->decisions, i);

		bcd_md(out, "| $ | $ @ | $ | $ |\n", bcd_short_time(d->at), d->what, d->detail, d->by ? d->by : "bcdelta", d->reason);
	}
}

void
bcd_runbook(StringInfo out, BcdPaper *paper)
{
	put_heading(out, paper);
	bcd_runbook_steps(out, paper);
	put_criteria(out, paper);
	bcd_md(out, "## Who is in charge of what\n\n$ Rows that may not be sent wait, and nothing of them is lost. Now in words: @\n\n",
		   paper->stage ? psprintf("The store is in stage %s.", paper->stage) : "The store is in no stage yet, which is as in prepare.",
		   psprintf("SELECT resource, field, owner, rule FROM bcdelta.authority_now WHERE server = %s;", quote_literal_cstr(paper->scope.server)));
	bcd_put_matrix(out, paper);
	put_stops(out, paper);
	bcd_runbook_contingency(out, paper);
	put_decisions(out, paper);
}
