/*
 * collection.c
 *		Collections: arrays of records below a record, kept by difference.
 *
 * What is known of a collection has the store's ids of its elements, as in
 * {"id": 7, ...}, if these are known; a row has no ids.  Only elements that we
 * have written, or that were found to be those of the row, are known; all
 * others are left alone.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "payload/collection.h"
#include "payload/element_first.h"
#include "payload/element_order.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Returns a collection as a jsonb array, or NULL if the payload has none. */
Jsonb *
bcd_collection_of(Jsonb *payload, const char *name)
{
	JsonbValue	array;

	if (payload == NULL ||
		getKeyJsonValueFromContainer(&payload->root, name, strlen(name), &array) == NULL ||
		array.type != jbvBinary || !JsonContainerIsArray(array.val.binary.data))
		return NULL;
	return JsonbValueToJsonb(&array);
}

/*
 * Returns which collections a payload has: bit n of the result is about that of
 * the resource's nth facet.
 */
uint32
bcd_collections_in(const BcdResource *resource, Jsonb *payload)
{
	uint32		found = 0;
	int			i;

	for (i = 1; payload && i < resource->nfacets; i++)
	{
		const char *name = resource->facets[i].collection;
		JsonbValue	v;

		if (name && getKeyJsonValueFromContainer(&payload->root, name, strlen(name), &v) != NULL)
			found |= (uint32) 1 << i;
	}
	return found;
}

static bool
is_key_field(const char *name, JsonbValue *value, void *arg)
{
	const BcdRecords *records = arg;
	int			i;

	for (i = 0; records->key[i]; i++)
		if (strcmp(records->key[i], name) == 0)
			return true;
	return false;
}

/* Returns the key fields of an element. */
Jsonb *
bcd_element_key(const BcdRecords *records, Jsonb *element)
{
	return bcd_payload_filter(element, is_key_field, (void *) records);
}

/* Is an element of a reply this one, as far as its key can be read? */
bool
bcd_element_is(const BcdRecords *records, Jsonb *element, const cJSON *got)
{
	BcdSide		a = {records, 1,.elements = &element};
	BcdSide		b = {records, 1,.got = &got};
	int			i;

	for (i = 1; records->key[i - 1]; i++)
	{
		char	   *x = bcd_side_key(&a, 0, i);
		char	   *y = bcd_side_key(&b, 0, i);

		if (y == NULL)
			break;
		if (x == NULL || strcmp(x, y) != 0)
			return false;
	}
	return true;
}

static bool
is_changed(const char *name, JsonbValue *value, void *known)
{
	return !bcd_payload_same(bcd_payload_set(NULL, name, value), known, name);
}

static List *
add_change(List *changes, Jsonb *was, Jsonb *is, Jsonb *fields, bool alone)
{
	BcdElementChange *change = palloc0(sizeof(BcdElementChange));

	change->was = was;
	change->is = is;
	change->fields = fields;
	change->alone = alone;
	return lappend(changes, change);
}

/* Fields that cannot be changed tell elements apart, in any spelling. */
static bool
is_alone(const char *name, JsonbValue *value, void *records)
{
	const BcdField *field = bcd_records_field(records, name);

	return field->facet != NULL && !(field->flags & BCD_F_FIXED);
}

static bool
is_together(const char *name, JsonbValue *value, void *records)
{
	const BcdField *field = bcd_records_field(records, name);

	return field->facet == NULL && !(field->flags & BCD_F_FIXED);
}

/* Returns those fields in which an element has to be changed. */
static Jsonb *
changed_fields(const BcdRecords *records, Jsonb *was, Jsonb *is, bool alone)
{
	return bcd_payload_filter(bcd_payload_filter(is, is_changed, was), alone ? is_alone : is_together, (void *) records);
}

/* Appends the changes of an element that exists: up to two. */
static List *
add_update(List *changes, const BcdRecords *records, Jsonb *was, Jsonb *is, bool alone)
{
	Jsonb	   *fields = changed_fields(records, was, is, alone);
	Jsonb	   *first = changed_fields(records, was, is, false);

	if (bcd_payload_count(fields) == 0)
		return changes;
	if (alone)
		return add_change(changes, bcd_payload_merge(was, first), is, fields, true);
	/* what is not sent yet stays as it is */
	return add_change(changes, was, records->unique ? bcd_payload_merge(was, fields) : is, fields, false);
}

/* Does an element have to be another one than that with its key? */
static bool
is_another(const BcdRecords *records, Jsonb *is, Jsonb *was)
{
	int			i;

	for (i = 0; i < records->nfields; i++)
	{
		const BcdField *field = &records->fields[i];

		if (field->flags & BCD_F_PLACE && bcd_payload_has(is, field->name) &&
			!bcd_payload_same(is, was, field->name))
			return true;
	}
	return false;
}

static void
part_others(const BcdRecords *records, BcdSide *is, BcdSide *was)
{
	int			i;

	for (i = 0; i < is->n; i++)
	{
		int			partner = is->partner[i];

		if (partner < 0 || !is_another(records, is->elements[i], was->elements[partner]))
			continue;
		was->partner[partner] = -1;
		is->partner[i] = -1;
	}
}

/*
 * Returns what turns a collection into the wanted one, as a list of
 * BcdElementChange.  Elements are first removed, then changed, then added, so
 * that neither limits nor unique values are violated in between.
 */
List *
bcd_collection_changes(const BcdRecords *records, Jsonb *wanted, Jsonb *known)
{
	BcdSide		is;
	BcdSide		was;
	List	   *changes = NIL;
	List	   *alone = NIL;
	int			i;

	bcd_side_of(&is, records, wanted);
	bcd_side_of(&was, records, known);
	bcd_pair(&is, &was, bcd_records_nkeys(records));
	bcd_pair(&is, &was, records->kin);
	part_others(records, &is, &was);
	for (i = 0; i < was.n; i++)
		if (was.partner[i] < 0)
			changes = add_change(changes, was.elements[i], NULL, NULL, false);
	for (i = 0; i < is.n; i++)
		if (is.partner[i] >= 0)
			changes = add_update(changes, records, was.elements[is.partner[i]], is.elements[i], false);
	for (i = 0; i < is.n; i++)
		if (is.partner[i] >= 0)
			alone = add_update(alone, records, was.elements[is.partner[i]], is.elements[i], true);
	changes = list_concat(changes, bcd_elements_in_order(records, alone));
	for (i = 0; i < is.n; i++)
		if (is.partner[i] < 0)
			changes = add_change(changes, NULL, is.elements[i], is.elements[i], false);
	return changes;
}

/*
 * What will be known of a new element when it has been sent. If it is sent without
 * anything inside, the store makes that.
 */
static Jsonb *
at_first(const BcdRecords *records, Jsonb *element, const char *inside)
{
	const BcdRecords *below = bcd_records_field(records, inside)->records;
	Jsonb	   *sent = bcd_element_at_first(records, element);
	Jsonb	   *made = NULL;
	BcdSide		side;
	int			i;

	if (bcd_payload_has(sent, inside))
		return sent;
	bcd_side_of(&side, below, bcd_collection_of(element, inside));
	for (i = 0; i < side.n; i++)
		made = bcd_collection_with(made, bcd_element_key(below, side.elements[i]));
	return bcd_payload_set_collection(sent, inside, made);
}

/*
 * The same for the elements inside those that two collections have in common.
 * Those inside a new element are written with it; what is sent later has no ids
 * until that is done. Removals come last: an element may need something inside it.
 */
List *
bcd_collection_changes_inside(const BcdRecords *records, const char *inside, Jsonb *wanted, Jsonb *known)
{
	const BcdRecords *below = bcd_records_field(records, inside)->records;
	BcdSide		is;
	BcdSide		was;
	List	   *changes = NIL;
	List	   *removals = NIL;
	int			i;

	bcd_side_of(&is, records, wanted);
	bcd_side_of(&was, records, known);
	bcd_pair(&is, &was, bcd_records_nkeys(records));
	part_others(records, &is, &was);
	for (i = 0; i < is.n; i++)
	{
		Jsonb	   *exists = is.partner[i] >= 0 ? was.elements[is.partner[i]] : at_first(records, is.elements[i], inside);
		ListCell   *lc;

		if (!bcd_payload_has(is.elements[i], inside))
			continue;
		foreach(lc, bcd_collection_changes(below, bcd_collection_of(is.elements[i], inside), bcd_collection_of(exists, inside)))
		{
			BcdElementChange *change = lfirst(lc);

			change->within = is.partner[i] >= 0 ? bcd_element_id(exists) : NULL;
			if (change->is)
				changes = lappend(changes, change);
			else
				removals = lappend(removals, change);
		}
	}
	return list_concat(changes, removals);
}

static Jsonb *
nth_element(Jsonb *collection, int nth)
{
	return JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, nth));
}

static int
count(Jsonb *collection)
{
	return collection ? JB_ROOT_COUNT(collection) : 0;
}

static bool
same_element(Jsonb *a, Jsonb *b)
{
	return compareJsonbContainers(&a->root, &b->root) == 0;
}

/* Returns the element with an id, or NULL. */
Jsonb *
bcd_collection_find(Jsonb *collection, const char *id)
{
	int			i;

	for (i = 0; id && i < count(collection); i++)
	{
		Jsonb	   *element = nth_element(collection, i);
		char	   *other = bcd_element_id(element);

		if (other && strcmp(other, id) == 0)
			return element;
	}
	return NULL;
}

/*
 * Returns the element with an id or, where elements have none, the one that is
 * the same; or NULL.
 */
Jsonb *
bcd_collection_known(const BcdRecords *records, Jsonb *collection, const char *id, Jsonb *element)
{
	int			i;

	if (!records->bare)
		return bcd_collection_find(collection, id);
	for (i = 0; i < count(collection); i++)
		if (same_element(nth_element(collection, i), element))
			return nth_element(collection, i);
	return NULL;
}

static void
push_element(JsonbParseState **state, Jsonb *element)
{
	JsonbValue	value;

	bcd_jsonb_value(element, &value);
	(void) pushJsonbValue(state, WJB_ELEM, &value);
}

/*
 * Returns a copy of a collection in which an element is replaced.  was NULL:
 * the other one is added; is NULL: it is not replaced, only removed.
 */
static Jsonb *
replace(Jsonb *collection, Jsonb *was, Jsonb *is)
{
	JsonbParseState *state = NULL;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < count(collection); i++)
	{
		Jsonb	   *element = nth_element(collection, i);

		if (was == NULL || !same_element(element, was))
			push_element(&state, element);
		else if (is)
			push_element(&state, is);
	}
	if (was == NULL)
		push_element(&state, is);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Returns a copy of a collection (NULL: an empty one) with one more element.
 */
Jsonb *
bcd_collection_with(Jsonb *collection, Jsonb *element)
{
	return replace(collection, NULL, element);
}

static Jsonb *
with_id(Jsonb *element, const char *id)
{
	return id ? bcd_payload_set_integer(element, BCD_ELEMENT_ID, strtoll(id, NULL, 10)) : element;
}

static bool
is_true(Jsonb *element, const char *name)
{
	char	   *text = element ? bcd_payload_text(element, name) : NULL;

	return text && strcmp(text, "true") == 0;
}

/* Clears a field that at most one element can have set. */
static Jsonb *
without_true(Jsonb *collection, const char *name)
{
	Jsonb	   *result = collection;
	int			i;

	for (i = 0; i < count(collection); i++)
	{
		Jsonb	   *element = nth_element(collection, i);

		if (is_true(element, name))
			result = replace(result, element, bcd_payload_set_bool(element, name, false));
	}
	return result;
}

/*
 * Returns what is known of a collection after one of its elements was written;
 * was NULL: it was added; is NULL: it was removed.  sent: the fields that were
 * written; id is the store's, if known.
 */
Jsonb *
bcd_collection_after(const BcdRecords *records, Jsonb *known, Jsonb *was, Jsonb *is, Jsonb *sent, const char *id)
{
	Jsonb	   *rest = known;
	Jsonb	   *has = was ? bcd_collection_find(known, bcd_element_id(was)) : NULL;
	int			i;

	for (i = 0; i < records->nfields; i++)
		if (records->fields[i].flags & BCD_F_ONCE && is_true(is, records->fields[i].name) && !is_true(was, records->fields[i].name))
			rest = without_true(rest, records->fields[i].name);
	if (was == NULL)
		return replace(rest, NULL, with_id(is, id));
	if (has == NULL)
		has = was;
	return replace(rest, has, is ? bcd_payload_merge(has, sent) : NULL);
}

/* Returns a copy of a collection in which an element has this inside. */
Jsonb *
bcd_collection_with_inside(Jsonb *collection, Jsonb *element, const char *inside, Jsonb *below)
{
	return replace(collection, element, bcd_payload_set_collection(element, inside, below));
}
