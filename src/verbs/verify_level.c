/*
 * verify_level.c
 *		Levels of stock that a verify reads, although it does not compare them.
 *
 * Where differences are sent, the store has what it was sent less what it has
 * sold.  What it was last seen with says how much that is: bcdelta.stock_balance.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/db.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "tables/stock_level.h"
#include "verbs/verify_level.h"

static const BcdFacet *
facet_of(const BcdLane *lane)
{
	return bcd_counting_facet(lane->feed->resource, lane->feed->options_json);
}

/* Notes the level of a record that was read. */
void
bcd_verify_level(BcdItem *item, const cJSON *record)
{
	const BcdFacet *facet = facet_of(item->lane);
	const cJSON *level = facet ? cJSON_GetObjectItemCaseSensitive(record, facet->changes_of) : NULL;

	if (cJSON_IsNumber(level) && !item->gone)
		item->level = MemoryContextStrdup(item->cxt, bcd_json_text(level));
}

/* With the outcome of items: records their levels. */
void
bcd_verify_levels(BcdLane *lane, BcdItem **items, int n)
{
	Datum	   *keys;
	Datum	   *levels;
	int			m = 0;
	int			i;

	if (facet_of(lane) == NULL)
		return;
	keys = palloc(sizeof(Datum) * n);
	levels = palloc(sizeof(Datum) * n);
	for (i = 0; i < n; i++)
	{
		if (items[i]->level == NULL || !items[i]->decision.leaves)
			continue;
		keys[m] = CStringGetTextDatum(items[i]->key);
		levels[m++] = DirectFunctionCall3(numeric_in, CStringGetDatum(items[i]->level), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	}
	if (m > 0)
		bcd_stock_seen(lane->feed->name, facet_of(lane)->changes_of, bcd_array(TEXTOID, keys, NULL, m), bcd_array(NUMERICOID, levels, NULL, m));
}
