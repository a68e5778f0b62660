/*
 * go_live.c
 *		What speaks for and against going live: criteria that are measured,
 *		questions for people, and what people have answered.
 *
 * Nothing is written here, and nothing asked of the store.  What cannot be
 * measured is unknown, and says why, whatever the reason; all else is told
 * nevertheless.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/clock.h"
#include "base/db.h"
#include "cutover/go_live.h"
#include "cutover/own_query.h"
#include "feed/mapping_guard.h"
#include "tables/criterion.h"
#include "tables/signature.h"

/* In the worker, which others wait for, queries of people are asked for no longer than that, and the last one */
#define WORKER_PATIENCE_MS	3000

/* What bcdelta measures; the view go_live_fact says how */
typedef struct Measured
{
	const char *name;
	const char *severity;
	bool		passing;
	const char *required;
	const char *why;
} Measured;

static const Measured measured[] = {
	{"pending", "must", true, "nothing, or nothing older than 30 minutes", "what is not in the store yet is missing in the new shop"},
	{"failed", "must", false, "none", "rows that were given up stay as they are in the store until somebody corrects them"},
	{"deferred", "must", true, "none", "these rows refer to rows that are not in the store"},
	{"conflicts", "must", false, "none", "a person has to decide which value the new shop shows"},
	{"verified", "must", false, "a full verification of each resource within 7 days", "only that compares every row with its record"},
	{"proof", "must", true, "within one hour", "so old is the knowledge that source and store agree"},
	{"differences", "must", false, "none", "the last verification found that source and store differ"},
	{"silent_edits", "should", false, "none", "the store has not dated some edits, so a verification of what was changed misses them"},
	{"capture", "must", false, "on all tables and partitions", "changes that are not captured never reach the store"},
	{"feeds", "must", false, "all active", "a feed that is paused pushes nothing"},
	{"mappings", "must", false, "valid, nothing in the way", "what is in the way keeps rows from being pushed"},
	{"store", "must", true, "no trouble", "a store that does not answer takes no change"},
	{"token", "must", true, "accepted within one hour", "an expired token stops everything"},
	{"quota_taken", "should", true, "less than others_alert of the server, or 50 %", "other apps take this part of the quota, and the final sweep takes longer"},
	{"refusals", "should", true, "at most 1 %", "requests that the store refused with status 429 within a day"},
	{"estimate", "must", true, "before the end of that night's hours", "the final sweep has to be over before customers come"},
	{"leaks", "must", true, "no change of the source for 15 minutes", "somebody still writes to the old shop, although it is frozen"},
	{"worker", "must", true, "running", "without a worker nothing is pushed"},
	{"clock", "should", true, "less than 5 seconds apart", "which side changed a field last is seen by the clocks"},
	{"undo", "must", false, "at least 1 day", "without it nothing can be rolled back"},
	{"afterwards", "should", false, "at least one", "somebody has to look whether source and store still agree after the go-live"},
	{"disk", "must", false, "at least 1 GB", "a full disk stops the source as well"},
	{"stock", "should", false, "no unit unexplained", "stock that nobody can explain is sold twice, or not at all"},
	{"rehearsal", "should", false, "a rollback within 7 days", "the way back should have been tried before it is needed"},
};

/* Questions that come with bcdelta */
static const struct
{
	const char *name;
	const char *question;
}			proposed[] =

{
	{"dns", "Has the TTL of the shop's DNS records been lowered, more than a day ago?"},
	{"payment", "Has an order been paid in the new shop, and been refunded?"},
	{"shipping", "Are shipping costs and taxes of the new shop right for each zone?"},
	{"mails", "Are the mails to customers switched off, and is it settled who switches them on?"},
	{"contingency", "Who decides on the way back, and is that person awake and reachable?"},
	{"staff", "Does everybody know from when on which shop is to be edited?"},
};

bool
bcd_is_measured(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(measured); i++)
		if (strcmp(measured[i].name, name) == 0)
			return true;
	return false;
}

bool
bcd_is_proposed(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(proposed); i++)
		if (strcmp(proposed[i].name, name) == 0)
			return true;
	return false;
}

const BcdCriterion *
bcd_criterion_find(List *criteria, const char *name)
{
	ListCell   *lc;

	foreach(lc, criteria)
		if (strcmp(((BcdCriterion *) lfirst(lc))->name, name) == 0)
		return lfirst(lc);
	return NULL;
}

/* The names of those on which an answer rests that is given now */
List *
bcd_criteria_met(List *criteria)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, criteria)
	{
		const BcdCriterion *c = lfirst(lc);

		if (!c->asked && !c->passing && strcmp(c->verdict, "go") == 0)
			names = lappend(names, unconstify(char *, c->name));
	}
	return names;
}

/* What is read from our tables */
typedef struct Reading
{
	const char *server;
	const char *criterion;
	BcdFact		fact;
	List	   *own;
	List	   *signatures;
} Reading;

static void
read_fact(void *arg)
{
	Reading    *r = arg;
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	if (!bcd_fact_read(r->server, r->criterion, &r->fact))
		elog(ERROR, "criterion \"%s\" is not measured", r->criterion);
	bcd_spi_end(&rights);
}

static void
read_answers(Reading *r)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	r->own = bcd_criteria_of(r->server);
	r->signatures = bcd_signatures_of(r->server);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
}

/* Measures a criterion; an error is a reason why it is unknown. */
static BcdCriterion *
measure(const Measured *m, Reading *r)
{
	BcdCriterion *c = palloc0(sizeof(BcdCriterion));
	ErrorData  *error;

	memset(&r->fact, 0, sizeof(r->fact));
	r->criterion = m->name;
	error = bcd_attempt_undone(read_fact, r);
	c->name = m->name;
	c->severity = m->severity;
	c->passing = m->passing;
	c->required = m->required;
	c->why = m->why;
	c->found = r->fact.found;
	c->next_step = r->fact.next_step;
	c->verdict = r->fact.met ? "go" : "no-go";
	if (error || !r->fact.known)
	{
		c->verdict = "unknown";
		c->why = error ? psprintf("it could not be measured: %s", error->message) :
			r->fact.unknown ? r->fact.unknown : "it is not known";
	}
	return c;
}

/* Asks the query of a criterion, unless there is no time left. */
static BcdCriterion *
ask_query(const BcdOwnCriterion *own, const char *server, int64 until)
{
	BcdCriterion *c = palloc0(sizeof(BcdCriterion));
	BcdAnswer	answer = {.trouble = "its query was not asked, since those before it took too long for the worker"};

	if (bcd_now_ms() <= until)
		bcd_own_query(own->owner, own->query, &answer);
	c->name = own->name;
	c->severity = own->severity;
	c->found = answer.found;
	c->required = own->question ? own->question : "that the query returns true";
	c->why = answer.trouble ? answer.trouble : "its query says so";
	c->verdict = !answer.known ? "unknown" : answer.met ? "go" : "no-go";
	c->next_step = psprintf("SELECT bcdelta.waive(%s, %s, '...');", quote_literal_cstr(server), quote_literal_cstr(own->name));
	return c;
}

static BcdCriterion *
question_of(const char *server, const char *name, const char *severity, const char *question)
{
	BcdCriterion *c = palloc0(sizeof(BcdCriterion));

	c->name = name;
	c->severity = severity;
	c->required = question;
	c->verdict = "unknown";
	c->why = "nobody has signed it";
	c->asked = true;
	c->next_step = psprintf("SELECT bcdelta.sign(%s, %s, note => '...');", quote_literal_cstr(server), quote_literal_cstr(name));
	return c;
}

static const BcdOwnCriterion *
own_of(List *own, const char *name)
{
	ListCell   *lc;

	foreach(lc, own)
		if (strcmp(((BcdOwnCriterion *) lfirst(lc))->name, name) == 0)
		return lfirst(lc);
	return NULL;
}

/*
 * Returns which criteria that were met when somebody answered are not any more,
 * or NULL; with_unknown: and those of which that is not known.
 */
static char *
worse_since(List *criteria, const BcdSignature *s, bool with_unknown)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	foreach(lc, s->met)
	{
		const BcdCriterion *c = bcd_criterion_find(criteria, lfirst(lc));

		if (c && (strcmp(c->verdict, "no-go") == 0 || (with_unknown && strcmp(c->verdict, "unknown") == 0)))
			appendStringInfo(&text, "%s%s", text.len ? ", " : "", c->name);
	}
	return text.len ? text.data : NULL;
}

/* Applies what a person has answered to a question. */
static void
apply_signature(List *criteria, BcdCriterion *c, const BcdSignature *s)
{
	char	   *worse = worse_since(criteria, s, true);

	c->found = psprintf("%s: %s, %s%s%s", s->verdict, s->by, s->at, s->note ? ": " : "", s->note ? s->note : "");
	if (s->ended)
		c->why = psprintf("the signature does not count: %s", s->ended);
	else if (s->lapsed || worse)
		c->why = psprintf("the signature does not count: since then, this has got worse: %s", s->lapsed ? s->lapsed : worse);
	else
	{
		bool		yes = strcmp(s->verdict, "go") == 0;

		c->verdict = yes ? "signed" : "no-go";
		c->why = yes ? "a person has signed it" : "a person has said no";
	}
	if (!s->ended && !s->lapsed)
		c->lapses = worse_since(criteria, s, false);
}

/* Applies a waiver to a criterion that is not met. */
static void
apply_waiver(BcdCriterion *c, const BcdSignature *s)
{
	if (strcmp(c->verdict, "go") == 0)
		return;
	if (s->ended)
	{
		c->why = psprintf("%s; the waiver of %s does not count: %s", c->why, s->by, s->ended);
		return;
	}
	c->verdict = "waived";
	c->why = psprintf("waived by %s, %s: %s", s->by, s->at, s->note);
}

static void
apply(List *criteria, List *signatures)
{
	ListCell   *lc;
	ListCell   *other;

	/* what signatures rest on has to be known first */
	foreach(lc, criteria)
	{
		BcdCriterion *c = lfirst(lc);

		foreach(other, signatures)
		{
			const BcdSignature *s = lfirst(other);

			if (c->asked && strcmp(s->criterion, c->name) == 0 && strcmp(s->verdict, "waived") != 0)
				apply_signature(criteria, c, s);
		}
	}
	foreach(lc, criteria)
	{
		BcdCriterion *c = lfirst(lc);

		foreach(other, signatures)
		{
			const BcdSignature *s = lfirst(other);

			if (strcmp(s->criterion, c->name) == 0 && strcmp(s->verdict, "waived") == 0)
				apply_waiver(c, s);
		}
	}
	foreach(lc, criteria)
	{
		BcdCriterion *c = lfirst(lc);

		if (strcmp(c->verdict, "go") == 0 || strcmp(c->verdict, "signed") == 0)
			c->next_step = NULL;
	}
}

/* Adds the questions that people answer. */
static List *
add_questions(List *criteria, const Reading *r)
{
	ListCell   *lc;
	int			i;

	for (i = 0; i < lengthof(proposed); i++)
		if (own_of(r->own, proposed[i].name) == NULL)
			criteria = lappend(criteria, question_of(r->server, proposed[i].name, "should", proposed[i].question));
	foreach(lc, r->own)
	{
		const BcdOwnCriterion *own = lfirst(lc);

		if (own->query == NULL && own->question)
			criteria = lappend(criteria, question_of(r->server, own->name, own->severity, own->question));
	}
	return criteria;
}

/* Returns all criteria of a store with their verdicts, as BcdCriterion structs. */
List *
bcd_go_live(const char *server)
{
	Reading		reading = {.server = server};
	List	   *criteria = NIL;
	int64		until;
	ListCell   *lc;
	int			i;

	read_answers(&reading);
	for (i = 0; i < lengthof(measured); i++)
		criteria = lappend(criteria, measure(&measured[i], &reading));
	until = bcd_guard_in_worker() ? bcd_now_ms() + WORKER_PATIENCE_MS : PG_INT64_MAX;
	foreach(lc, reading.own)
		if (((BcdOwnCriterion *) lfirst(lc))->query)
		criteria = lappend(criteria, ask_query(lfirst(lc), server, until));
	criteria = add_questions(criteria, &reading);
	apply(criteria, reading.signatures);
	return criteria;
}

/* Does it keep go() from going on? */
static bool
is_unmet(const BcdCriterion *c)
{
	return strcmp(c->severity, "must") == 0 && (strcmp(c->verdict, "no-go") == 0 || strcmp(c->verdict, "unknown") == 0);
}

/*
 * Returns how many criteria keep go() from going on, for whoever asks every few
 * seconds: those that cost much are left out, which are the estimate, for which
 * rows are looked at, and what queries of people say.
 */
int
bcd_go_live_blockers(const char *server)
{
	Reading		reading = {.server = server};
	List	   *criteria = NIL;
	ListCell   *lc;
	int			n = 0;
	int			i;

	read_answers(&reading);
	for (i = 0; i < lengthof(measured); i++)
		if (strcmp(measured[i].severity, "must") == 0 && strcmp(measured[i].name, "estimate") != 0)
			criteria = lappend(criteria, measure(&measured[i], &reading));
	criteria = add_questions(criteria, &reading);
	apply(criteria, reading.signatures);
	foreach(lc, criteria)
		n += is_unmet(lfirst(lc));
	return n;
}

/*
 * Notes which signatures have lapsed by what was found now: they do not count
 * again when that gets better. The caller has checked that it may write.
 */
void
bcd_go_live_note_lapses(const char *server, List *criteria)
{
	BcdRights	rights;
	ListCell   *lc;

	foreach(lc, criteria)
	{
		const BcdCriterion *c = lfirst(lc);

		if (c->lapses == NULL)
			continue;
		bcd_spi_begin(&rights);
		bcd_signature_lapsed(server, c->name, c->lapses);
		bcd_spi_end(&rights);
	}
}

/* Returns, in words, which criteria of severity must are not met. */
List *
bcd_go_live_unmet(const char *server)
{
	List	   *unmet = NIL;
	ListCell   *lc;

	foreach(lc, bcd_go_live(server))
	{
		const BcdCriterion *c = lfirst(lc);

		if (!is_unmet(c))
			continue;
		unmet = lappend(unmet, psprintf("%s: %s%s(required: %s)", c->name,
										strcmp(c->verdict, "unknown") == 0 ? c->why : c->found ? c->found : "", " ", c->required));
	}
	return unmet;
}
