/*
 * unmapped_fields.c
 *		Fields for which the mapping once gave a value, and no longer does.
 *
 * If the mapping returns null, nothing is sent, so the store keeps the
 * previous value.  We still know that the record has it, although the row does
 * not show it.  verify reports it; and if the row returns the same value
 * again, nothing has to be sent.
 *
 * If the payload of a link was forgotten, because the result of a write is
 * unknown, the link still remembers the old payload in link.remembered.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/clock.h"
#include "engine/decide.h"
#include "engine/collections.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/shown.h"
#include "engine/unmapped_fields.h"
#include "feed/feed.h"
#include "payload/address.h"
#include "payload/counted.h"
#include "payload/fixed.h"
#include "payload/payload.h"
#include "payload/place.h"
#include "payload/task.h"
#include "resource/resource.h"

/* Is this a mapped field for which the row has no value? */
static bool
is_dropped(const char *name, JsonbValue *value, void *arg)
{
	const BcdItem *item = arg;
	const BcdFeed *feed = item->lane->feed;
	const BcdField *field = bcd_resource_field(feed->resource, name);

	return value->type != jbvNull && field && !(field->flags & BCD_F_WRITE_ONLY) &&
		bcd_feed_maps(feed, name) && !bcd_payload_has(item->wanted, name);
}

/*
 * Returns the dropped fields of an existing row, with the values last sent, in
 * the current context; NULL: none, which is the usual case.
 */
Jsonb *
bcd_item_dropped(const BcdItem *item)
{
	Jsonb	   *known = bcd_payload_merge(item->remembered, item->known);

	if (known == NULL || item->wanted == NULL || bcd_payload_covers(item->wanted, known))
		return NULL;
	known = bcd_payload_filter(known, is_dropped, (void *) item);
	return bcd_payload_count(known) > 0 ? known : NULL;
}

/* Returns what the store holds after it has accepted the row's payload. */
Jsonb *
bcd_item_known_written(const BcdItem *item)
{
	Jsonb	   *written = bcd_payload_merge(bcd_item_dropped(item), item->wanted);

	return bcd_with_shown_written(item, bcd_with_collections(item->lane->feed->resource, written, item->known));
}

typedef struct Reading
{
	const BcdResource *resource;
	const cJSON *record;
	Jsonb	   *known;
} Reading;

static void
add_field(const char *name, JsonbValue *value, void *arg)
{
	Reading    *r = arg;
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(r->record, name);
	const BcdField *field = bcd_resource_field(r->resource, name);

	if (!bcd_payload_is_nothing(got) && field && !BCD_IS_COLLECTION(field))
		r->known = bcd_payload_merge(r->known, bcd_payload_from_json(name, got));
}

static bool
is_placed(const char *name, JsonbValue *value, void *arg)
{
	const BcdFeed *feed = arg;
	const BcdField *field = bcd_resource_field(feed->resource, name);

	return field && bcd_facet_is_placed(bcd_resource_facet_of(feed->resource, field), feed->options_json);
}

static bool
is_not_placed(const char *name, JsonbValue *value, void *feed)
{
	return !is_placed(name, value, feed);
}

/*
 * Adds facets that an option has moved to another place.  The record does not
 * contain them, so they are as last known.
 */
static Jsonb *
with_placed(const BcdItem *item, Jsonb *read)
{
	BcdFeed    *feed = item->lane->feed;
	const BcdResource *r = feed->resource;
	bool		any = false;
	int			i;

	for (i = 1; i < r->nfacets; i++)
		any |= bcd_facet_is_placed(&r->facets[i], feed->options_json);
	if (!any || read == NULL)
		return read;
	read = bcd_payload_filter(read, is_not_placed, feed);
	return item->known ? bcd_payload_merge(read, bcd_payload_filter(item->known, is_placed, feed)) : read;
}

/* What was last sent of a field that others change, too, stays known. */
static Jsonb *
with_counted(const BcdItem *item, Jsonb *read)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdFacet *facet = bcd_counting_facet(feed->resource, feed->options_json);

	if (facet == NULL || !bcd_payload_has(item->known, facet->changes_of))
		return read;
	return bcd_with_counted(feed->resource, feed->options_json, read, item->known);
}

/* Is this a field of no facet that the store may not show yet as written? */
static bool
is_shown(const char *name, JsonbValue *value, void *arg)
{
	BcdLane    *lane = arg;
	const BcdResource *r = lane->feed->resource;
	const BcdField *field = bcd_resource_field(r, name);
	int			facet = field ? bcd_resource_facet_of(r, field) - r->facets : 0;

	return facet == 0 || bcd_facet_shows_at(lane, facet) <= bcd_now_ms();
}

/*
 * Can the store show this value because it does not show yet what an update
 * without a known outcome has written there?
 */
static bool
is_sure(const char *name, JsonbValue *value, void *arg)
{
	const BcdItem *item = arg;
	const BcdResource *r = item->lane->feed->resource;
	const BcdField *field = bcd_resource_field(r, name);
	const BcdEndpoint *endpoint = field ? bcd_resource_facet_of(r, field)->update.endpoint : NULL;

	return endpoint == NULL || endpoint->reply == NULL || endpoint->reply->delay_ms == 0 ||
		!bcd_payload_has(item->sent, name) || bcd_payload_has_value(item->sent, name, value);
}

/*
 * Removes from a record what was read too soon after its facet was written.  A
 * verify waits instead.
 */
static Jsonb *
without_unshown(const BcdItem *item, Jsonb *read)
{
	BcdLane    *lane = item->lane;
	int			i;

	if (read == NULL || !lane->run->kind->results)
		return read;
	if (item->sent)
		read = bcd_payload_filter(read, is_sure, (void *) item);
	for (i = 1; i < lane->feed->resource->nfacets; i++)
		if (bcd_facet_shows_at(lane, i) > bcd_now_ms())
			return bcd_payload_filter(read, is_shown, lane);
	return read;
}

/*
 * Returns what a record that was read is known to hold, limited to fields that
 * the row wants, and dropped fields.  For the latter, the value read is kept,
 * not the one sent, since the next write is compared with it.
 */
Jsonb *
bcd_item_known_read(const BcdItem *item, const cJSON *record)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta record", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Jsonb	   *dropped = bcd_item_dropped(item);
	const BcdResource *resource = item->lane->feed->resource;
	Reading		r = {resource, record, bcd_payload_known(resource, item->wanted, record)};

	r.known = bcd_fixed_read(item->lane->feed->resource, r.known, item->wanted, record);
	r.known = bcd_place_read(item->lane->feed->resource, r.known, item->wanted, record);
	if (dropped)
		bcd_payload_each(dropped, add_field, &r);
	if (item->lane->feed->resource->id == NULL && item->wanted)
		r.known = bcd_known_at(item->lane->feed->resource,
							   bcd_record_address(item->lane->feed->resource, item->wanted), r.known);
	r.known = bcd_collections_read(item, with_counted(item, with_placed(item, without_unshown(item, r.known))), record);
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(r.known, scratch);
}

/*
 * Is this neither a field of the mapping nor one that on_delete has written?
 */
static bool
is_kept(const char *name, JsonbValue *value, void *arg)
{
	const BcdFeed *feed = arg;
	const char *hidden_by = feed->resource->hidden_by;

	return bcd_feed_maps(feed, name) || (hidden_by && strcmp(name, hidden_by) == 0);
}

/*
 * Forgets values of fields that are no longer mapped.  Nobody keeps track of
 * what the store holds there, so they must not count as known when the fields
 * are mapped again.  Returns true if there were any.
 */
bool
bcd_item_forget_unmapped(BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	Jsonb	   *known = bcd_record_after(item).known;
	int			n = bcd_payload_count(known);
	MemoryContext old;

	if (n == 0 || feed->version == 1)
		return false;
	old = MemoryContextSwitchTo(item->cxt);
	known = bcd_payload_filter(known, is_kept, (void *) feed);
	MemoryContextSwitchTo(old);
	bcd_decide_record(item)->known = known;
	return bcd_payload_count(known) < n;
}
