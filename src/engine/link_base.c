/*
 * link_base.c
 *		What both sides had when a row was linked to a record with other values.
 *
 * A store that was loaded before has other values than the source in some
 * fields: people have edited them, or the load has changed them. There, the two
 * sides have no common past, but each has one of its own from the time of the
 * link on.  link.payload has what the store had then, link.found what the row
 * had.  So when the row is pushed, it is known which side has changed a field
 * since: if only the row has, it is written; if neither has, the row does not
 * take it back from the store unless its source always wins (conflicts.c).
 *
 * link.found is gone as soon as the row has been compared with its record: from
 * then on, the payload and bcdelta.conflict say all.
 */
#include "postgres.h"

#include "engine/link_base.h"
#include "engine/sent_fields.h"
#include "engine/shown.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

typedef struct Base
{
	const BcdItem *item;
	const cJSON *record;
	const char *counted;		/* a field of which differences are sent */
	Jsonb	   *known;
	Jsonb	   *differing;		/* the row's values */
} Base;

static void
take_field(const char *name, JsonbValue *value, void *arg)
{
	Base	   *b = arg;
	const BcdFeed *feed = b->item->lane->feed;
	const BcdField *field = bcd_resource_field(feed->resource, name);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(b->record, name);

	if (field == NULL || bcd_payload_is_nothing(got) || BCD_IS_COLLECTION(field) || bcd_payload_has(b->known, name))
		return;
	if (field->flags & (BCD_F_WRITE_ONLY | BCD_F_FIXED | BCD_F_CREATE_ONLY) || (b->counted && strcmp(b->counted, name) == 0) ||
		bcd_facet_is_placed(bcd_resource_facet_of(feed->resource, field), feed->options_json))
		return;
	b->known = bcd_payload_merge(b->known, bcd_payload_from_json(name, got));
	b->differing = bcd_payload_set(b->differing, name, value);
}

/*
 * An item is about to be linked to a record that was read: adds the record's own
 * values of fields that differ to what is known of it, and decides that those of
 * the row are noted.
 */
Jsonb *
bcd_link_base(BcdItem *item, Jsonb *known, const cJSON *record)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdFacet *counting = bcd_counting_facet(feed->resource, feed->options_json);
	Base		b = {item, record, counting ? counting->changes_of : NULL, bcd_with_shown(item, known, record)};

	bcd_payload_each(item->wanted, take_field, &b);
	if (b.differing)
		item->decision.found = bcd_noted_fields(feed->resource, b.differing);
	return b.known;
}

/*
 * Did a field differ when its row was linked (found: link.found), and has the row
 * (wanted) the same value as then, as far as is known?
 */
bool
bcd_untouched_since_link(const BcdResource *resource, Jsonb *found, Jsonb *wanted, const char *field)
{
	JsonbValue	v;
	JsonbValue	then;

	if (found == NULL || getKeyJsonValueFromContainer(&found->root, field, strlen(field), &then) == NULL ||
		getKeyJsonValueFromContainer(&wanted->root, field, strlen(field), &v) == NULL)
		return false;
	/* a long list is noted without its contents */
	return then.type == jbvNull || bcd_payload_same(bcd_noted_fields(resource, bcd_payload_set(NULL, field, &v)), found, field);
}
