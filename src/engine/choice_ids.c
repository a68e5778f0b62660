/*
 * choice_ids.c
 *		The ids of options and their values, by name, for each parent.
 *
 * A new variant gives the names of its size and color.  The store expects ids,
 * and each product has its own options and values.  What was read of them is
 * kept here for the run.  Names are matched ignoring case.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/choice_ids.h"
#include "engine/engine.h"
#include "engine/stage.h"
#include "payload/choices.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Number of parents that are remembered at a time */
#define MOST_PARENTS	1000

typedef struct BcdChoiceIds
{
	MemoryContext cxt;
	HTAB	   *parents;
} BcdChoiceIds;

static void
create(BcdGates *gates)
{
	MemoryContext cxt = AllocSetContextCreate(gates->cxt, "bcdelta choices", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		ctl = {0};

	gates->choices = MemoryContextAllocZero(cxt, sizeof(BcdChoiceIds));
	gates->choices->cxt = cxt;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(BcdChoiceParent);
	ctl.hcxt = cxt;
	gates->choices->parents = hash_create("bcdelta choices", 128, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Returns what is known of a parent.  If too many are known, all are forgotten
 * first.
 */
BcdChoiceParent *
bcd_choice_parent(BcdGates *gates, int64 id)
{
	BcdChoiceParent *parent;
	bool		found;

	if (gates->choices && hash_get_num_entries(gates->choices->parents) >= MOST_PARENTS &&
		hash_search(gates->choices->parents, &id, HASH_FIND, NULL) == NULL)
	{
		MemoryContextDelete(gates->choices->cxt);
		gates->choices = NULL;
	}
	if (gates->choices == NULL)
		create(gates);
	parent = hash_search(gates->choices->parents, &id, HASH_ENTER, &found);
	if (!found)
	{
		memset(parent, 0, sizeof(BcdChoiceParent));
		parent->id = id;
		parent->cxt = AllocSetContextCreate(gates->choices->cxt, "bcdelta options", ALLOCSET_SMALL_SIZES);
	}
	return parent;
}

/* The choices of the records that the requests of a stage create, or NULL. */
const BcdChoices *
bcd_stage_choices(const BcdResource *resource, BcdStage stage)
{
	const BcdFacet *facet = &resource->facets[bcd_stage_nth_facet(stage)];

	if (stage != BCD_CREATE && !BCD_IS_FACET(stage))
		return NULL;
	return bcd_stage_nth_facet(stage) < resource->nfacets && bcd_stage_action(resource, stage) == &facet->create ? facet->choices : NULL;
}

/* The parent of the record that a request of a stage creates for an item. */
int64
bcd_choice_parent_id(const BcdItem *item, BcdStage stage)
{
	return BCD_IS_FACET(stage) ? item->store_id : bcd_payload_integer(item->wanted, item->lane->feed->resource->parent);
}

/* Counts the records of a list by parent. */
void
bcd_choice_ids_count(BcdLane *lane, const cJSON *records)
{
	const BcdResource *r = lane->feed->resource;
	const cJSON *record;
	int64		id;

	cJSON_ArrayForEach(record, records)
	{
		if (bcd_json_field_int64(record, r->parent, &id) &&
			!bcd_payload_is_nothing(cJSON_GetObjectItemCaseSensitive(record, r->facets->choices->field)))
			bcd_choice_parent(lane->gates, id)->records++;
	}
}

static BcdOption *
find_option(const BcdChoiceParent *parent, const char *name)
{
	char	   *folded = bcd_folded(name);
	ListCell   *lc;

	foreach(lc, parent->options)
		if (strcmp(((BcdOption *) lfirst(lc))->folded, folded) == 0)
		return lfirst(lc);
	return NULL;
}

static BcdValue *
find_value(const BcdOption *option, const char *label)
{
	char	   *folded = bcd_folded(label);
	ListCell   *lc;

	foreach(lc, option->values)
		if (strcmp(((BcdValue *) lfirst(lc))->folded, folded) == 0)
		return lfirst(lc);
	return NULL;
}

static char *
member_text(JsonbContainer *element, const char *name)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(element, name, strlen(name), &v) ? bcd_value_text(&v) : pstrdup("");
}

/* Appends what a field of a record names to a list of BcdChoice. */
static List *
add_choices(List *choices, const char *field, Jsonb *record, const BcdChoiceParent *parent)
{
	JsonbValue	array;
	uint32		i;

	if (getKeyJsonValueFromContainer(&record->root, field, strlen(field), &array) == NULL ||
		array.type != jbvBinary || !JsonContainerIsArray(array.val.binary.data))
		return choices;
	for (i = 0; i < JsonContainerSize(array.val.binary.data); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array.val.binary.data, i);
		BcdChoice  *choice = palloc0(sizeof(BcdChoice));

		choice->name = member_text(element->val.binary.data, BCD_CHOICE_NAME);
		choice->label = member_text(element->val.binary.data, BCD_CHOICE_LABEL);
		choice->option = find_option(parent, choice->name);
		choice->value = choice->option ? find_value(choice->option, choice->label) : NULL;
		choices = lappend(choices, choice);
	}
	return choices;
}

/* The field of a stage that names choices: there is one */
static const char *
field_of_choices(const BcdItem *item, BcdStage stage)
{
	const BcdChoices *choices = bcd_stage_choices(item->lane->feed->resource, stage);

	Assert(choices);
	return choices->field;
}

/*
 * Returns what the record names that the next request of a stage creates for an
 * item, as a list of BcdChoice.
 */
List *
bcd_choices_of(const BcdItem *item, BcdStage stage, const BcdChoiceParent *parent)
{
	return add_choices(NIL, field_of_choices(item, stage),
					   BCD_IS_FACET(stage) ? ((BcdTask *) linitial(item->tasks))->is : item->wanted, parent);
}

/* Returns the first choice that the store does not have, or NULL. */
BcdChoice *
bcd_choice_missing(List *choices)
{
	ListCell   *lc;

	foreach(lc, choices)
		if (((BcdChoice *) lfirst(lc))->value == NULL)
		return lfirst(lc);
	return NULL;
}

/* The same for all records that requests of a stage will create for an item. */
List *
bcd_choices_ahead(const BcdItem *item, BcdStage stage, const BcdChoiceParent *parent)
{
	const BcdResource *r = item->lane->feed->resource;
	List	   *choices = NIL;
	ListCell   *lc;

	if (!BCD_IS_FACET(stage))
		return bcd_choices_of(item, stage, parent);
	foreach(lc, item->tasks)
		if (((BcdTask *) lfirst(lc))->action == bcd_stage_action(r, stage))
		choices = add_choices(choices, field_of_choices(item, stage), ((BcdTask *) lfirst(lc))->is, parent);
	return choices;
}

/* Adds a value from a reply, unless it lacks an id or a label. */
static void
add_value(BcdOption *option, const cJSON *got)
{
	const char *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(got, "label"));
	BcdValue   *value;
	int64		id;
	int64		order;

	if (label == NULL || !bcd_json_id(got, "id", &id))
		return;
	value = palloc(sizeof(BcdValue));
	value->id = id;
	value->label = pstrdup(label);
	value->folded = bcd_folded(label);
	option->values = lappend(option->values, value);
	if (bcd_json_field_int64(got, "sort_order", &order))
		option->last = Max(option->last, order);
}

/* Adds an option, in the memory of its parent. */
void
bcd_choice_add(BcdChoiceParent *parent, const cJSON *got)
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(got, "display_name"));
	MemoryContext old = MemoryContextSwitchTo(parent->cxt);
	const cJSON *value;
	BcdOption  *option;
	int64		id;

	if (name && bcd_json_id(got, "id", &id))
	{
		option = palloc0(sizeof(BcdOption));
		option->id = id;
		option->name = pstrdup(name);
		option->folded = bcd_folded(name);
		option->last = -1;
		cJSON_ArrayForEach(value, cJSON_GetObjectItemCaseSensitive(got, "option_values"))
			add_value(option, value);
		parent->options = lappend(parent->options, option);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Adds a value to the option that it was made for.  Returns false if the reply
 * lacks an id or a label.
 */
bool
bcd_choice_add_value(BcdChoiceParent *parent, const cJSON *got)
{
	MemoryContext old = MemoryContextSwitchTo(parent->cxt);
	bool		added = false;
	ListCell   *lc;

	foreach(lc, parent->options)
	{
		BcdOption  *option = lfirst(lc);
		int			values = list_length(option->values);

		if (option->id != parent->grows)
			continue;
		add_value(option, got);
		added = list_length(option->values) > values;
	}
	MemoryContextSwitchTo(old);
	return added;
}

/*
 * Forgets the options of a parent, because they have changed; not that they
 * have to be read apart from others.
 */
void
bcd_choice_forget(BcdChoiceParent *parent)
{
	MemoryContextReset(parent->cxt);
	parent->options = NIL;
	parent->known = parent->shown = parent->stale = parent->bare = false;
}

/* Returns the fields of a new record, with ids added to the names. */
Jsonb *
bcd_choice_ids_put(const BcdItem *item, BcdStage stage, Jsonb *fields)
{
	const char *field = field_of_choices(item, stage);
	List	   *choices = bcd_choices_of(item, stage, bcd_choice_parent(item->lane->gates, bcd_choice_parent_id(item, stage)));
	StringInfoData json;
	JsonbValue	v;
	ListCell   *lc;

	initStringInfo(&json);
	foreach(lc, choices)
	{
		BcdChoice  *choice = lfirst(lc);

		appendStringInfo(&json, "%s{\"%s\": ", json.len ? ", " : "[", BCD_CHOICE_NAME);
		escape_json(&json, choice->option->name);
		appendStringInfo(&json, ", \"%s\": ", BCD_CHOICE_LABEL);
		escape_json(&json, choice->value->label);
		appendStringInfo(&json, ", \"option_id\": " INT64_FORMAT ", \"id\": " INT64_FORMAT "}",
						 choice->option->id, choice->value->id);
	}
	appendStringInfoChar(&json, ']');
	bcd_jsonb_value(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data))), &v);
	return bcd_payload_set(fields, field, &v);
}
