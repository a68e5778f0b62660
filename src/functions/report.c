/*
 * report.c
 *		bcdelta.report(): a page about a store, or about a run.
 *
 * Whoever may read the tables that a report comes from sees all of it.  Others
 * need the right to use the server, and see the feeds whose owners they may act
 * for.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "functions/args.h"
#include "functions/report_view.h"
#include "papers/paper.h"
#include "report/page.h"
#include "store/store.h"
#include "tables/run_report.h"

PG_FUNCTION_INFO_V1(bcdelta_report);
PG_FUNCTION_INFO_V1(bcdelta_report_run);

/* A report without "since" goes back so many days. */
#define USUAL_DAYS	7

/*
 * Reads the plan of the server, and what speaks against going live: as the
 * caller, which is not possible any more while the page is made.
 */
static void
read_plan(const BcdScope *scope, BcdPaper *paper)
{
	paper->scope = *scope;
	bcd_paper_read(paper, bcd_tongue("en"));
	paper->scope.since = scope->since;
	if (paper->has_plan && strcmp(paper->plan.state, "planned") == 0)
		(void) bcd_paper_criteria(paper);
}

/* bcdelta.report(server, since) */
Datum
bcdelta_report(PG_FUNCTION_ARGS)
{
	BcdScope	scope = {0};
	BcdPaper	paper = {{0}};
	StringInfoData page;
	BcdRights	rights;

	bcd_check_not_null(fcinfo, 0, "server");
	scope.server = bcd_arg_text(fcinfo, 0);
	(void) bcd_store_check(scope.server, bcd_reads_all() ? BOOTSTRAP_SUPERUSERID : GetUserId());
	scope.now = scope.until = GetCurrentTransactionStartTimestamp();
	scope.since = PG_ARGISNULL(1) ? scope.now - USUAL_DAYS * USECS_PER_DAY : PG_GETARG_TIMESTAMPTZ(1);
	if (TIMESTAMP_IS_NOEND(scope.since) || scope.since > scope.now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"since\" is in the future: %s", timestamptz_to_str(scope.since))));
	bcd_set_view(&scope);
	bcd_limit_view(&scope);
	read_plan(&scope, &paper);
	initStringInfo(&page);
	bcd_spi_begin(&rights);
	bcd_page_of_server(&page, &scope, &paper);
	bcd_spi_end(&rights);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(page.data, page.len));
}

/* Raises an error unless the caller may see a run. */
static void
check_run(const BcdRunShown *run, const BcdScope *scope)
{
	bool		mine = false;
	ListCell   *lc;

	if (scope->all)
		return;
	if (run->feed == NULL)
	{
		(void) bcd_store_check(run->server, GetUserId());
		return;
	}
	foreach(lc, scope->feeds)
		mine |= strcmp(lfirst(lc), run->feed) == 0;
	if (!mine)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for run " INT64_FORMAT, run->run_id),
				 errdetail("It is of feed \"%s\", which is not there any more, or whose owner you may not act for.", run->feed)));
}

/* A run of all feeds may quote rows of any of them. */
static void
hide_quotes(BcdRunShown *run, const BcdScope *scope)
{
	if (scope->all || run->feed)
		return;
	if (run->error)
		run->error = pstrdup("the reason is not shown to you, as it may tell of feeds of others");
	if (run->warning)
		run->warning = pstrdup("There is a warning, which is not shown to you, as it may tell of feeds of others.");
}

/* bcdelta.report(run_id) */
Datum
bcdelta_report_run(PG_FUNCTION_ARGS)
{
	int64		run_id = PG_GETARG_INT64(0);
	BcdScope	scope = {.run_id = run_id};
	MemoryContext cxt = CurrentMemoryContext;
	BcdRunShown run;
	StringInfoData page;
	BcdRights	rights;
	bool		found;

	initStringInfo(&page);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	found = bcd_run_shown(run_id, &run);
	bcd_spi_end(&rights);
	MemoryContextSwitchTo(cxt);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id),
				 errhint("SELECT run_id, kind, started_at FROM bcdelta.run lists those that are kept.")));
	scope.server = run.server;
	scope.now = GetCurrentTransactionStartTimestamp();
	scope.since = TIMESTAMP_NOT_FINITE(run.started_at) ? scope.now : run.started_at;
	scope.until = TIMESTAMP_NOT_FINITE(run.finished_at) ? Max(scope.now, scope.since) : run.finished_at;
	bcd_set_view(&scope);
	bcd_limit_view(&scope);
	check_run(&run, &scope);
	hide_quotes(&run, &scope);
	bcd_spi_begin(&rights);
	bcd_page_of_run(&page, &scope, &run);
	bcd_spi_end(&rights);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(page.data, page.len));
}
