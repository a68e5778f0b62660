/*
 * rollback_elements.c
 *		Which elements of a collection a rollback sets back.
 */
#include "postgres.h"

#include "payload/collection.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "verbs/rollback.h"

/* An element without the store's id, as a row would have it */
static Jsonb *
without_id(Jsonb *element)
{
	return bcd_payload_without(element, BCD_ELEMENT_ID);
}

/* Does a collection have this element, with these values? */
static bool
has_element(const BcdRecords *records, Jsonb *collection, Jsonb *element)
{
	ListCell   *lc;

	foreach(lc, bcd_collection_changes(records, bcd_collection_with(NULL, without_id(element)), collection))
		if (((BcdElementChange *) lfirst(lc))->is)
		return false;
	return true;
}

/* Is what the store has of an element what we have left there? */
static bool
is_ours(const BcdField *field, List *afters, const BcdElementChange *change)
{
	ListCell   *lc;

	foreach(lc, afters)
	{
		Jsonb	   *after = bcd_collection_of(lfirst(lc), field->name);

		if (bcd_payload_has(lfirst(lc), field->name) &&
			(change->was ? has_element(field->records, after, change->was) : !has_element(field->records, after, change->is)))
			return true;
	}
	return false;
}

static Jsonb *
without_ids(Jsonb *collection)
{
	Jsonb	   *result = NULL;
	int			i;

	for (i = 0; collection && i < JB_ROOT_COUNT(collection); i++)
		result = bcd_collection_with(result, without_id(JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, i))));
	return result;
}

static bool
same_element(Jsonb *a, Jsonb *b)
{
	return compareJsonbContainers(&a->root, &b->root) == 0;
}

/* Returns a collection with an element changed, added or removed. */
static Jsonb *
with_change(Jsonb *collection, const BcdElementChange *change)
{
	Jsonb	   *was = change->was ? without_id(change->was) : NULL;
	Jsonb	   *result = NULL;
	int			i;

	for (i = 0; collection && i < JB_ROOT_COUNT(collection); i++)
	{
		Jsonb	   *element = JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, i));

		if (was == NULL || !same_element(element, was))
			result = bcd_collection_with(result, element);
	}
	return change->is ? bcd_collection_with(result, without_id(change->is)) : result;
}

/* A row without the collection would leave it as it is. */
static Jsonb *
no_elements(void)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Returns what a collection is to hold, without ids: the elements that it had
 * before, where it still has what we left there, and what others have changed.
 * Sets whether there are any of both.  afters: payloads that
 * we have written.  The collections may be NULL.
 */
Jsonb *
bcd_rollback_elements(const BcdField *field, Jsonb *before, List *afters, Jsonb *now, bool force,
					  bool *changed, bool *edited)
{
	Jsonb	   *target = without_ids(now);
	ListCell   *lc;

	*changed = *edited = false;
	foreach(lc, bcd_collection_changes(field->records, without_ids(before), now))
	{
		BcdElementChange *change = lfirst(lc);

		if (change->alone)
			continue;			/* the same element once more */
		if (is_ours(field, afters, change) || force)
		{
			target = with_change(target, change);
			*changed = true;
		}
		else
			*edited = true;
	}
	return target ? target : no_elements();
}

/*
 * Returns the elements of a collection from before and after our writes: those
 * by which the store's elements are recognized as ours.
 */
static Jsonb *
all_elements(const BcdRecords *records, Jsonb *before, Jsonb *after)
{
	Jsonb	   *all = without_ids(before);
	ListCell   *lc;

	foreach(lc, bcd_collection_changes(records, without_ids(after), all))
	{
		const BcdElementChange *change = lfirst(lc);

		if (change->was == NULL)
			all = bcd_collection_with(all, change->is);
	}
	return all ? all : no_elements();
}

/* Returns a payload with the collections from before and after our writes. */
Jsonb *
bcd_rollback_all_elements(const BcdResource *r, Jsonb *payload, Jsonb *before, Jsonb *after)
{
	int			i;

	for (i = 0; i < r->nfields; i++)
	{
		const BcdField *field = &r->fields[i];

		if (BCD_IS_COLLECTION(field) && (bcd_payload_has(before, field->name) || bcd_payload_has(after, field->name)))
			payload = bcd_payload_set_collection(payload, field->name,
												 all_elements(field->records, bcd_collection_of(before, field->name),
															  bcd_collection_of(after, field->name)));
	}
	return payload;
}
