/*
 * contingency.c
 *		If ... then this call, which takes about ...
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "papers/markdown.h"
#include "papers/plan_words.h"
#include "papers/runbook.h"

/* Runs whose rollback has a line of its own */
#define MAX_RUNS	3

static void
put_line(StringInfo out, const char *if_words, const char *then_words, const char *call, const char *takes)
{
	bcd_md(out, "| $ | $$@ | $ |\n", if_words, then_words, then_words && call ? ": " : NULL, call, takes);
}

static char *
cost_words(const BcdPaper *paper, const BcdUndoCost *u)
{
	return psprintf("records: %s, calls: about %s, %s; orders that were placed and mails that were sent stay",
					bcd_tell_number(paper->tongue, u->records), bcd_tell_number(paper->tongue, u->calls),
					bcd_tell_takes(paper->tongue, bcd_paper_seconds(paper, u->calls)));
}

/* The way back: of the last runs, and of all since the freeze */
static void
put_rollbacks(StringInfo out, BcdPaper *paper)
{
	BcdUndoCost all;
	ListCell   *lc;
	int			n = 0;

	foreach(lc, bcd_paper_undo(paper))
	{
		const BcdUndoCost *u = lfirst(lc);

		if (++n > MAX_RUNS)
			break;
		put_line(out, psprintf("what run " INT64_FORMAT " of %s has written is wrong", u->run_id, bcd_short_time(u->since)), "look first",
				 psprintf("SELECT * FROM bcdelta.rollback_preview(" INT64_FORMAT ");", u->run_id), "as many calls as records are read; nothing is written");
		put_line(out, NULL, "then", psprintf("SELECT * FROM bcdelta.rollback(" INT64_FORMAT ");", u->run_id), cost_words(paper, u));
	}
	if (n == 0)
		put_line(out, "what a run has written is wrong", "once there is one", "SELECT * FROM bcdelta.rollback_preview(run_id);", "nothing was written yet");
	else if (bcd_plan_undo_all(paper, &all))
		put_line(out, "the whole night was wrong", "all since then, by whichever run", bcd_call_rollback_since(paper, all.since), cost_words(paper, &all));
}

void
bcd_runbook_contingency(StringInfo out, BcdPaper *paper)
{
	char	   *server = quote_literal_cstr(paper->scope.server);

	bcd_md(out, "## If something goes wrong\n\n| if | then | which takes |\n|---|---|---|\n");
	put_line(out, "a criterion is not met", "follow its last column, or say why it does not matter", psprintf("SELECT bcdelta.waive(%s, 'criterion', 'why');", server), "nothing; it is in the journal");
	put_line(out, "somebody still writes into the old shop", "stop what this names", bcd_call_leaks(paper), "nothing; what was written is captured");
	put_line(out, "a run has stopped itself", "mend the cause that its message names, and push again", psprintf("SELECT * FROM bcdelta.push(server => %s);", server), "nothing is lost: rows wait, and the plan is held");
	put_line(out, "rows are refused", "correct them in the source, then", "SELECT bcdelta.retry();", "a call per row or batch");
	put_line(out, "the store does not answer, or refuses the token", "see what is said, and wait or renew the token", "SELECT * FROM bcdelta.trouble;", "nothing is lost: rows wait");
	put_line(out, "other apps use most of the quota", "stop them for the night; what is left to do takes", psprintf("SELECT * FROM bcdelta.estimate(%s);", server), "nothing");
	put_line(out, "the window closes before all is done", "later, for instance a day", bcd_call_move(paper), "nothing; the old shop stays in charge");
	put_line(out, "something is not clear", "nothing begins by itself any more", bcd_call_hold(paper), "nothing; nothing has to be undone");
	put_line(out, "it will not be tonight, nor soon", "the plan ends", bcd_call_abort(paper), "nothing; feeds and schedules go on");
	put_rollbacks(out, paper);
	put_line(out, "the worker or the server has failed over", "it goes on by itself; see whether it does", "SELECT * FROM bcdelta.health();", "nothing; steps that were missed say so");
	bcd_md(out, "\n");
}
