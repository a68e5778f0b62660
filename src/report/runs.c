/*
 * runs.c
 *		The last runs, what can be undone of them, and what a rollback has done.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/guc.h"
#include "report/parts.h"
#include "report/put.h"
#include "report/runs.h"
#include "report/words.h"
#include "tables/rollback_field_report.h"
#include "tables/run_report.h"
#include "tables/undo_report.h"

/* The class and the word of a run's state */
static void
put_state(StringInfo out, const char *state)
{
	static const char *const levels[][3] = {
		{"succeeded", "ok", "done"}, {"failed", "critical", "failed"}, {"cancelled", "warning", "stopped"}, {"running", "busy", "running"},
	};
	int			i;

	for (i = 0; i < lengthof(levels) && strcmp(levels[i][0], state) != 0; i++)
		;
	if (i == lengthof(levels))
		bcd_put(out, "<span class=\"pill busy\">$</span>", state);
	else
		bcd_put(out, "<span class=\"pill $\">$</span>", levels[i][1], levels[i][2]);
}

/* What it was for: its feed, schedule or reader */
static void
put_kind(StringInfo out, const BcdRunShown *run)
{
	bcd_put(out, "<th scope=row>$ $<small class=feeds>$<bdi>@</bdi>", run->preview ? "preview" : run->kind, bcd_say_number(run->run_id),
			run->mode ? psprintf("%s, ", run->mode) : "", run->feed ? run->feed : "all feeds");
	if (run->schedule)
		bcd_put(out, ", schedule <bdi>@</bdi>", run->schedule);
	bcd_put(out, "</small></th>");
}

static void
put_run(StringInfo out, const BcdRunShown *run, TimestampTz now)
{
	const BcdRunCounts *c = &run->counts;
	bool		verify = strcmp(run->kind, "verify") == 0;
	int64		wrong = verify ? c->conflicts : c->failed;
	TimestampTz end = TIMESTAMP_NOT_FINITE(run->finished_at) ? now : run->finished_at;

	bcd_put(out, "<tr>");
	put_kind(out, run);
	bcd_put(out, "<td class=t>$</td><td>", bcd_say_time(run->started_at, now));
	put_state(out, run->state);
	bcd_put(out, "</td><td class=n>$</td><td class=\"n $\">$</td><td class=\"n w\">$</td><td class=\"n w\">$</td></tr>",
			bcd_say_number(verify || strcmp(run->kind, "link") == 0 ? c->unchanged + c->linked : c->created + c->updated + c->deleted + c->hidden),
			wrong ? "c-refused" : "zero", bcd_say_number(wrong), bcd_say_number(c->api_calls), bcd_say_duration((end - run->started_at) / 1000000.0));
}

/* all: runs in this time, those not shown included */
void
bcd_put_runs(StringInfo out, const BcdScope *scope, int64 all)
{
	static const char *const columns[] = {"Run", "Begun", "State", "#Rows", "#Refused or different", "#-Calls", "#-Took", NULL};
	uint64		n = bcd_runs_shown(scope);
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "runs", "Runs", NULL);
	bcd_table(out, "Runs", columns);
	for (i = 0; i < n; i++)
	{
		BcdRunShown run;

		bcd_runs_shown_row(i, &run);
		put_run(out, &run, scope->now);
	}
	bcd_table_end(out);
	bcd_more(out, all - (int64) n, " runs in this time");
	bcd_section_end(out);
}

static char *
undo_words(const BcdUndoShown *u)
{
	int64		all = u->created + u->updated + u->removed;

	if (u->undone >= all)
		return pstrdup("all of it is undone");
	return u->undone > 0 ? psprintf("%s of them undone", bcd_say_number(u->undone)) : pstrdup("");
}

/* What rollback() could undo, and until when */
void
bcd_put_undo(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"Run", "#Created", "#Updated", "#Removed", "Until", NULL};
	uint64		n = bcd_undo_shown(scope);
	BcdUndoShown u;
	int64		last = 0;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "undo", "What can be undone", "A rollback brings back what records held before, where nobody has changed them since. A preview shows it first, and writes nothing.");
	bcd_table(out, "What can be undone", columns);
	for (i = 0; i < n; i++)
	{
		bcd_undo_shown_row(i, &u);
		bcd_put(out, "<tr><th scope=row>$ $<small class=feeds>$</small></th><td class=n>$</td><td class=n>$</td><td class=n>$</td><td class=t>$</td>",
				u.kind, bcd_say_number(u.run_id), undo_words(&u), bcd_say_number(u.created), bcd_say_number(u.updated), bcd_say_number(u.removed),
				bcd_undo_retention < 0 ? "always" : bcd_say_time(u.since + bcd_undo_retention * USECS_PER_DAY, scope->now));
		bcd_put(out, "</tr>");
		last = Max(last, u.run_id);
	}
	bcd_table_end(out);
	bcd_more(out, u.all - (int64) n, ": SELECT * FROM bcdelta.undoable");
	bcd_put(out, "<p class=todo>To see what that would do: <code>SELECT * FROM bcdelta.rollback_preview($);</code></p>", psprintf(INT64_FORMAT, last));
	bcd_section_end(out);
}

static const char *
verdict_words(const char *verdict)
{
	static const char *const words[][2] = {
		{"undone", "set back"},
		{"same", "nothing to do"},
		{"edited", "changed by others since, and kept"},
		{"forced", "changed by others since, and overwritten"},
		{"impossible", "cannot be undone"},
	};
	int			i;

	for (i = 0; i < lengthof(words); i++)
		if (strcmp(words[i][0], verdict) == 0)
			return words[i][1];
	return verdict;
}

/* What a rollback has done with the fields, or a preview would do */
void
bcd_put_undone(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"What", "#Fields", "Feed", "For example", "Why", NULL};
	uint64		n = bcd_undone_shown(scope);
	BcdUndoneShown u;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "undone", "What became of the fields", NULL);
	bcd_table(out, "What became of the fields", columns);
	for (i = 0; i < n; i++)
	{
		bcd_undone_shown_row(i, &u);
		bcd_put(out, "<tr><th scope=row>$</th><td class=n>$</td><td><bdi>@</bdi></td><td><bdi class=k>@</bdi>$$</td><td><bdi>$</bdi></td></tr>", verdict_words(u.verdict),
				bcd_say_number(u.n), u.feed, u.key, u.field ? ", " : "", u.field, u.reason);
	}
	bcd_table_end(out);
	bcd_more(out, u.kinds - (int64) n, " kinds");
	bcd_section_end(out);
}
