/*
 * limit.c
 *		How many calls a statement may make.
 *
 * Calls are what the store limits, and a query that somebody has not thought
 * about could take those of an hour. All scans of a statement count together,
 * also those in the functions that it calls.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "base/guc.h"
#include "foreign/limit.h"

static TimestampTz counted_for = 0; /* start of the statement ... */
static int64 made = 0;			/* ... that has made so many calls */

/* The calls that this statement has made */
static int64
calls_so_far(void)
{
	if (counted_for != GetCurrentStatementStartTimestamp())
	{
		counted_for = GetCurrentStatementStartTimestamp();
		made = 0;
	}
	return made;
}

/* The statement has made calls. */
void
bcd_calls_made(int n)
{
	made = calls_so_far() + n;
}

/* The fields by which the list of a resource can be limited */
static char *
filtered_by(const BcdResource *r)
{
	const BcdFilter *filter;
	const char *last = NULL;
	StringInfoData names;

	initStringInfo(&names);
	for (filter = r->filters; filter && filter->field; filter++)
	{
		if (last == NULL || strcmp(last, filter->field) != 0)
			appendStringInfo(&names, "%s%s", last ? ", " : "", filter->field);
		last = filter->field;
	}
	return names.data;
}

/* The most calls that a statement may make if it reads a table; 0: any number */
static int
most_calls(const BcdTable *table)
{
	if (table->max_calls > 0 && (bcd_max_calls == 0 || table->max_calls < bcd_max_calls))
		return table->max_calls;
	return bcd_max_calls;
}

/* May the statement make so many calls more? */
bool
bcd_calls_allow(const BcdTable *table, double more)
{
	return most_calls(table) == 0 || calls_so_far() + more <= most_calls(table);
}

/*
 * Raises an error if the statement may not make so many calls more.  path: of
 * the first of them.
 */
void
bcd_calls_check(const BcdTable *table, const char *path, double more)
{
	int			most = most_calls(table);
	double		needed = calls_so_far() + more;
	bool		by_table = most == table->max_calls;

	if (bcd_calls_allow(table, more))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 by_table ?
			 errmsg("the statement would take about %.0f calls of the API, of at most %d (option max_calls of foreign table \"%s\")",
					needed, most, table->name) :
			 errmsg("the statement would take about %.0f calls of the API, of at most %d (setting bcdelta.max_calls)",
					needed, most),
			 errdetail("About %.0f of them read foreign table \"%s\": GET %s.", more, table->name, path),
			 table->resource->filters ?
			 errhint("Limit it by a field that the store can search (%s), or raise the limit for this statement.",
					 filtered_by(table->resource)) :
			 errhint("Raise the limit for this statement.")));
}
