/*
 * pending_refused.c
 *		Rows that are given up, put together by what was said of them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/pending_refused.h"
#include "tables/report_scope.h"

static BcdStatement refused_now = {
	"SELECT " BCD_REFUSED_COLUMNS " FROM (" BCD_REFUSED_GROUP("count(*)")
	"  FROM (SELECT p.feed, p.key, p.last_error AS error, p.changed_at AS at, " BCD_REFUSED_KIND("p.last_error") " AS kind"
	"   FROM bcdelta.pending AS p WHERE p.state = 'failed'"
	"   AND p.feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.server = $1 AND " BCD_SCOPE_SEES("f.feed") ")"
	"   LIMIT " CppAsString2(BCD_REFUSED_ROWS) ") AS k GROUP BY k.kind ORDER BY 1 DESC LIMIT " BCD_REFUSED_KINDS ") AS g"
	" LEFT JOIN LATERAL (SELECT r.outcome, r.http_status FROM bcdelta.result AS r"
	"  WHERE r.feed = g.feed AND r.key = g.keys[1] AND r.outcome IN ('failed', 'invalid')"
	"  ORDER BY r.attempted_at DESC LIMIT 1) AS o ON true"
	" ORDER BY g.n DESC",
	BCD_SCOPE_ARGS
};

/* What is given up now; returns the number of kinds for bcd_refused_row(). */
uint64
bcd_refused_now(const BcdScope *scope)
{
	return bcd_scope_select(&refused_now, scope);
}
