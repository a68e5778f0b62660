/*
 * runbook_steps.c
 *		The steps of a plan in words, with the lines to type into psql.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "papers/markdown.h"
#include "papers/plan_words.h"
#include "papers/runbook.h"
#include "tables/cutover_step_report.h"

/* What a step of each kind, and with this detail (NULL: any), does */
static const struct
{
	const char *kind;
	const char *detail;
	const char *what;
}			step_words[] = {
	{"push", NULL, "Pushes what has changed in the source since the last sweep."},
	{"verify", "full", "Compares every row with its record, field by field, and counts both: the base of every later proof."},
	{"verify", "changed", "Compares what either side has changed since the last full verification, in a few calls."},
	{"verify", "sample", "Compares some rows, chosen at random, with their records."},
	{"verify", "count", "Compares the numbers of rows and records."},
	{"verify", NULL, "Compares source and store."},
	{"estimate", NULL, "Tells how long a sweep would take now. Nothing is sent."},
	{"rollback", NULL, "Rehearses the way back with a few rows, so that it is known to work before it is needed."},
	{"check", NULL, "Looks at every criterion. It decides nothing: that is up to a person."},
	{"stage", "prepare", "Stage prepare begins: the old shop sells, and the source is in charge as the feeds say."},
	{"stage", "freeze", "Stage freeze begins: nobody is to change anything in the old shop any more. Nothing is blocked, and what is changed is still captured."},
	{"stage", "live", "Stage live begins: the new shop sells, while the old one may still do."},
	{"stage", "watch", "Stage watch begins: the new shop owns everything, and the old one only looks on."},
	{"stage", "closed", "Stage closed begins: it is over, and nothing is sent any more."},
	{"stage", NULL, "Another stage begins."},
	{"go", NULL, "Waits for a person who says go. Meanwhile, sweeps go on, so that the final one stays short."},
};

static const char *
what_happens(const BcdStepShown *s)
{
	int			i;

	for (i = 0; i < lengthof(step_words); i++)
		if (strcmp(step_words[i].kind, s->kind) == 0 &&
			(step_words[i].detail == NULL || (s->detail && strcmp(step_words[i].detail, s->detail) == 0)))
			return step_words[i].what;
	return NULL;
}

/* The page about the run of a step */
static char *
report_of(const BcdStepShown *s)
{
	return psprintf("SELECT bcdelta.report(%s);  -- what it has found", s->run_id ? psprintf(INT64_FORMAT, s->run_id) : "run_id");
}

/* The lines of a step: to watch it, or to do it by hand */
static void
put_lines(StringInfo out, BcdPaper *paper, const BcdStepShown *s)
{
	char	   *server = quote_literal_cstr(paper->scope.server);
	char	   *detail = s->detail ? quote_literal_cstr(s->detail) : "'full'";

	if (strcmp(s->kind, "push") == 0)
		bcd_md_block(out, psprintf("SELECT * FROM bcdelta.progress WHERE server = %s;  -- while it runs", server),
					 "SELECT * FROM bcdelta.dead_letter;  -- rows that were refused",
					 psprintf("SELECT * FROM bcdelta.push(server => %s);  -- by hand", server));
	else if (strcmp(s->kind, "verify") == 0)
		bcd_md_block(out, psprintf("SELECT sentence FROM bcdelta.proof WHERE server = %s;", server),
					 report_of(s),
					 psprintf("SELECT * FROM bcdelta.verify(server => %s, mode => %s);  -- by hand", server, detail));
	else if (strcmp(s->kind, "estimate") == 0)
		bcd_md_block(out, psprintf("SELECT * FROM bcdelta.estimate(%s);", server));
	else if (strcmp(s->kind, "rollback") == 0)
		bcd_md_block(out, psprintf("SELECT * FROM bcdelta.undoable WHERE server = %s ORDER BY run_id DESC LIMIT 5;", server),
					 report_of(s));
	else if (strcmp(s->kind, "check") == 0)
		bcd_md_block(out, bcd_call_check(paper));
	else if (strcmp(s->kind, "stage") == 0 && s->detail && strcmp(s->detail, "freeze") == 0)
		bcd_md_block(out, bcd_call_leaks(paper), psprintf("SELECT bcdelta.stage(%s, 'freeze', 'why');  -- by hand", server));
	else if (strcmp(s->kind, "stage") == 0)
		bcd_md_block(out, psprintf("SELECT bcdelta.stage(%s, %s, 'why');  -- by hand", server, detail));
	else if (strcmp(s->kind, "go") == 0)
		bcd_md_block(out, bcd_call_check(paper), bcd_call_go(paper),
					 psprintf("SELECT bcdelta.go(%s, 'why in spite of that', override => true);  -- although the check says no", server),
					 bcd_call_hold(paper), bcd_call_move(paper), bcd_call_abort(paper));
}

static char *
step_number(const BcdStepShown *s)
{
	return psprintf("%d", s->step);
}

static void
put_overview(StringInfo out, const BcdPaper *paper)
{
	ListCell   *lc;

	bcd_md(out, "## The plan\n\n| step | what | when | at the latest | state | what came of it |\n|---|---|---|---|---|---|\n");
	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		bcd_md(out, "| $ | $ | $$$ |", step_number(s), s->name, bcd_short_time(s->due_at), s->every > 0 ? ", every " : NULL,
			   s->every > 0 ? bcd_tell_duration(paper->tongue, s->every) : NULL);
		bcd_md(out, " $ | $$$ |", bcd_short_time(s->not_after), s->state, s->done_by ? " by " : NULL, s->done_by);
		bcd_md(out, " $$$$ |\n", s->measured, s->measured && s->note ? "; " : NULL, s->note,
			   s->run_id ? psprintf(" (run " INT64_FORMAT ")", s->run_id) : NULL);
	}
	bcd_md(out, "\n");
}

/* Do two steps do the same, at different times? */
static bool
same_words(const BcdStepShown *a, const BcdStepShown *b)
{
	return strcmp(a->kind, b->kind) == 0 && strcmp(a->detail ? a->detail : "", b->detail ? b->detail : "") == 0;
}

/* Is it over, or told elsewhere? */
static bool
is_left_out(const BcdStepShown *s)
{
	return bcd_step_is_over(s) || strcmp(s->kind, "message") == 0;
}

/* Was such a step told before? */
static bool
told_before(const BcdPaper *paper, const BcdStepShown *s)
{
	ListCell   *lc;

	foreach(lc, paper->steps)
	{
		const BcdStepShown *other = lfirst(lc);

		if (other == s)
			return false;
		if (!is_left_out(other) && same_words(other, s))
			return true;
	}
	return false;
}

/* The step, or all that do the same: they are told once. */
static void
put_title(StringInfo out, const BcdPaper *paper, const BcdStepShown *s)
{
	StringInfoData numbers;
	ListCell   *lc;
	int			n = 0;

	initStringInfo(&numbers);
	foreach(lc, paper->steps)
	{
		const BcdStepShown *other = lfirst(lc);

		if (!is_left_out(other) && same_words(other, s))
			appendStringInfo(&numbers, "%s%d", n++ ? ", " : "", other->step);
	}
	if (n == 1)
		bcd_md(out, "### Step $: $, $\n\n", numbers.data, s->name, bcd_short_time(s->due_at));
	else
		bcd_md(out, "### Steps $, the next of them $\n\n", numbers.data, bcd_short_time(s->due_at));
}

/* Those that are over are in the table only. */
void
bcd_runbook_steps(StringInfo out, BcdPaper *paper)
{
	ListCell   *lc;

	put_overview(out, paper);
	bcd_md(out, "## Step by step\n\n");
	foreach(lc, paper->steps)
	{
		const BcdStepShown *s = lfirst(lc);

		if (is_left_out(s) || told_before(paper, s))
			continue;
		put_title(out, paper, s);
		bcd_md(out, "$\n\n", what_happens(s));
		put_lines(out, paper, s);
	}
	bcd_md(out, "When something of the plan happens that people should hear of, NOTIFY bcdelta tells which message is due. Nothing is sent by bcdelta itself; "
		   "@ has the text, and others for support and customers.\n\n", psprintf("SELECT * FROM bcdelta.message(%s, 'tomorrow');", quote_literal_cstr(paper->scope.server)));
}
