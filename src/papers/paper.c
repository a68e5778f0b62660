/*
 * paper.c
 *		What papers tell of: the plan of a server, and what it is now.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "pacing/estimate.h"
#include "papers/paper.h"
#include "store/quota_seen.h"
#include "store/store.h"
#include "tables/authority_stages.h"
#include "tables/cutover_step_report.h"
#include "tables/journal_report.h"
#include "tables/stage.h"
#include "tables/total.h"

/* Reads what all papers need of the server of the scope. */
void
bcd_paper_read(BcdPaper *paper, const BcdTongue *tongue)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdScope   *scope = &paper->scope;
	BcdRights	rights;

	paper->tongue = tongue;
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	paper->has_plan = bcd_plan_shown(scope->server, &paper->plan);
	if (paper->has_plan)
	{
		scope->since = paper->plan.made_at;
		paper->steps = bcd_steps_shown(paper->plan.plan_id);
		paper->decisions = bcd_decisions_of_plan(scope->server, scope->since);
	}
	paper->rules = bcd_stage_rules(scope->server);
	paper->stage = bcd_stage_now(scope->server);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
}

const BcdCriteria *
bcd_paper_criteria(BcdPaper *paper)
{
	if (!paper->has_criteria)
		bcd_criteria_read(paper->scope.server, &paper->criteria);
	paper->has_criteria = true;
	return &paper->criteria;
}

const BcdEffort *
bcd_paper_effort(BcdPaper *paper)
{
	if (!paper->has_estimate)
		bcd_effort_read(paper->scope.server, &paper->effort);
	paper->has_estimate = true;
	return &paper->effort;
}

/* What can be undone of what the runs since the plan was made have written */
List *
bcd_paper_undo(BcdPaper *paper)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;

	if (!paper->has_undo)
	{
		bcd_spi_begin(&rights);
		MemoryContextSwitchTo(cxt);
		paper->undo = bcd_runs_undoable(&paper->scope);
		bcd_spi_end(&rights);
		MemoryContextSwitchTo(cxt);
	}
	paper->has_undo = true;
	return paper->undo;
}

/* How long so many calls take, as far as the quota and the latency of the store are known */
double
bcd_paper_seconds(const BcdPaper *paper, int64 calls)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	BcdQuota	q;
	double		latency;

	(void) bcd_quota_seen(bcd_store_options(bcd_store_check(paper->scope.server, BOOTSTRAP_SUPERUSERID)), &q);
	bcd_spi_begin(&rights);
	latency = bcd_total_latency(paper->scope.server);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	return bcd_quota_estimate(&q, 0, calls, latency);
}
