/*
 * report_scope.h
 *		No table: what a report is about, as arguments of statements.
 */
#ifndef BCD_REPORT_SCOPE_H
#define BCD_REPORT_SCOPE_H

#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

#include "base/compat.h"
#include "base/db.h"

/* A report is about what happened on a server since a time, or about one run. */
typedef struct BcdScope
{
	const char *server;
	bool		all;			/* the reader may see everything, */
	List	   *feeds;			/* or else these feeds */
	bool		whole;			/* there are no other feeds, but may have been */
	TimestampTz since;
	TimestampTz until;			/* now, or the end of the run */
	TimestampTz now;
	int64		run_id;			/* 0: not about one run */
} BcdScope;

/* The arguments: server, feeds (null: all), since, run (null: not about one), until */
#define BCD_SCOPE_ARGS	5, {NAMEOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID}

#define BCD_SCOPE_SEES(feed) "($2 IS NULL OR " feed " = ANY ($2))"

/* What a problem says; that of a run of all feeds may quote rows of any of them */
#define BCD_SCOPE_MESSAGE(row) \
	"CASE WHEN $2 IS NOT NULL AND " row ".event = 'schedule_failed' AND " row ".feed IS NULL" \
	" THEN pg_catalog.format('schedule \"%s\": its last run failed', " row ".schedule) ELSE " row ".message END"

/* The ids of its runs */
#define BCD_SCOPE_RUNS \
	"ARRAY(SELECT u.run_id FROM bcdelta.run AS u WHERE u.run_id = $4" \
	" UNION ALL SELECT u.run_id FROM bcdelta.run AS u WHERE $4 IS NULL AND u.server = $1" \
	"  AND u.started_at IS NOT NULL AND (u.finished_at IS NULL OR u.finished_at >= $3))"

/* What is refused is put together from so many rows at most, which takes about a second */
#define BCD_REFUSED_ROWS	50000

/* Refusals that say the same, but for numbers and quoted values, are of one kind */
#define BCD_REFUSED_KIND(error) \
	"pg_catalog.regexp_replace(pg_catalog.left(coalesce(" error ", ''), 400), '\"[^\"]*\"|[0-9]+', '*', 'g')"

/* Of each kind: how many, an example, and the first rows; for bcd_refused_row() */
#define BCD_REFUSED_GROUP(still) \
	"SELECT count(*) AS n, " still " AS still, (array_agg(k.error ORDER BY k.at))[1] AS message," \
	" count(DISTINCT k.feed) AS feeds, (array_agg(k.feed ORDER BY k.at))[1] AS feed," \
	" (array_agg(k.key ORDER BY k.at))[1:3] AS keys, count(*) OVER () AS kinds," \
	" (sum(count(*)) OVER ())::int8 AS looked_at"
#define BCD_REFUSED_COLUMNS \
	"g.n, g.still, o.outcome = 'invalid', coalesce(o.http_status, 0)::int8, g.message, g.feed, g.feeds, g.keys[1], g.keys[2], g.keys[3], g.kinds, g.looked_at"
#define BCD_REFUSED_KINDS	"10"

extern uint64 bcd_scope_select(BcdStatement *statement, const BcdScope *scope);

#endif							/* BCD_REPORT_SCOPE_H */
