/*
 * page.c
 *		A report: one page of HTML, in one line.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "report/agreement.h"
#include "report/outcomes.h"
#include "report/over_time.h"
#include "report/page.h"
#include "report/parts.h"
#include "report/people.h"
#include "report/plan.h"
#include "report/put.h"
#include "report/refused.h"
#include "report/runs.h"
#include "report/style.h"
#include "report/verdict.h"
#include "report/words.h"
#include "tables/conflict_report.h"
#include "tables/feed_report.h"

/*
 * A page loads nothing and runs nothing, and no browser lets it: the policy
 * allows its own style, and that is all.
 */
static void
begin(StringInfo out, const char *title)
{
	bcd_put(out, "<!DOCTYPE html><html lang=en><head><meta charset=utf-8>"
			"<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">"
			"<meta name=viewport content=\"width=device-width,initial-scale=1\"><meta name=referrer content=no-referrer>"
			"<meta name=generator content=\"bcdelta $\"><title>$</title><style>", EXTVERSION, title);
	appendStringInfoString(out, bcd_report_style);
	bcd_put(out, "</style></head><body>");
}

static void
end(StringInfo out, const BcdScope *scope)
{
	bcd_put(out, "</main><footer><p>Made by bcdelta $ on $. All times are $.</p></footer></body></html>",
			EXTVERSION, bcd_say_long_time(scope->now), bcd_say_zone(scope->now));
}

static void
put_figures(StringInfo out, const BcdFeedsNow *now, const BcdRunsTotal *total)
{
	const BcdRunCounts *c = &total->counts;
	int64		written = c->created + c->updated + c->deleted + c->hidden;

	bcd_put(out, "<ul class=figures>");
	bcd_figure(out, "", bcd_say_number(now->linked), now->linked == 1 ? "row in the store" : "rows in the store",
			   bcd_say_count(now->feeds, "feed", "feeds"));
	bcd_figure(out, "", bcd_say_number(now->pending), "to be pushed", NULL);
	bcd_figure(out, now->failed + now->review > 0 ? "warning" : "", bcd_say_number(now->failed + now->review), "waiting for a person",
			   now->review > 0 ? psprintf("%s refused, %s to decide", bcd_say_number(now->failed), bcd_say_number(now->review)) : NULL);
	bcd_figure(out, "", bcd_say_number(written), "written in this time", bcd_say_count(total->runs, "run", "runs"));
	bcd_figure(out, "", bcd_say_number(c->api_calls), c->api_calls == 1 ? "call" : "calls",
			   c->throttled > 0 ? psprintf("%s more had to wait", bcd_say_number(c->throttled)) : NULL);
	bcd_put(out, "</ul>");
}

/* paper: the plan of the server, if it has one */
void
bcd_page_of_server(StringInfo out, const BcdScope *scope, BcdPaper *paper)
{
	BcdFeedsNow now;
	BcdRunsTotal total;

	bcd_feeds_now(scope, &now);
	/* a conflict holds a field, and its row in most cases, too */
	now.review = Max(now.review, bcd_conflicts_count(scope));
	bcd_runs_total(scope, &total);
	begin(out, psprintf("%s: report", scope->server));
	bcd_put(out, "<header><p class=eyebrow>Report on the store</p><h1><bdi>$</bdi></h1><p>$ until $, $</p></header><main>",
			scope->server, bcd_say_long_time(scope->since), bcd_say_long_time(scope->now), bcd_say_zone(scope->now));
	bcd_put_override(out, paper);
	bcd_verdict_server(out, scope, &now);
	bcd_put_plan(out, paper);
	put_figures(out, &now, &total);
	bcd_put_problems(out, scope);
	bcd_put_refused(out, scope);
	bcd_put_conflicts(out, scope);
	bcd_put_over_time(out, scope, now.pending);
	bcd_put_proof(out, scope);
	bcd_put_outcomes(out, scope);
	bcd_put_adjustments(out, scope);
	bcd_put_runs(out, scope, total.runs);
	bcd_put_undo(out, scope);
	bcd_put_decisions(out, scope);
	end(out, scope);
}

/* What a run has done; what it has none of is left out. */
static void
put_run_figures(StringInfo out, const BcdScope *scope, const BcdRunShown *run)
{
	const BcdRunCounts *c = &run->counts;
	const bool	verify = strcmp(run->kind, "verify") == 0;
	const struct
	{
		const char *class;
		int64		n;
		const char *words;
	}			figures[] = {
		{"", c->created, "created"}, {"", c->updated, "updated"}, {"", c->hidden, "hidden"}, {"", c->deleted, "deleted"}, {"", c->linked, "linked"},
		{"", c->unchanged, verify ? "rows that agree" : "unchanged"}, {"warning", c->conflicts, verify ? "differences" : strcmp(run->kind, "link") == 0 ? "without a match" : "left as they are"},
		{"warning", c->failed, "refused"}, {"", c->deferred, verify ? "not compared: a change is pending" : "waiting for other rows"},
	};
	int			i;

	if (TIMESTAMP_NOT_FINITE(run->started_at))
		return;
	bcd_put(out, "<ul class=figures>");
	for (i = 0; i < lengthof(figures); i++)
		if (figures[i].n > 0)
			bcd_figure(out, figures[i].class, bcd_say_number(figures[i].n), figures[i].words, NULL);
	bcd_figure(out, "", bcd_say_number(c->api_calls), c->api_calls == 1 ? "call" : "calls", c->throttled > 0 ? psprintf("%s more had to wait", bcd_say_number(c->throttled)) : NULL);
	bcd_figure(out, "", bcd_say_duration((scope->until - run->started_at) / 1000000.0), "from begin to end", NULL);
	bcd_put(out, "</ul>");
	if (run->warning)
		bcd_put(out, "<p class=\"note warning\" dir=auto>$</p>", run->warning);
}

static char *
run_title(const BcdRunShown *run)
{
	return psprintf("Run %s: %s%s", bcd_say_number(run->run_id), run->preview ? "preview of a " : "", run->kind);
}

void
bcd_page_of_run(StringInfo out, const BcdScope *scope, const BcdRunShown *run)
{
	begin(out, run_title(run));
	bcd_put(out, "<header><p class=eyebrow>Report on a run</p><h1>$</h1><p>", run_title(run));
	if (run->feed)
		bcd_put(out, "feed <bdi>$</bdi> of store <bdi>$</bdi>", run->feed, run->server);
	else
		bcd_put(out, "all feeds of store <bdi>$</bdi>", run->server);
	if (!TIMESTAMP_NOT_FINITE(run->started_at))
		bcd_put(out, ", begun $, $", bcd_say_long_time(run->started_at), bcd_say_zone(run->started_at));
	bcd_put(out, "</p></header><main>");
	bcd_verdict_run(out, scope, run);
	put_run_figures(out, scope, run);
	bcd_put_refused(out, scope);
	bcd_put_differences(out, scope);
	bcd_put_undone(out, scope);
	bcd_put_run_over_time(out, scope);
	bcd_put_outcomes(out, scope);
	bcd_put_conflicts(out, scope);
	bcd_put_adjustments(out, scope);
	bcd_put_undo(out, scope);
	end(out, scope);
}
