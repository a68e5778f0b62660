/*
 * run_report.c
 *		Runs, as a report shows them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/run_report.h"

/* Runs that a list shows */
#define RUNS_LISTED	"15"

/* A chart has so many places for the ends of runs */
#define RUN_PLACES	"200"

#define SHOWN_COLUMNS \
	"u.run_id, u.kind, u.feed, u.state, u.mode, u.schedule, nullif(u.requested_by::oid, 0)::pg_catalog.regrole::text," \
	" u.started_at, u.finished_at, u.error, u.warning, coalesce((u.rollback ->> 'preview')::boolean, false)," \
	" u.created, u.updated, u.deleted, u.hidden, u.linked, u.unchanged, u.deferred, u.conflicts, u.failed, u.api_calls, u.throttled," \
	" u.server"

/* Those that began or ended since; of a reader who does not see all feeds, those of what he sees */
#define RUNS_SEEN \
	" FROM bcdelta.run AS u WHERE u.server = $1 AND u.started_at IS NOT NULL" \
	" AND (u.finished_at IS NULL OR u.finished_at >= $3) AND (u.feed IS NULL OR " BCD_SCOPE_SEES("u.feed") ")"

static void
read_counts(uint64 i, int column, BcdRunCounts *c)
{
	int64	   *const counts[] = {&c->created, &c->updated, &c->deleted, &c->hidden, &c->linked, &c->unchanged, &c->deferred,
	&c->conflicts, &c->failed, &c->api_calls, &c->throttled};
	int			j;

	for (j = 0; j < lengthof(counts); j++)
		*counts[j] = bcd_column_int64(i, column + j, NULL);
}

static BcdStatement going_run = {
	"SELECT p.kind, p.done, p.total, coalesce(extract(epoch FROM p.eta_low), -1)::float8, coalesce(extract(epoch FROM p.eta_high), -1)::float8,"
	" coalesce(p.waiting_for, 'nothing'), p.phase = 'paused'"
	" FROM bcdelta.progress AS p WHERE p.server = $1 AND ($4 IS NULL OR p.run_id = $4) AND (p.feed IS NULL OR " BCD_SCOPE_SEES("p.feed") ")"
	" ORDER BY p.run_id LIMIT 1",
	BCD_SCOPE_ARGS
};

/* The run that is going on; false: there is none. */
bool
bcd_run_going(const BcdScope *scope, BcdRunGoing *going)
{
	bool		isnull;

	if (bcd_scope_select(&going_run, scope) == 0)
		return false;
	going->kind = bcd_column_text(0, 1);
	going->done = bcd_column_int64(0, 2, NULL);
	going->total = bcd_column_int64(0, 3, NULL);
	going->low = DatumGetFloat8(bcd_column_datum(0, 4, &isnull));
	going->high = DatumGetFloat8(bcd_column_datum(0, 5, &isnull));
	going->waiting_for = bcd_column_text(0, 6);
	going->paused = bcd_column_bool(0, 7);
	return true;
}

static BcdStatement one_run = {
	"SELECT " SHOWN_COLUMNS " FROM bcdelta.run AS u WHERE u.run_id = $1",
	1, {INT8OID}
};

/* Reads a run; returns false if there is none. */
bool
bcd_run_shown(int64 run_id, BcdRunShown *run)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = Int64GetDatum(run_id);
	uint64		n = bcd_query_as_seen(&one_run, &arg, NULL, 0);

	MemoryContextSwitchTo(cxt);
	if (n > 0)
		bcd_runs_shown_row(0, run);
	return n > 0;
}

static BcdStatement recent_runs = {
	"SELECT " SHOWN_COLUMNS RUNS_SEEN " ORDER BY u.run_id DESC LIMIT " RUNS_LISTED,
	BCD_SCOPE_ARGS
};

/* The last runs, the newest first; returns their number for bcd_runs_shown_row(). */
uint64
bcd_runs_shown(const BcdScope *scope)
{
	return bcd_scope_select(&recent_runs, scope);
}

void
bcd_runs_shown_row(uint64 i, BcdRunShown *run)
{
	run->run_id = bcd_column_int64(i, 1, NULL);
	run->kind = bcd_column_text(i, 2);
	run->feed = bcd_column_text(i, 3);
	run->state = bcd_column_text(i, 4);
	run->mode = bcd_column_text(i, 5);
	run->schedule = bcd_column_text(i, 6);
	run->by = bcd_column_text(i, 7);
	run->started_at = bcd_column_time(i, 8);
	run->finished_at = bcd_column_time(i, 9);
	run->error = bcd_column_text(i, 10);
	run->warning = bcd_column_text(i, 11);
	run->preview = bcd_column_bool(i, 12);
	read_counts(i, 13, &run->counts);
	run->server = bcd_column_text(i, 24);
}

#define SUM_OF_RUNS(what) "coalesce(sum(u." what ") FILTER (WHERE u.kind IN ('push', 'rollback')), 0)::int8"

static BcdStatement runs_total = {
	"SELECT count(*), count(*) FILTER (WHERE u.state = 'failed'),"
	" coalesce(sum(extract(epoch FROM coalesce(u.finished_at, now()) - greatest(u.started_at, $3))), 0)::float8,"
	" " SUM_OF_RUNS("created") ", " SUM_OF_RUNS("updated") ", " SUM_OF_RUNS("deleted") ", " SUM_OF_RUNS("hidden") ", " SUM_OF_RUNS("linked") ", " SUM_OF_RUNS("unchanged") ","
	" " SUM_OF_RUNS("deferred") ", " SUM_OF_RUNS("conflicts") ", " SUM_OF_RUNS("failed") ", coalesce(sum(u.api_calls), 0)::int8, coalesce(sum(u.throttled), 0)::int8"
	RUNS_SEEN,
	BCD_SCOPE_ARGS
};

/* Sums up the runs of a period. */
void
bcd_runs_total(const BcdScope *scope, BcdRunsTotal *total)
{
	bool		isnull;

	(void) bcd_scope_select(&runs_total, scope);
	total->runs = bcd_column_int64(0, 1, NULL);
	total->failed = bcd_column_int64(0, 2, NULL);
	total->seconds = DatumGetFloat8(bcd_column_datum(0, 3, &isnull));
	read_counts(0, 4, &total->counts);
}

static BcdStatement marks = {
	"SELECT max(u.finished_at), count(*), count(*) FILTER (WHERE u.state <> 'succeeded'), max(u.run_id)"
	RUNS_SEEN
	" AND u.kind = 'push' AND u.finished_at IS NOT NULL"
	" GROUP BY floor(" RUN_PLACES " * extract(epoch FROM u.finished_at - $3) / greatest(1, extract(epoch FROM $5 - $3)))"
	" ORDER BY 1",
	BCD_SCOPE_ARGS
};

/* When pushes have ended; returns the number of places for bcd_runs_marks_row(). */
uint64
bcd_runs_marks(const BcdScope *scope)
{
	return bcd_scope_select(&marks, scope);
}

void
bcd_runs_marks_row(uint64 i, BcdRunMark *mark)
{
	mark->at = bcd_column_time(i, 1);
	mark->runs = bcd_column_int64(i, 2, NULL);
	mark->failed = bcd_column_int64(i, 3, NULL);
	mark->run_id = bcd_column_int64(i, 4, NULL);
}
