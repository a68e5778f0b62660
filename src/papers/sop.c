/*
 * sop.c
 *		How a store is synced from now on: feeds, schedules, who is in charge,
 *		what each trouble means, and orders and customers in the transition.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "papers/markdown.h"
#include "papers/plan_words.h"
#include "papers/runbook.h"
#include "papers/sop.h"
#include "tables/feed_papers.h"
#include "tables/schedule_papers.h"

/* The troubles of bcdelta.event: what each means, and what to do */
static const struct
{
	const char *event;
	const char *means;
	const char *todo;
	const char *call;
}			troubles[] = {
	{"another_writer", "another server pushes to the store: an old primary, or a copy of this database", "stop it, or take its token away", NULL},
	{"cutover", "something of the plan that people should hear of", "read it; the plan says what comes next", "SELECT bcdelta.runbook($);"},
	{"differences", "a verification has found differences between source and store", "look at them, decide for each whether the source or the store is right, and have the rows pushed again", "SELECT bcdelta.repair(run_id);"},
	{"feed_paused", "changes of a feed are captured, but not pushed", "mend what the message names, and go on", "SELECT bcdelta.resume('feed');"},
	{"feed_trouble", "a feed captures or pushes less than it should, or rows wait for others", "the message says what to do", "SELECT * FROM bcdelta.dead_letter;"},
	{"quota_taken", "other apps use most of the requests that the store allows, so pushes take longer", "find out which, and have them wait", "SELECT * FROM bcdelta.estimate($);"},
	{"run_ended", "a run of a schedule has ended; somebody wanted to hear of each", "nothing", NULL},
	{"schedule_failed", "the last run of a schedule has failed", "mend what the message names; the next run tries again", "SELECT bcdelta.report(run_id);"},
	{"store_trouble", "the store does not answer as it should, or has asked for time", "wait; if it refuses the token, renew it", "SELECT * FROM bcdelta.trouble;"},
	{"worker_back", "the worker ended out of turn, and was started again", "nothing, unless it happens again: then look into the server's log", NULL},
};

static void
put_feeds(StringInfo out, const BcdPaper *paper, const List *feeds)
{
	ListCell   *lc;

	bcd_md(out, "## What is synced\n\n");
	if (feeds == NIL)
	{
		bcd_md(out, paper->scope.all ? "No table feeds this store yet.\n\n" : "No feed of this store is yours, so none is shown.\n\n");
		return;
	}
	bcd_md(out, "| feed | from | to | a row is deleted | both sides have changed a field | pushed | state |\n|---|---|---|---|---|---|---|\n");
	foreach(lc, feeds)
	{
		const BcdFeedShown *f = lfirst(lc);

		bcd_md(out, "| @ | @ | $ |", f->feed, f->source, f->resource);
		bcd_md(out, " $ | $$@ |", strcmp(f->on_delete, "ignore") == 0 ? "the record stays" : strcmp(f->on_delete, "hide") == 0 ? "the record is hidden" : "the record is deleted",
			   f->on_conflict, f->policies ? ", but of these fields " : NULL, f->policies);
		bcd_md(out, " $ | $$$ |\n", f->at_once ? "when it is committed" : "by schedule, or by hand", f->state, f->paused_reason ? ": " : NULL, f->paused_reason);
	}
	bcd_md(out, "\nWhere both sides have changed a field: source: the value of the source is written; store: that of the store is kept; newest: the later change wins; "
		   "review: a person decides, in @. Which of these applies at a stage is in the table below.\n\n", "SELECT * FROM bcdelta.review;");
}

static void
put_schedules(StringInfo out, const BcdPaper *paper, const List *schedules)
{
	ListCell   *lc;

	bcd_md(out, "## When\n\n");
	if (schedules == NIL)
	{
		bcd_md(out, "There is no schedule: nothing is pushed or verified by itself, but for the steps of a plan. For instance, every night: @\n\n",
			   psprintf("SELECT bcdelta.schedule('nightly', server => %s, every => '1 day', hours => '01:00-05:30');", quote_literal_cstr(paper->scope.server)));
		return;
	}
	bcd_md(out, "| schedule | does | how often | hours | next | tells |\n|---|---|---|---|---|---|\n");
	foreach(lc, schedules)
	{
		const BcdScheduleShown *s = lfirst(lc);

		bcd_md(out, "| @ | $$$ of $@ |", s->name, s->kind, s->mode ? " " : NULL, s->mode, s->feed ? NULL : "all feeds", s->feed);
		bcd_md(out, " $$ | $$$ |", s->every > 0 ? "every " : "once", s->every > 0 ? bcd_tell_duration(paper->tongue, s->every) : NULL,
			   s->hours ? s->hours : "any", s->hours ? " " : NULL, s->hours ? s->time_zone : NULL);
		bcd_md(out, " $$$ | $ |\n", TIMESTAMP_NOT_FINITE(s->next_run_at) ? "not any more" : bcd_short_time(s->next_run_at),
			   s->last_error ? "; the last time: " : NULL, s->last_error, s->alert);
	}
	bcd_md(out, "\n");
}

static void
put_troubles(StringInfo out, const BcdPaper *paper)
{
	const char *const server[] = {quote_literal_cstr(paper->scope.server)};
	int			i;

	bcd_md(out, "## What each trouble means\n\nEach is a row of bcdelta.event from its beginning to its end, and a NOTIFY bcdelta. What is wrong now: @\n\n", "SELECT * FROM bcdelta.trouble;");
	bcd_md(out, "| event | means | what to do |\n|---|---|---|\n");
	for (i = 0; i < lengthof(troubles); i++)
	{
		const char *call = troubles[i].call;

		if (call && strchr(call, '$'))
			call = bcd_compose(call, server, lengthof(server));
		bcd_md(out, "| @ | $ | $$@ |\n", troubles[i].event, troubles[i].means, troubles[i].todo, call ? ": " : NULL, call);
	}
	bcd_md(out, "\n");
}

static void
put_days(StringInfo out, const BcdPaper *paper)
{
	char	   *server = quote_literal_cstr(paper->scope.server);

	bcd_md(out, "## Every day\n\n");
	bcd_md_block(out, "SELECT * FROM bcdelta.health();  -- is all well, in one line",
				 psprintf("SELECT feed, state, trouble, failed, review, oldest_pending FROM bcdelta.status WHERE server = %s;", server),
				 psprintf("SELECT sentence FROM bcdelta.proof WHERE server = %s;  -- do source and store agree", server),
				 "SELECT * FROM bcdelta.review;  -- what somebody has to decide",
				 psprintf("SELECT bcdelta.report(%s);  -- all of it as a page", server));
	bcd_md(out, "A value that is meant to be other than in the source is declared, so that it is not overwritten: @\n\n",
		   "SELECT bcdelta.adjust('feed', 'key', 'field', 'why');");
}

/* What follows from the stage; the rest is in docs/transition.md. */
static void
put_transition(StringInfo out, const BcdPaper *paper)
{
	static const struct
	{
		const char *stage;
		const char *orders;
		const char *stock;
		const char *customers;
	}			lines[] = {
		{"prepare", "the old shop", "the source's quantities are set", "the source's values are written"},
		{"freeze", "the old shop, until the cut-off time", "set a last time; note what is sold after that", "nobody edits them"},
		{"live", "the new shop; the old one only until the cut-off time", "differences are sent, so that both can sell", "the later change wins"},
		{"watch", "the new shop alone", "the new shop counts", "the new shop's values stay"},
		{"closed", "the new shop alone", "the new shop counts", "the new shop's values stay"},
	};
	int			i;

	bcd_md(out, "## Orders and customers in the transition\n\nThis is what comes with bcdelta; the table above says what applies here. "
		   "Orders are not pushed: those of the old shop stay there, or are carried over by hand or by the tool of the first load, with mails of the new shop switched off. "
		   "The page docs/transition.md of bcdelta has the protocol.\n\n");
	bcd_md(out, "| stage | takes orders | stock | customers |\n|---|---|---|---|\n");
	for (i = 0; i < lengthof(lines); i++)
		bcd_md(out, paper->stage && strcmp(paper->stage, lines[i].stage) == 0 ? "| **$ (now)** | $ | $ | $ |\n" : "| $ | $ | $ | $ |\n",
			   lines[i].stage, lines[i].orders, lines[i].stock, lines[i].customers);
	bcd_md(out, "\nA customer who has changed on both sides: @\n", "SELECT * FROM bcdelta.review;");
}

void
bcd_sop(StringInfo out, BcdPaper *paper)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *feeds;
	List	   *schedules;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_feeds_shown(&paper->scope);
	schedules = bcd_schedules_shown(&paper->scope);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	bcd_md(out, "# Syncing $\n\n", paper->scope.server);
	if (paper->has_plan)
		bcd_md(out, "Go-live: $. Times are in the time zone $. The plan is in @\n\n", bcd_tell_moment_zone(paper->tongue, paper->plan.go_live), paper->plan.time_zone, bcd_call_runbook(paper));
	else
		bcd_md(out, "There is no plan of a cutover. Times are in the time zone $.\n\n", pg_get_timezone_name(session_timezone));
	put_feeds(out, paper, feeds);
	put_schedules(out, paper, schedules);
	bcd_md(out, "## Who is in charge of what\n\n$ At a stage, what the new shop owns is not sent; rows wait, and nothing is lost.\n\n",
		   paper->stage ? psprintf("The store is in stage %s.", paper->stage) : "The store is in no stage, and the policies of the feeds apply.");
	bcd_put_matrix(out, paper);
	put_days(out, paper);
	put_troubles(out, paper);
	put_transition(out, paper);
}
