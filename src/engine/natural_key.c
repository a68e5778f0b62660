/*
 * natural_key.c
 *		Natural keys: what a record of the store is found by.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/natural_key.h"
#include "feed/difference.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* The payload whose natural key an item is looked up by. */
Jsonb *
bcd_identity(const BcdItem *item)
{
	return item->seeking ? item->sought : item->wanted;
}

/* The first natural field that an item's row has, of those from the nth on. */
static bool
find_natural_key(BcdItem *item, int nth)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	char	   *text = NULL;
	int			i;

	for (i = nth; bcd_resource_key(r, i) && (text == NULL || text[0] == '\0'); i++)
		text = bcd_payload_text(bcd_identity(item), bcd_resource_key(r, i));
	MemoryContextSwitchTo(old);
	if (text == NULL || text[0] == '\0')
		return false;
	item->natural = text;
	item->natural_index = i - 1;
	return true;
}

/*
 * Finds out by which field an item is looked up: the first natural field
 * that its row has.  A row without any is decided to be invalid.
 */
void
bcd_natural_key(BcdItem *item)
{
	item->further = false;
	item->natural = NULL;
	if (!find_natural_key(item, 0))
		bcd_decide_failed(item, BCD_INVALID,
						  MemoryContextStrdup(item->cxt,
											  bcd_flaw_of_key(item->lane->feed->resource)));
}

/*
 * The next natural field is not what a record is found by, but it may be what
 * a duplicate is of.  False: the row has none.
 */
bool
bcd_further_key(BcdItem *item)
{
	item->further = find_natural_key(item, item->natural_index + 1);
	return item->further;
}

/* The parent below which the natural key is unique; 0: none. */
int64
bcd_scope_of(BcdLane *lane, BcdItem *item)
{
	const char *scope = lane->feed->resource->parent;

	return scope ? bcd_payload_integer(bcd_identity(item), scope) : 0;
}

/* An item that travels with another feed's has its own feed's tree. */
int64
bcd_default_of(const BcdLane *lane, const BcdItem *item)
{
	return item->lane->default_id ? item->lane->default_id : lane->default_id;
}

/*
 * The tree that a record at the top is looked up in; 0: its parent tells, or
 * there are no trees.
 */
int64
bcd_defaulted_of(BcdLane *lane, BcdItem *item)
{
	const BcdResource *r = lane->feed->resource;
	int64		tree;

	if (r->defaulted == NULL || bcd_scope_of(lane, item) != 0)
		return 0;
	tree = bcd_payload_integer(bcd_identity(item), r->defaulted);
	return tree ? tree : bcd_default_of(lane, item);
}
