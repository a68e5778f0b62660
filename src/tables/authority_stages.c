/*
 * authority_stages.c
 *		Who owns what at each stage of the cutover, for papers.
 *
 * What applies now is in the view bcdelta.authority_now; this is the same for
 * all stages, of the resources that feeds of the server write.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "base/db.h"
#include "tables/authority_stages.h"

static BcdStatement stage_rules = {
	"WITH a AS (SELECT DISTINCT ON (o.stage, o.resource, o.field) o.stage, o.resource, o.field, o.owner, o.note"
	"  FROM bcdelta.authority AS o WHERE o.server = $1 OR o.server IS NULL"
	"  ORDER BY o.stage, o.resource, o.field, o.server IS NULL),"
	" f AS (SELECT DISTINCT e.resource, e.on_conflict FROM bcdelta.feed AS e WHERE e.server = $1),"
	" s AS (SELECT t.stage, t.n FROM unnest(ARRAY['prepare', 'freeze', 'live', 'watch', 'closed']) WITH ORDINALITY AS t (stage, n))"
	" SELECT DISTINCT s.stage, f.resource, a.field, CASE WHEN coalesce(a.owner, 'feed') = 'feed' THEN f.on_conflict ELSE a.owner END,"
	"  a.note, coalesce(a.owner, 'feed') = 'feed', s.n, a.field IS NOT NULL"
	" FROM f CROSS JOIN s LEFT JOIN a ON a.stage = s.stage AND a.resource = f.resource"
	" WHERE a.field IS NULL OR NOT EXISTS (SELECT FROM a AS w WHERE w.stage = a.stage AND w.resource = a.resource"
	"  AND w.field IS NULL AND w.owner = 'store')"
	" UNION SELECT s.stage, f.resource, NULL, f.on_conflict, NULL, true, s.n, false FROM f CROSS JOIN s"
	" WHERE NOT EXISTS (SELECT FROM a AS w WHERE w.stage = s.stage AND w.resource = f.resource AND w.field IS NULL)"
	" ORDER BY 2, 8, 3, 7, 4",
	1, {NAMEOID}
};

/*
 * Returns BcdStageRule structs, sorted by resource, field and stage.  Keeps the
 * current memory context.
 */
List *
bcd_stage_rules(const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = bcd_name_datum(server);
	uint64		n = bcd_query_as_seen(&stage_rules, &arg, NULL, 0);
	List	   *rules = NIL;
	uint64		i;

	MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		BcdStageRule *r = palloc(sizeof(BcdStageRule));

		r->stage = bcd_column_text(i, 1);
		r->resource = bcd_column_text(i, 2);
		r->field = bcd_column_text(i, 3);
		r->owner = bcd_column_text(i, 4);
		r->note = bcd_column_text(i, 5);
		r->by_feed = bcd_column_bool(i, 6);
		rules = lappend(rules, r);
	}
	return rules;
}
