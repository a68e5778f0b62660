/*
 * criteria.c
 *		What bcdelta.go_live_check() and bcdelta.estimate() tell the caller.
 *
 * Both are called as the role that asks for the paper: what it may not see is
 * not in it either.  A paper is needed most when something is broken, so what
 * cannot be read now costs it no more than that.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/db.h"
#include "papers/criteria.h"

static BcdStatement check = {
	"SELECT c.no::int8, c.criterion, c.severity, c.verdict, c.found, c.required, c.why, c.next_step"
	" FROM bcdelta.go_live_check($1) AS c ORDER BY c.no",
	1, {NAMEOID}
};

static BcdStatement estimate = {
	"SELECT e.rows, e.calls, e.seconds FROM bcdelta.estimate($1) AS e", 1, {NAMEOID}
};

/* Runs a statement as the caller, who may have any search_path; returns the number of rows. */
static uint64
ask(BcdRights *rights, BcdStatement *statement, const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = bcd_name_datum(server);
	uint64		n;

	bcd_spi_begin_as(rights, GetUserId());
	n = bcd_query_as_seen(statement, &arg, NULL, 0);
	MemoryContextSwitchTo(cxt);
	return n;
}

/* What is asked, and where the answer goes */
typedef struct Question
{
	const char *server;
	BcdCriteria *criteria;
	BcdEffort  *effort;
} Question;

static void
ask_check(void *arg)
{
	const Question *q = arg;
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	uint64		n = ask(&rights, &check, q->server);
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdCheckRow *c = palloc(sizeof(BcdCheckRow));

		c->no = (int32) bcd_column_int64(i, 1, NULL);
		c->criterion = bcd_column_text(i, 2);
		c->severity = bcd_column_text(i, 3);
		c->verdict = bcd_column_text(i, 4);
		c->found = bcd_column_text(i, 5);
		c->required = bcd_column_text(i, 6);
		c->why = bcd_column_text(i, 7);
		c->next_step = bcd_column_text(i, 8);
		c->met = c->verdict && strcmp(c->verdict, "no-go") != 0 && strcmp(c->verdict, "unknown") != 0;
		q->criteria->rows = lappend(q->criteria->rows, c);
	}
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
}

/* Reads what speaks for and against going live. */
void
bcd_criteria_read(const char *server, BcdCriteria *criteria)
{
	Question	q = {server, criteria, NULL};
	ErrorData  *error;

	criteria->rows = NIL;
	error = bcd_attempt_undone(ask_check, &q);
	criteria->unknown = error ? error->message : NULL;
}

int
bcd_criteria_count_met(const List *criteria)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, criteria)
		n += ((BcdCheckRow *) lfirst(lc))->met;
	return n;
}

static void
ask_estimate(void *arg)
{
	const Question *q = arg;
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;

	(void) ask(&rights, &estimate, q->server);
	q->effort->rows = bcd_column_int64(0, 1, NULL);
	q->effort->calls = bcd_column_int64(0, 2, NULL);
	q->effort->seconds = bcd_column_int64(0, 3, NULL);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
}

/* Reads what a push would take. */
void
bcd_effort_read(const char *server, BcdEffort *effort)
{
	Question	q = {server, NULL, effort};
	ErrorData  *error = bcd_attempt_undone(ask_estimate, &q);

	effort->unknown = error ? error->message : NULL;
}
