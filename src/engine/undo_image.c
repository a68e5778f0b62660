/*
 * undo_image.c
 *		What is noted of a write, and what a record that was read says of its
 *		contents before that.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/compat.h"
#include "base/guc.h"
#include "engine/engine.h"
#include "engine/undo_image.h"
#include "payload/collection.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Does a run note what it writes? */
bool
bcd_undo_is_kept(const BcdRun *run)
{
	return run->kind->writes && bcd_undo_retention > 0;
}

/*
 * Longer texts that were written are not kept a second time, since the link has
 * them.  Natural keys are shorter.
 */
#define LONG_TEXT	500

/* Fields that are written, in the form in which they are noted */
typedef struct Written
{
	const BcdResource *resource;
	Jsonb	   *fields;
	bool		creates;
} Written;

static void
note_written(const char *name, JsonbValue *value, void *arg)
{
	Written    *w = arg;
	const BcdField *field = bcd_resource_field(w->resource, name);
	bool		untold = field && field->flags & BCD_F_WRITE_ONLY;
	JsonbValue	nothing = {.type = jbvNull};
	JsonbValue	v;
	Jsonb	   *digest;

	if (untold && w->creates && value->type == jbvBool)
		return;					/* a rollback says what the store has done */
	if (untold && (w->creates || BCD_IS_COLLECTION(field)))
		w->fields = bcd_payload_without(w->fields, name);
	else if (untold)
		w->fields = bcd_payload_set(w->fields, name, &nothing);
	else if (w->resource->id && (digest = bcd_payload_digest(field, value, LONG_TEXT)) != NULL)
	{
		bcd_jsonb_value(digest, &v);
		w->fields = bcd_payload_set(w->fields, name, &v);
	}
}

/*
 * Returns the fields of an update or a create as far as a rollback needs them:
 * to tell whether the store still has them.  Those that it never shows have no
 * value.
 */
Jsonb *
bcd_undo_written(const BcdResource *r, Jsonb *fields, bool creates)
{
	Written		w = {r, fields, creates};

	bcd_payload_each(fields, note_written, &w);
	return w.fields;
}

typedef struct Seen
{
	const BcdResource *resource;
	const cJSON *record;
	Jsonb	   *fields;
} Seen;

static void
note_seen(const char *name, JsonbValue *value, void *arg)
{
	Seen	   *s = arg;
	const BcdField *field = bcd_resource_field(s->resource, name);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(s->record, name);

	if (got && field && !BCD_IS_COLLECTION(field) && !(field->flags & BCD_F_WRITE_ONLY))
		s->fields = bcd_payload_merge(s->fields, bcd_payload_from_json(name, got));
}

/*
 * Returns the fields that an item's row wants, as a record that was read has
 * them.
 */
Jsonb *
bcd_undo_seen(const BcdItem *item, const cJSON *record)
{
	Seen		seen = {item->lane->feed->resource, record};
	MemoryContext scratch;		/* each field makes a copy */
	MemoryContext old;

	if (!bcd_undo_is_kept(item->lane->run) || item->wanted == NULL)
		return NULL;
	scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta undo", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	bcd_payload_each(item->wanted, note_seen, &seen);
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(seen.fields, scratch);
}

/* Removes what the store alone determines from the elements of an array. */
static void
strip(cJSON *array, const BcdRecords *records)
{
	cJSON	   *element;

	cJSON_ArrayForEach(element, array)
	{
		cJSON	   *member = element->child;

		while (member)
		{
			cJSON	   *next = member->next;
			const BcdField *field = bcd_records_field(records, member->string ? member->string : "");

			if (field == NULL || cJSON_IsNull(member))
				cJSON_Delete(cJSON_DetachItemViaPointer(element, member));
			else if (field->records && cJSON_IsArray(member))
				strip(member, field->records);
			member = next;
		}
	}
}

/* Adds a field of a record that is about to be removed, if a new one can have it. */
static void
add_to_image(const BcdField *field, const cJSON *got, Jsonb **image)
{
	cJSON	   *copy = field->records && cJSON_IsArray(got) ? cJSON_Duplicate(got, true) : NULL;
	Jsonb	   *one;
	JsonbValue	v;

	if (field->flags & BCD_F_WRITE_ONLY || (bcd_payload_is_nothing(got) && !cJSON_IsNumber(got)))
		return;
	if (copy)
		strip(copy, field->records);
	one = bcd_payload_from_json(field->name, copy ? copy : got);
	if (getKeyJsonValueFromContainer(&one->root, field->name, strlen(field->name), &v) &&
		bcd_payload_normalize(field, &v) == NULL)
		*image = bcd_payload_set(*image, field->name, &v);
}

/* Returns a collection as a row would have it, without the store's ids. */
static Jsonb *
without_ids(const BcdRecords *records, Jsonb *collection)
{
	JsonbParseState *state = NULL;
	uint32		i;
	int			f;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < JsonContainerSize(&collection->root); i++)
	{
		Jsonb	   *element = bcd_payload_without(JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, i)), BCD_ELEMENT_ID);
		JsonbValue	v;

		for (f = 0; f < records->nfields; f++)
		{
			Jsonb	   *below = BCD_IS_COLLECTION(&records->fields[f]) ? bcd_collection_of(element, records->fields[f].name) : NULL;

			if (below)
				element = bcd_payload_set_collection(element, records->fields[f].name, without_ids(records->fields[f].records, below));
		}
		bcd_jsonb_value(element, &v);
		(void) pushJsonbValue(&state, WJB_ELEM, &v);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/* Returns what is known of a record that is about to be removed, likewise. */
Jsonb *
bcd_undo_known(const BcdResource *r, Jsonb *known)
{
	int			i;

	for (i = 0; i < r->nfields && known; i++)
	{
		Jsonb	   *collection = BCD_IS_COLLECTION(&r->fields[i]) ? bcd_collection_of(known, r->fields[i].name) : NULL;

		if (collection)
			known = bcd_payload_set_collection(known, r->fields[i].name, without_ids(r->fields[i].records, collection));
	}
	return known;
}

/*
 * Returns a record that is about to be removed as a payload from which it can be
 * made again.  What we have written of its collections is taken from what is
 * known, since not all of it can be read.
 */
Jsonb *
bcd_undo_image(const BcdItem *item, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta image", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Jsonb	   *known = bcd_undo_known(r, bcd_payload_merge(item->remembered, item->known));
	Jsonb	   *image = known;
	int			i;

	/* each field makes a copy of all before it */
	for (i = 0; i < r->nfields; i++)
	{
		const BcdField *field = &r->fields[i];

		if (!BCD_IS_COLLECTION(field) || !bcd_payload_has(known, field->name))
			add_to_image(field, cJSON_GetObjectItemCaseSensitive(record, field->name), &image);
	}
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(image, scratch);
}
