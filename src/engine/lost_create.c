/*
 * lost_create.c
 *		Finds records made by a create whose reply was lost.
 *
 * Until the reply to a create is recorded, only the natural key leads to its
 * record.  If the source row changes its key or is deleted in the meantime,
 * nobody would ever look for the old key.  Therefore the key is noted in
 * pending.intent before the create is sent, and the row's next push starts
 * with a look-up of the noted key.
 *
 * Links move with the keys of their rows, and a lost create is a link whose
 * record is not known yet.  So key changes wait until it is (key_moves.c), and
 * a row that they wait for is looked up and nothing else.
 *
 * Some replies to creates do not name the new record, which the store lists a
 * little later.  Such a create is as good as lost, except that its record is
 * waited for.
 *
 * If the reply says that nothing was created, the note is deleted: a record
 * with that name that is found later would be someone else's.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "engine/collections.h"
#include "engine/companions.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/facets.h"
#include "engine/lost_create.h"
#include "engine/natural_key.h"
#include "engine/sent_fields.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/verdict.h"
#include "tables/link.h"
#include "tables/pending.h"

/*
 * Do both payloads have the same value in a field, if the field is part of the
 * identity at all?
 */
static bool
same_integer(Jsonb *a, Jsonb *b, const char *field)
{
	return field == NULL || bcd_payload_integer(a, field) == bcd_payload_integer(b, field);
}

/* Do two payloads have the same natural key? */
static bool
same_identity(const BcdResource *r, Jsonb *a, Jsonb *b)
{
	int			i;

	for (i = 0; bcd_resource_key(r, i); i++)
	{
		char	   *x = bcd_payload_text(a, bcd_resource_key(r, i));
		char	   *y = bcd_payload_text(b, bcd_resource_key(r, i));

		if (x == NULL || x[0] == '\0')
			continue;
		return y != NULL && strcmp(x, y) == 0 && same_integer(a, b, r->keys[i].apart_by) &&
			(r->within == NULL || bcd_payload_same(a, b, r->within)) &&
			same_integer(a, b, r->parent) && same_integer(a, b, r->defaulted);
	}
	return false;
}

/*
 * Returns the fields by which an item is looked up, in its memory context.
 * They include the tree only if the row sets it, since the default belongs to
 * the feed.
 */
static Jsonb *
identity(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	int64		tree = r->defaulted ? bcd_payload_integer(item->wanted, r->defaulted) : 0;
	const char *apart_by = r->keys[item->natural_index].apart_by;
	int64		apart = apart_by ? bcd_payload_integer(item->wanted, apart_by) : 0;
	JsonbValue	v;
	Jsonb	   *fields;

	v.type = jbvString;
	v.val.string.val = item->natural;
	v.val.string.len = strlen(item->natural);
	fields = bcd_payload_set(NULL, bcd_resource_key(r, item->natural_index), &v);
	if (r->parent)
		fields = bcd_payload_set_integer(fields, r->parent, bcd_payload_integer(item->wanted, r->parent));
	if (r->within)
		fields = bcd_payload_merge(fields, bcd_within_of(r, item->wanted));
	if (tree != 0)
		fields = bcd_payload_set_integer(fields, r->defaulted, tree);
	if (apart != 0)
		fields = bcd_payload_set_integer(fields, apart_by, apart);
	MemoryContextSwitchTo(old);
	return fields;
}

/*
 * If a claimed item without a link has an earlier create that may have been
 * done, and its present key does not lead to that record, decides that it is
 * looked up by the key noted then.  Otherwise decides nothing and returns
 * false.
 */
bool
bcd_look_for_lost_create(BcdItem *item)
{
	bcd_companion_resolve(item);
	if (item->lost_create == NULL || item->store_id != 0 ||
		(item->wanted && !item->moving &&
		 same_identity(item->lane->feed->resource, item->lost_create, item->wanted)))
		return false;
	bcd_decide_lookup(item, BCD_REASON_LOST_CREATE);
	return true;
}

/* How often a record is looked for that the store may be about to list, and how soon */
#define LISTINGS		4
#define FIRST_LISTING_MS	500

/* Attempts after which a lost create is taken for not done when it is not listed */
#define LATE_LOOKS		1

/* The store has accepted an item's create, and will list the record later. */
void
bcd_decide_accepted(BcdItem *item)
{
	bcd_decide_wait(item, FIRST_LISTING_MS << Min(item->attempts, LISTINGS),
					MemoryContextStrdup(item->cxt, "the store has accepted the record, but does not list it yet"));
	item->decision.taken = true;
}

/* Decides that an item's record is looked for again when lists have caught up. */
static void
decide_late(BcdItem *item, char *why)
{
	bcd_decide_wait(item, bcd_retry_backoff_ms(item->attempts + 1, true, item->lane->run->spread), why);
}

/*
 * A record was not found.  If a create that the store may have accepted could
 * still make it, decides that it is looked for again.  Otherwise returns false.
 *
 * A store may list a new record some seconds late.  Where it refuses a second
 * record of the same key, that does no harm: see bcd_awaits_twin().  Where it
 * does not, or where nothing would ever look for that key again, a record is
 * looked for twice.
 */
bool
bcd_awaits_record(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;

	if (item->lost_create == NULL)
		return false;
	if (bcd_is_created_silently(item))
	{
		if (item->attempts >= LISTINGS)
			return false;
		bcd_decide_accepted(item);
		item->decision.taken = false;
		return true;
	}
	if (item->attempts > LATE_LOOKS || !(r->keys[item->natural_index].shared || item->lookup_reason == BCD_REASON_LOST_CREATE))
		return false;
	decide_late(item, MemoryContextStrdup(item->cxt, "a create without a reply may have been carried out, but the store does not list its record: it is looked for once more"));
	return true;
}

/*
 * The create of an item was refused, and no record was found.  If the row has met
 * trouble, an earlier create of its own may be the reason, whose record the store
 * lists late: decides that it is looked for again.  Otherwise returns false.
 */
bool
bcd_awaits_twin(BcdItem *item, const char *refusal)
{
	if (!item->lane->run->kind->claims || item->attempts == 0 || item->attempts >= LISTINGS || item->wanted == NULL)
		return false;
	decide_late(item, MemoryContextStrdup(item->cxt, psprintf("%s; the store lists no such record, and is asked again", refusal)));
	item->decision.status = item->refusal_status;
	return true;
}

/*
 * Was the record that was found for an item made by its own create, or by that
 * of its parent?
 */
bool
bcd_found_own_create(const BcdItem *item)
{
	return item->lost_create && (bcd_is_created_silently(item) || bcd_is_companion(item)) &&
		same_identity(item->lane->feed->resource, item->lost_create, item->wanted);
}

static bool
maps_collections(const BcdFeed *feed)
{
	int			i;

	for (i = 1; i < feed->resource->nfacets; i++)
		if (feed->resource->facets[i].collection && bcd_feed_maps(feed, feed->resource->facets[i].collection))
			return true;
	return false;
}

/* The elements below a record that another row is linked to; NULL: none is. */
static Jsonb *
elements_of_link(const BcdItem *item, int64 store_id)
{
	const BcdFeed *feed = item->lane->feed;
	char	   *other = bcd_link_key(feed->name, store_id);
	BcdLinkRow	link;

	if (other == NULL || strcmp(other, item->key) == 0 || !bcd_link_read(feed->name, other, &link))
		return NULL;
	return bcd_with_collections(feed->resource, NULL, bcd_payload_merge(link.remembered, link.payload));
}

/*
 * A record was found by an item's key.  It may be that of another row, which has
 * left this key, or which may have made it by a lost create.  Then the elements
 * below it that we have written go to this item, since they are none that the
 * store had before; returns whether there are any.
 */
bool
bcd_takes_elements(BcdItem *item, int64 store_id)
{
	const BcdFeed *feed = item->lane->feed;
	MemoryContext old;
	Jsonb	   *elements;

	if (item->lookup_reason == BCD_REASON_LOST_CREATE || item->natural == NULL || !maps_collections(feed))
		return false;
	old = MemoryContextSwitchTo(item->cxt);
	elements = elements_of_link(item, store_id);
	if (elements == NULL)
		elements = bcd_pending_made_with(feed->name, item->key, bcd_resource_key(feed->resource, item->natural_index), item->natural);
	MemoryContextSwitchTo(old);
	if (elements)
		bcd_decide_record(item)->remembered = elements;
	return elements != NULL;
}

/* Notes the key of an item that is about to be created. */
void
bcd_seek_note(BcdItem *item)
{
	if (item->lost_create == NULL || bcd_body_is_nested(item, item->decision.body) || item->remembered ||
		!same_identity(item->lane->feed->resource, item->lost_create, item->wanted))
		item->decision.lost_create = identity(item);
}

/*
 * Does the decision change what is noted?  A row that is done has no note; one
 * whose record is found but not linked yet still needs it.
 */
static bool
is_changed(const BcdItem *item, BcdStage stage)
{
	const BcdDecision *d = &item->decision;

	/* nothing is claimed for a row whose record only gives something up */
	bool		none = d->purpose == BCD_PURPOSE_LET_GO;
	bool		over = item->lost_create && (d->no_lost_create || d->link == BCD_LINK_PUT ||
											 (bcd_record_after(item).linked && item->lookup_reason != BCD_REASON_LOST_CREATE));

	return !none && (d->unsent || d->lost_create || (over && d->pending != BCD_PENDING_DONE) ||
					 bcd_item_changes_intent(item, stage) || bcd_changes_sent_fields(item, stage));
}

/* Returns the new pending.intent of an item; NULL: none. */
static Jsonb *
intent_of(const BcdItem *item, BcdStage stage)
{
	JsonbValue	key;
	Jsonb	   *facets;
	Jsonb	   *fields;

	if (item->decision.unsent)
		return bcd_unsent_fields();
	if (item->decision.lost_create == NULL)
	{
		facets = bcd_item_intent(item);
		fields = facets || bcd_changes_sent_fields(item, stage) ? bcd_sent_fields(item) : NULL;
		return bcd_payload_merge(facets, fields);
	}
	bcd_jsonb_value(item->decision.lost_create, &key);
	return bcd_payload_set(bcd_nested_of(item, item->decision.body), "", &key);
}

/*
 * Records what requests may do to the records of a lane's items, as decided;
 * in the caller's transaction.
 */
void
bcd_intents_record(BcdLane *lane, BcdItem **items, int n, BcdStage stage)
{
	Datum	   *keys = palloc(sizeof(Datum) * n);
	Datum	   *intents = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);
	int			rows = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		Jsonb	   *intent;

		if (!is_changed(items[i], stage))
			continue;
		intent = intent_of(items[i], stage);
		keys[rows] = CStringGetTextDatum(items[i]->key);
		intents[rows] = JsonbPGetDatum(intent);
		nulls[rows++] = intent == NULL;
	}
	if (rows > 0)
		bcd_pending_set_intents(lane->feed->name, bcd_array(TEXTOID, keys, NULL, rows),
								bcd_array(JSONBOID, intents, nulls, rows));
}
