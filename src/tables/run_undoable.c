/*
 * run_undoable.c
 *		What rollbacks of the last runs would take, for papers.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/run_undoable.h"

/* Of no more runs than a person would look through; the view counts the rows of these only */
static BcdStatement undoable = {
	"SELECT u.run_id, min(u.started_at), sum(u.records - u.undone)::int8, sum(u.calls)::int8 FROM bcdelta.undoable AS u"
	" WHERE u.run_id = ANY (ARRAY(SELECT r.run_id FROM bcdelta.run AS r WHERE r.server = $1 AND r.kind IN ('push', 'rollback')"
	"  AND r.started_at >= $3 ORDER BY r.run_id DESC LIMIT 50)) AND " BCD_SCOPE_SEES("u.feed")
	" GROUP BY u.run_id HAVING sum(u.records - u.undone) > 0 ORDER BY u.run_id DESC",
	BCD_SCOPE_ARGS
};

/*
 * Returns BcdUndoCost structs of the runs since the scope's time, the last one
 * first.  Keeps the current memory context.
 */
List *
bcd_runs_undoable(const BcdScope *scope)
{
	uint64		n = bcd_scope_select(&undoable, scope);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdUndoCost *u = palloc(sizeof(BcdUndoCost));

		u->run_id = bcd_column_int64(i, 1, NULL);
		u->since = bcd_column_time(i, 2);
		u->records = bcd_column_int64(i, 3, NULL);
		u->calls = bcd_column_int64(i, 4, NULL);
		list = lappend(list, u);
	}
	return list;
}
