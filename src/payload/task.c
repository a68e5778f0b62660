/*
 * task.c
 *		Determines which tasks make the store agree with a row.
 *
 * The result depends only on the row, the known contents of its record, and
 * the resource's descriptor; this file mentions no resource by name.
 */
#include "postgres.h"

#include "payload/address.h"
#include "payload/collection.h"
#include "payload/counted.h"
#include "payload/element_first.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "payload/place.h"
#include "payload/task.h"
#include "payload/whole.h"
#include "resource/resource.h"

static BcdTask *
task_create(const BcdTaskRow *row, const BcdFacet *facet, const BcdAction *action, Jsonb *fields)
{
	BcdTask    *task = palloc0(sizeof(BcdTask));

	task->resource = row->resource;
	task->facet = facet;
	task->action = action;
	task->fields = fields;
	task->row = row->wanted ? row->wanted : row->known;
	task->id = row->id;
	task->options = row->options;
	task->parent = row->resource->parent ? bcd_payload_text(task->row, row->resource->parent) : NULL;
	return task;
}

/* Returns the task that writes these fields of a record that exists. */
BcdTask *
bcd_task_of(const BcdTaskRow *row, const BcdFacet *facet, Jsonb *fields)
{
	return task_create(row, facet, &facet->update, fields);
}

/*
 * Returns whether an option gives a facet a place that the record's own fields
 * do not show. This is not so if it names the default place, which they do
 * show.
 */
bool
bcd_facet_is_placed(const BcdFacet *facet, Jsonb *options)
{
	const BcdMember *member = facet->placed_by && options ? facet->update.members : NULL;
	char	   *place;

	while (member && (member->from != BCD_FROM_OPTION || strcmp(member->what, facet->placed_by) != 0))
		member = member->from == BCD_FROM_NOTHING ? NULL : member + 1;
	if (member == NULL)
		return false;
	place = bcd_payload_text(options, facet->placed_by);
	return place && strcmp(place, member->otherwise) != 0;
}

/* Returns whether a facet can be written together with the record. */
bool
bcd_facet_may_merge(const BcdFacet *facet, Jsonb *options)
{
	return facet->nested && facet->collection == NULL && !facet->separate && !bcd_facet_is_placed(facet, options);
}

/* Returns whether creating a record also writes a facet. */
static bool
is_nested(const BcdTaskRow *row, const BcdFacet *facet)
{
	return facet->nested && !bcd_facet_is_placed(facet, row->options) && !(row->apart && facet->collection);
}

/* Returns whether a facet of this row cannot be written separately. */
static bool
goes_with_record(const BcdTaskRow *row, const BcdFacet *facet)
{
	char	   *is;

	if ((row->merged & (1 << (facet - row->resource->facets))) != 0)
		return true;
	if (facet->if_field == NULL || bcd_facet_is_placed(facet, row->options))
		return false;
	is = row->wanted ? bcd_payload_text(row->wanted, facet->if_field) : NULL;
	return is && strcmp(is, facet->if_value) != 0;
}

#define BIT(resource, facet)	((uint32) 1 << ((facet) - (resource)->facets))

/* Fields of a row, and the facets that write them */
typedef struct Parts
{
	const BcdTaskRow *row;
	Jsonb	   *fields;
	const BcdFacet *changing;	/* writes changes of a field, or NULL */
	uint32		facets;			/* bits of those that write some of the fields */
	uint32		picked;
} Parts;

/* Returns the facet that writes a field of a row. */
static const BcdFacet *
facet_of(const Parts *parts, const char *name)
{
	const BcdTaskRow *row = parts->row;
	const BcdResource *r = row->resource;
	const BcdField *field = bcd_resource_field(r, name);
	const BcdFacet *facet = field && field->facet ? bcd_resource_facet_of(r, field) : r->facets;
	const BcdFacet *changing = facet == r->facets ? parts->changing : NULL;

	/* a difference needs both values */
	if (changing && strcmp(changing->changes_of, name) == 0 &&
		(!changing->update.endpoint->once || bcd_payload_has(row->known, name)))
		return changing;
	return facet != r->facets && goes_with_record(row, facet) ? r->facets : facet;
}

static void
note_facet(const char *name, JsonbValue *value, void *arg)
{
	Parts	   *parts = arg;

	parts->facets |= BIT(parts->row->resource, facet_of(parts, name));
}

/* Determines which facets write these fields. */
static void
take_apart(Parts *parts, const BcdTaskRow *row, Jsonb *fields)
{
	const BcdResource *r = row->resource;

	memset(parts, 0, sizeof(*parts));
	parts->row = row;
	parts->fields = fields;
	if (r->nfacets <= 1)
	{
		parts->facets = JB_ROOT_COUNT(fields) > 0;
		return;
	}
	parts->changing = row->known ? bcd_changing_facet(r, row->options) : NULL;
	bcd_payload_each(fields, note_facet, parts);
}

static bool
is_picked(const char *name, JsonbValue *value, void *arg)
{
	const Parts *parts = arg;

	return (parts->picked & BIT(parts->row->resource, facet_of(parts, name))) != 0;
}

/*
 * Returns those fields that some facets write; the same jsonb if they write
 * all.
 */
static Jsonb *
fields_of(Parts *parts, uint32 facets)
{
	parts->picked = facets;
	return parts->facets & ~facets ? bcd_payload_filter(parts->fields, is_picked, parts) : parts->fields;
}

/* Returns what the create of a record writes, including nested facets. */
static Jsonb *
fields_of_new(Parts *parts)
{
	const BcdResource *r = parts->row->resource;
	uint32		facets = BIT(r, r->facets);
	int			i;

	for (i = 1; i < r->nfacets; i++)
		if (is_nested(parts->row, &r->facets[i]))
			facets |= BIT(r, &r->facets[i]);
	return fields_of(parts, facets);
}

/*
 * Appends a task that writes the changed fields of a facet, unless there are
 * none.
 */
static List *
add_fields(List *tasks, Parts *changes, const BcdFacet *facet)
{
	const BcdTaskRow *row = changes->row;
	uint32		bit = BIT(row->resource, facet);
	Parts		whole;
	Parts	   *sent = changes;
	BcdTask    *task;

	if ((changes->facets & bit) == 0)
		return tasks;
	if (bcd_sends_all(&facet->update, changes->fields))
	{
		sent = &whole;
		take_apart(sent, row, row->wanted);
	}
	task = task_create(row, facet, &facet->update, fields_of(sent, bit));
	task->was = row->known;
	return lappend(tasks, task);
}

/* Returns the field that holds the records of a facet that is a collection. */
static const BcdField *
collection_of(const BcdResource *resource, const BcdFacet *facet)
{
	return bcd_resource_field(resource, facet->collection);
}

static List *
changes_of(const BcdTaskRow *row, const BcdFacet *facet)
{
	const BcdRecords *records = collection_of(row->resource, facet)->records;
	Jsonb	   *wanted = bcd_collection_of(row->wanted, facet->collection);
	Jsonb	   *known = bcd_collection_of(row->known, facet->collection);

	return facet->inside ? bcd_collection_changes_inside(records, facet->inside, wanted, known) :
		bcd_collection_changes(records, wanted, known);
}

/*
 * Returns the collection in a payload that has the element of a task: it may be
 * inside an element. NULL: there is none.
 */
Jsonb *
bcd_task_collection(const BcdTask *task, Jsonb *payload)
{
	Jsonb	   *collection = bcd_collection_of(payload, task->facet->collection);
	Jsonb	   *element;

	if (task->facet->inside == NULL)
		return collection;
	element = bcd_collection_find(collection, task->within);
	return element ? bcd_collection_of(element, task->facet->inside) : NULL;
}

/*
 * Returns the name of a collection that has to be read before the tasks of a
 * row can be determined: its elements are not known, or the id of one that has
 * to be changed or removed. NULL: there is none.
 */
const char *
bcd_tasks_unread(const BcdTaskRow *row)
{
	const BcdResource *r = row->resource;
	uint32		wanted = row->id ? bcd_collections_in(r, row->wanted) : 0;
	uint32		known = wanted ? bcd_collections_in(r, row->known) : 0;
	int			i;

	for (i = 1; wanted != 0 && i < r->nfacets; i++)
	{
		const BcdFacet *facet = &r->facets[i];
		ListCell   *lc;

		if ((wanted & BIT(r, facet)) == 0)
			continue;
		if ((known & BIT(r, facet)) == 0)
			return facet->collection;
		foreach(lc, changes_of(row, facet))
		{
			const BcdElementChange *change = lfirst(lc);

			if (change->was && bcd_element_id(change->was) == NULL && !collection_of(r, facet)->records->bare &&
				(facet->inside == NULL || change->within))
				return facet->collection;
		}
	}
	return NULL;
}

/* What is inside an element has requests of its own once that exists. */
static bool
is_not_inside(const char *name, JsonbValue *value, void *records)
{
	const BcdField *field = bcd_records_field(records, name);

	return field == NULL || !BCD_IS_COLLECTION(field);
}

static List *
add_element(List *tasks, const BcdTaskRow *row, const BcdFacet *facet, const BcdElementChange *change)
{
	bool		together = change->is && !change->alone && (row->together & BIT(row->resource, facet)) != 0;
	const BcdAction *action = together ? &facet->together : change->was == NULL ? &facet->create :
	change->is == NULL ? &facet->remove : change->alone ? &facet->alone : &facet->update;
	Jsonb	   *fields = change->is == NULL ? change->was : action->whole ? change->is : change->fields;
	BcdTask    *task = task_create(row, facet, action, fields);
	const BcdRecords *records = bcd_facet_records(row->resource, facet);

	if (change->is && change->was == NULL)
		task->fields = bcd_element_at_first(records, fields);
	else if (change->is)
		task->fields = bcd_payload_filter(fields, is_not_inside, (void *) records);
	task->within = change->within;
	task->parent = row->id;
	task->id = bcd_element_id(change->was);
	task->was = change->was;
	task->is = change->is;
	return lappend(tasks, task);
}

/*
 * Appends tasks for the records of a collection that have to be added, changed
 * or removed. The store's contents of the collection must be known.
 */
static List *
add_collection(List *tasks, const BcdTaskRow *row, const BcdFacet *facet)
{
	ListCell   *lc;

	if (row->id && !bcd_payload_has(row->known, facet->collection))
		elog(ERROR, "the %s of record %s are not known", facet->collection, row->id);
	foreach(lc, changes_of(row, facet))
		tasks = add_element(tasks, row, facet, lfirst(lc));
	return tasks;
}

/*
 * Returns whether a task for an element is still to be done, now that more is
 * known of its collection.
 */
bool
bcd_task_is_due(const BcdTask *task, Jsonb *known)
{
	const BcdRecords *records = bcd_facet_records(task->resource, task->facet);
	Jsonb	   *collection = bcd_task_collection(task, known);
	ListCell   *lc;

	if (task->is == NULL && !records->bare)
		return bcd_collection_find(collection, task->id) != NULL;
	foreach(lc, bcd_collection_changes(records, bcd_collection_with(NULL, task->is ? task->is : task->was), collection))
		if (((BcdElementChange *) lfirst(lc))->is)
		return task->is != NULL;
	return task->is == NULL;
}

/* Appends the tasks of all facets other than the first. */
static List *
add_other_facets(List *tasks, Parts *changes)
{
	const BcdTaskRow *row = changes->row;
	const BcdResource *r = row->resource;
	uint32		due = changes->facets | bcd_collections_in(r, row->wanted);
	int			i;

	for (i = 1; i < r->nfacets; i++)
	{
		const BcdFacet *facet = &r->facets[i];

		if ((due & BIT(r, facet)) == 0 || goes_with_record(row, facet) || (row->id == NULL && is_nested(row, facet)))
			continue;
		tasks = facet->collection ? add_collection(tasks, row, facet) :
			add_fields(tasks, changes, facet);
	}
	return tasks;
}

/* A field by which a record is not identified makes it necessary to write it. */
static bool
is_content(const char *name, JsonbValue *value, void *resource)
{
	return !bcd_is_address_field(resource, name);
}

/*
 * A record without an id is written by the same request whether it exists or
 * not. If its key has changed, it is a different record, and the old one is
 * removed.
 */
static List *
keyed_tasks(const BcdTaskRow *row)
{
	const BcdResource *r = row->resource;
	const BcdFacet *facet = r->facets;
	char	   *is = row->known ? bcd_record_address(r, row->known) : NULL;
	char	   *will_be = bcd_record_address(r, row->wanted);
	Jsonb	   *known = row->known;
	BcdTaskRow	at = *row;
	Jsonb	   *changes;
	Parts		parts;
	List	   *tasks = NIL;

	if (is && will_be && strcmp(is, will_be) != 0)
	{
		BcdTask    *removal = task_create(row, facet, &facet->remove, NULL);

		removal->row = known;
		tasks = lappend(tasks, removal);
		known = NULL;
	}
	if (bcd_is_known_by_address(known))
		known = NULL;
	at.known = known;
	changes = bcd_payload_changes(r, row->wanted, known);

	/*
	 * the address alone is not written again, unless the record consists of
	 * it
	 */
	if (known && bcd_payload_count(bcd_payload_filter(row->wanted, is_content, (void *) r)) > 0)
		changes = bcd_payload_filter(changes, is_content, (void *) r);
	take_apart(&parts, &at, changes);
	return add_other_facets(add_fields(tasks, &parts, facet), &parts);
}

/*
 * A row whose record would have to be another one: that it has is removed, and
 * a new one is made.
 */
static List *
replacing_tasks(const BcdTaskRow *row)
{
	const BcdFacet *first = row->resource->facets;
	BcdTaskRow	anew = *row;
	BcdTask    *removal = task_create(row, first, &first->remove,
									  bcd_payload_changes(row->resource, row->wanted, row->known));

	/* it is removed where it is */
	removal->row = row->known;
	if (row->resource->parent)
		removal->parent = bcd_payload_text(row->known, row->resource->parent);
	anew.id = NULL;
	anew.known = NULL;
	return list_concat(list_make1(removal), bcd_tasks(&anew));
}

/*
 * Returns the tasks that make the store agree with a row, in the order in
 * which they have to be done, or NIL if it agrees already. The result is in
 * the current memory context.
 */
List *
bcd_tasks(const BcdTaskRow *row)
{
	const BcdResource *r = row->resource;
	const BcdFacet *first = r->facets;
	Parts		parts;
	List	   *tasks;

	if (row->wanted == NULL)
		return list_make1(task_create(row, first, &first->remove, NULL));
	if (r->id == NULL)
		return keyed_tasks(row);
	if (row->id == NULL)
	{
		take_apart(&parts, row, row->wanted);
		return add_other_facets(list_make1(task_create(row, first, &first->create, fields_of_new(&parts))), &parts);
	}
	if (bcd_place_differs(r, row->wanted, row->known))
		return replacing_tasks(row);
	take_apart(&parts, row, bcd_payload_changes(r, row->wanted, row->known));
	tasks = add_other_facets(add_fields(NIL, &parts, first), &parts);
	return row->together && tasks != NIL && ((BcdTask *) linitial(tasks))->facet == first ? bcd_tasks_riders_first(tasks) : tasks;
}

/* Returns the task that hides the record of a row that is gone. */
BcdTask *
bcd_task_to_hide(const BcdTaskRow *row)
{
	const BcdResource *r = row->resource;
	BcdTask    *task = task_create(row, r->facets, &r->facets->update,
								   bcd_payload_set_bool(NULL, r->hidden_by, r->hidden_when));

	task->row = NULL;
	return task;
}
