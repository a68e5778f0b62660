/*
 * explain.c
 *		What EXPLAIN shows of scans of foreign tables.
 *
 * The first request, with the values that are known, and the calls; of a scan
 * that was made, the first request as it was sent.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"

#include "base/compat.h"
#include "foreign/explain.h"
#include "foreign/scan_state.h"

/* Are all values of the filters constants? */
static bool
is_known(const ForeignScanState *node)
{
	const ForeignScan *plan = (const ForeignScan *) node->ss.ps.plan;
	ListCell   *lc;

	foreach(lc, plan->fdw_exprs)
		if (!IsA(lfirst(lc), Const))
		return false;
	return true;
}

/* The first request, with a name in place of each value that is not known yet */
static char *
expected_path(ForeignScanState *node)
{
	const ForeignScan *plan = (const ForeignScan *) node->ss.ps.plan;
	BcdForeignScan *scan = node->fdw_state;
	StringInfoData path;
	int			i;

	if (is_known(node) && !scan->begun)
	{
		bcd_scan_evaluate(scan, node->ss.ps.ps_ExprContext, false);
		return scan->nothing ? pstrdup("none") : psprintf("GET %s", bcd_requests_path(&scan->requests));
	}
	bcd_requests_begin(&scan->requests, scan->table, scan->shown, scan->limit);
	scan->requests.counts = (scan->flags & BCD_SCAN_COUNTS) != 0;
	initStringInfo(&path);
	appendStringInfo(&path, "GET %s", bcd_requests_path(&scan->requests));
	for (i = 0; i < scan->nfilters; i++)
	{
		const Node *value = list_nth(plan->fdw_exprs, i);

		appendStringInfo(&path, "&%s=<%s>", scan->filters[i]->parameter,
						 IsA(value, Param) ? psprintf("$%d", ((const Param *) value)->paramid) :
						 scan->arrays[i] ? "values" : "value");
	}
	return path.data;
}

/* ExplainForeignScan */
void
bcd_scan_explain(ForeignScanState *node, ExplainState *es)
{
	BcdForeignScan *scan = node->fdw_state;
	bool		made = es->analyze && scan->pages > 0;

	ExplainPropertyText("BigCommerce Request", made ? psprintf("GET %s", scan->first_path) : expected_path(node), es);
	ExplainPropertyInteger("Estimated Calls", NULL, scan->estimate, es);
	if (!es->analyze)
		return;
	ExplainPropertyInteger("Calls", NULL, scan->calls, es);
	ExplainPropertyInteger("Pages", NULL, scan->pages, es);
	if (es->timing)
		ExplainPropertyFloat("Waited for Quota", "ms", (double) scan->waited_ms, 0, es);
	if (es->verbose && scan->quota > 0)
		ExplainPropertyText("Quota Left", psprintf(INT64_FORMAT " of " INT64_FORMAT, scan->quota_left, scan->quota), es);
}
