/*
 * sibling_same.c
 *		What no two siblings have in common, and what follows from it.
 *
 * Two variants of a product cannot have the same option values, for example
 * (BcdResource.same_by).
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/lane_held.h"
#include "engine/sibling_same.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"
#include "tables/link_unique.h"

/*
 * Does a record lack what no two siblings have in common, which the item's row
 * has?  Then it stands for the parent itself, and cannot become the row's.
 */
bool
bcd_is_the_parent(const BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	JsonbValue	v;

	return r->same_by && item->wanted &&
		bcd_payload_is_nothing(cJSON_GetObjectItemCaseSensitive(record, r->same_by)) &&
		getKeyJsonValueFromContainer(&item->wanted->root, r->same_by, strlen(r->same_by), &v) != NULL &&
		v.type == jbvBinary && JsonContainerSize(v.val.binary.data) > 0;
}

/* Notes that a linked record has what no two siblings have in common. */
static void
learn_same(const BcdItem *item, int64 id)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *has = bcd_payload_set_integer(NULL, r->parent, bcd_payload_integer(item->wanted, r->parent));
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&item->wanted->root, r->same_by, strlen(r->same_by), &v))
		bcd_link_learn(item->lane->feed->name, id, r->same_by, bcd_payload_set(has, r->same_by, &v));
}

/*
 * A record that has not the natural key of an item's row, but what no two
 * siblings have in common, is the row's, unless another row has it.  Then the
 * two are considered together: that row may need another record.
 */
bool
bcd_is_another_row(BcdItem *item, int64 id)
{
	BcdFeed    *feed = item->lane->feed;
	char	   *other = bcd_link_key(feed->name, id);
	char	   *held_up;

	if (other == NULL || strcmp(other, item->key) == 0 || !bcd_feed_look_for(feed, other, &held_up))
		return false;
	if (held_up)
		bcd_decide_held_up(item, held_up);
	else if (!item->lane->run->kind->claims)
		bcd_decide_failed(item, BCD_FAILED,
						  MemoryContextStrdup(item->cxt,
											  psprintf("%s: record " INT64_FORMAT " of the store has the same, and is linked to source row %s",
													   feed->resource->same_by, id, other)));
	else
	{
		learn_same(item, id);
		bcd_decide_stage(item, BCD_TURN);
	}
	return true;
}
