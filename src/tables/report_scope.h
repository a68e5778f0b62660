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
	bool		all;			/* the reader may see all feeds, */
	List	   *feeds;			/* or else these */
	TimestampTz since;
	TimestampTz until;			/* now, or the end of the run */
	TimestampTz now;
	int64		run_id;			/* 0: not about one run */
} BcdScope;

/* The arguments: server, feeds (null: all), since, run (null: not about one), until */
#define BCD_SCOPE_ARGS	5, {NAMEOID, TEXTARRAYOID, TIMESTAMPTZOID, INT8OID, TIMESTAMPTZOID}

#define BCD_SCOPE_SEES(feed) "($2 IS NULL OR " feed " = ANY ($2))"

/* The ids of its runs */
#define BCD_SCOPE_RUNS \
	"ARRAY(SELECT u.run_id FROM bcdelta.run AS u WHERE u.run_id = $4" \
	" UNION ALL SELECT u.run_id FROM bcdelta.run AS u WHERE $4 IS NULL AND u.server = $1" \
	"  AND u.started_at IS NOT NULL AND (u.finished_at IS NULL OR u.finished_at >= $3))"

/* Rows of the most tables are looked at; what is more is only counted */
#define BCD_SCOPE_ROWS "100000"

extern uint64 bcd_scope_select(BcdStatement *statement, const BcdScope *scope);

#endif							/* BCD_REPORT_SCOPE_H */
