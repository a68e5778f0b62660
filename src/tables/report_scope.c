/*
 * report_scope.c
 *		No table: what a report is about, as arguments of statements.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/db.h"
#include "tables/report_scope.h"

/*
 * Runs a statement for a report, which sees what its caller's snapshot shows;
 * keeps the current memory context.  Returns the number of rows.
 */
uint64
bcd_scope_select(BcdStatement *statement, const BcdScope *scope)
{
	MemoryContext cxt = CurrentMemoryContext;
	char		nulls[] = "     ";
	Datum		args[5];
	uint64		n;

	args[0] = bcd_name_datum(scope->server);
	args[1] = bcd_text_array(scope->feeds);
	nulls[1] = scope->all ? 'n' : ' ';
	args[2] = TimestampTzGetDatum(scope->since);
	args[3] = Int64GetDatum(scope->run_id);
	nulls[3] = scope->run_id == 0 ? 'n' : ' ';
	args[4] = TimestampTzGetDatum(scope->until);
	n = bcd_query_as_seen(statement, args, nulls, 0);
	MemoryContextSwitchTo(cxt);
	return n;
}
