/*
 * verdict.c
 *		How it is, in one sentence.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "report/put.h"
#include "report/verdict.h"
#include "report/words.h"

/* Levels: classes of the page, with the words and the sign that go with each */
static const struct
{
	const char *level;
	const char *words;
	const char *sign;			/* a path in a square of 24 */
}			levels[] = {
	{"ok", "All is well", "M6 12.5l4 4 8-9"},
	{"busy", "At work", "M12 7v5.5l3.5 2"},
	{"warning", "Worth a look", "M12 6.5v7M12 17v.2"},
	{"critical", "Somebody is needed", "M8 8l8 8M16 8l-8 8"},
	{"info", "For your information", "M12 11v6M12 7.2v.2"},
};

/* more: what else is worth saying, or NULL */
static void
put_verdict(StringInfo out, const char *level, const char *sentence, const char *more)
{
	int			i = 0;

	while (i < lengthof(levels) - 1 && strcmp(levels[i].level, level) != 0)
		i++;
	bcd_put(out, "<div class=\"verdict $\"><svg class=sign viewBox=\"0 0 24 24\" aria-hidden=true><circle cx=12 cy=12 r=11 />",
			levels[i].level);
	bcd_put(out, "<path d=\"$\"/></svg><div><p class=level>$</p><p class=sentence dir=auto>$</p>",
			levels[i].sign, levels[i].words, sentence);
	if (more)
		bcd_put(out, "<p class=besides>$</p>", more);
	bcd_put(out, "</div></div>");
}

/* a, b and c */
static char *
join(const List *words)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	for (i = 0; i < list_length(words); i++)
		appendStringInfo(&text, "%s%s", i == 0 ? "" : i == list_length(words) - 1 ? " and " : ", ", (char *) list_nth(words, i));
	return text.data;
}

static List *
add_count(List *words, int64 n, const char *done)
{
	return n > 0 ? lappend(words, psprintf("%s %s", bcd_say_number(n), done)) : words;
}

/* What was done to rows, such as "41 created and 6 deleted", or NULL */
static char *
done_words(const BcdRunCounts *c)
{
	List	   *words = NIL;

	words = add_count(words, c->created, "created");
	words = add_count(words, c->updated, "updated");
	words = add_count(words, c->hidden, "hidden");
	words = add_count(words, c->deleted, "deleted");
	return words ? join(words) : NULL;
}

/* What is left for a person */
static char *
left_words(const BcdFeedsNow *now)
{
	List	   *words = NIL;

	if (now->failed > 0)
		words = lappend(words, psprintf("%s refused and wait%s for a correction",
										now->failed == 1 ? "1 row was" : psprintf("%s rows were", bcd_say_number(now->failed)),
										now->failed == 1 ? "s" : ""));
	if (now->review > 0)
		words = lappend(words, psprintf("%s for a decision", now->review == 1 ? "1 value waits" : psprintf("%s values wait", bcd_say_number(now->review))));
	if (list_length(words) == 2)
		return psprintf("%s, and %s", (char *) linitial(words), (char *) lsecond(words));
	return words ? linitial(words) : NULL;
}

static char *
in_the_store(const BcdFeedsNow *now)
{
	return psprintf("%s in the store", now->linked == 1 ? "1 row is" : psprintf("%s rows are", bcd_say_number(now->linked)));
}

/* How it is if nothing is wrong */
static char *
calm_words(const BcdFeedsNow *now)
{
	if (now->linked == 0 && now->pending == 0)
		return psprintf("%s set up, and nothing has been pushed yet.", now->feeds == 1 ? "One feed is" : psprintf("%s feeds are", bcd_say_number(now->feeds)));
	if (now->pending == 0)
		return psprintf("%s, and nothing waits to be pushed.", in_the_store(now));
	if (now->linked == 0)
		return psprintf("Nothing is in the store yet; %s to be pushed.", now->pending == 1 ? "1 row waits" : psprintf("%s rows wait", bcd_say_number(now->pending)));
	return psprintf("%s, and %s to be pushed.", in_the_store(now), now->pending == 1 ? "1 more waits" : psprintf("%s more wait", bcd_say_number(now->pending)));
}

/* What is wrong, the worst first, or NULL */
static char *
trouble_words(const BcdScope *scope, bool *critical)
{
	uint64		n = bcd_feeds_troubles(scope);
	char	   *worst;

	if (n == 0)
		return NULL;
	worst = bcd_feeds_trouble(0, critical);
	worst = psprintf("%c%s", pg_toupper((unsigned char) worst[0]), worst + 1);
	if (n == 1)
		return worst;
	return psprintf("%s (and %s more).", worst, bcd_say_count((int64) n - 1, "problem", "problems"));
}

/* How far a run is, and how long it may take, or "" */
static char *
going_words(const BcdRunGoing *g)
{
	StringInfoData text;

	initStringInfo(&text);
	if (g->paused)
		return psprintf(", and pauses %s", g->waiting_for);
	if (g->total > 0)
		appendStringInfo(&text, ": %s of %s done", bcd_say_number(g->done), bcd_say_count(g->total, "row is", "rows are"));
	if (g->high >= 0)
	{
		char	   *low = bcd_say_duration(Max(g->low, 0));
		char	   *high = bcd_say_duration(g->high);

		appendStringInfo(&text, text.len ? ", " : ": ");
		if (g->low < 1 || strcmp(low, high) == 0)
			appendStringInfo(&text, "about %s to go", high);
		else
			appendStringInfo(&text, "%s to %s to go", low, high);
	}
	if (strcmp(g->waiting_for, "nothing") != 0)
		appendStringInfo(&text, "; waiting for %s", g->waiting_for);
	return text.data;
}

void
bcd_verdict_server(StringInfo out, const BcdScope *scope, const BcdFeedsNow *now)
{
	bool		critical = false;
	char	   *left = left_words(now);
	char	   *trouble;
	char	   *under_way = NULL;
	BcdRunGoing going;

	if (now->feeds == 0)
	{
		put_verdict(out, "info", scope->all ? "No table feeds this store yet."
					: "No feed of this store is yours, so there is nothing to show.", NULL);
		return;
	}
	trouble = trouble_words(scope, &critical);
	if (bcd_run_going(scope, &going))
		under_way = psprintf("A %s is under way%s.", going.kind, going_words(&going));
	if (now->worker && strcmp(now->worker, "running") != 0)
		put_verdict(out, "critical", psprintf("Nothing is pushed: %s.", now->worker), NULL);
	else if (trouble)
		put_verdict(out, critical ? "critical" : "warning", trouble, under_way);
	else if (left)
		put_verdict(out, "warning", psprintf("%s, but %s.", in_the_store(now), left), under_way);
	else if (under_way)
		put_verdict(out, "busy", under_way, NULL);
	else
		put_verdict(out, "ok", calm_words(now), NULL);
}

static char *
took(const BcdRunShown *run, const BcdScope *scope)
{
	TimestampTz end = TIMESTAMP_NOT_FINITE(run->finished_at) ? scope->now : run->finished_at;

	return bcd_say_duration((end - run->started_at) / 1000000.0);
}

/* The end of a sentence about a run */
static char *
refused_words(const BcdRunCounts *c)
{
	if (c->failed == 0)
		return pstrdup("nothing was refused");
	return psprintf("%s %s refused", bcd_say_number(c->failed), c->failed == 1 ? "was" : "were");
}

static char *
pushed_words(const BcdRunShown *run, const BcdScope *scope)
{
	const BcdRunCounts *c = &run->counts;
	char	   *done = done_words(c);

	if (done == NULL && c->failed == 0)
		return psprintf("There was nothing to write, as was found out in %s.", took(run, scope));
	if (done == NULL)
		return psprintf("Nothing was written in %s, and %s.", took(run, scope), refused_words(c));
	return psprintf("%s written in %s (%s), and %s.", bcd_say_count(c->created + c->updated + c->hidden + c->deleted, "row was", "rows were"),
					took(run, scope), done, refused_words(c));
}

static char *
verified_words(const BcdRunShown *run, const BcdScope *scope)
{
	const BcdRunCounts *c = &run->counts;

	if (c->conflicts == 0)
		return psprintf("Source and store agree: %s compared in %s, no difference.", bcd_say_count(c->unchanged, "row was", "rows were"), took(run, scope));
	return psprintf("%s found between source and store; %s.", bcd_say_count(c->conflicts, "difference was", "differences were"),
					bcd_say_count(c->unchanged, "row agrees", "rows agree"));
}

static char *
linked_words(const BcdRunShown *run)
{
	return psprintf("%s linked to records of the store; %s.", bcd_say_count(run->counts.linked, "row was", "rows were"),
					run->counts.conflicts ? psprintf("%s no match", bcd_say_count(run->counts.conflicts, "row has", "rows have")) : "every row has its match");
}

static char *
undone_words(const BcdRunShown *run, const BcdScope *scope)
{
	char	   *done = done_words(&run->counts);

	if (run->preview)
		return pstrdup("A preview of a rollback: nothing was written.");
	if (done == NULL)
		return pstrdup("There was nothing to set back.");
	return psprintf("What was written is undone, in %s: %s; %s, and %s.", took(run, scope), done,
					run->counts.conflicts > 0 ? psprintf("%s left as %s", bcd_say_count(run->counts.conflicts, "value was", "values were"), run->counts.conflicts == 1 ? "it is" : "they are")
					: "nothing was left as it is", refused_words(&run->counts));
}

/* How a run that has succeeded went */
static char *
success_words(const BcdRunShown *run, const BcdScope *scope)
{
	if (strcmp(run->kind, "verify") == 0)
		return verified_words(run, scope);
	if (strcmp(run->kind, "link") == 0)
		return linked_words(run);
	if (strcmp(run->kind, "rollback") == 0)
		return undone_words(run, scope);
	return pushed_words(run, scope);
}

void
bcd_verdict_run(StringInfo out, const BcdScope *scope, const BcdRunShown *run)
{
	char	   *done = done_words(&run->counts);
	BcdRunGoing going;
	char	   *before = done ? psprintf("; before that: %s", done) : "";

	if (strcmp(run->state, "requested") == 0)
		put_verdict(out, "busy", bcd_run_going(scope, &going) ? psprintf("It is under way%s.", going_words(&going)) : "It waits for its turn.", NULL);
	else if (strcmp(run->state, "running") == 0)
		put_verdict(out, "busy", psprintf("It has been going on for %s%s.", took(run, scope), bcd_run_going(scope, &going) ? going_words(&going) : ""), NULL);
	else if (strcmp(run->state, "failed") == 0)
		put_verdict(out, "critical", psprintf("It failed after %s: %s%s.", took(run, scope), run->error ? run->error : "no reason is known", before), NULL);
	else if (strcmp(run->state, "cancelled") == 0)
		put_verdict(out, "warning", psprintf("It was stopped after %s: %s%s.", took(run, scope), run->error ? run->error : "no reason is known", before), NULL);
	else
		put_verdict(out, run->counts.failed > 0 || run->counts.conflicts > 0 || run->warning ? "warning" : "ok", success_words(run, scope), NULL);
}
