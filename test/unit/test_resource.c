/*
 * test_resource.c
 *		The tables of resources agree with themselves, and with the vendor's
 *		documents where a mistake would cost most.
 */
#include "postgres.h"

#include "../../src/resource/assignment.c"
#include "../../src/resource/brand.c"
#include "../../src/resource/category.c"
#include "../../src/resource/customer.c"
#include "../../src/resource/customer_address.c"
#include "../../src/resource/customer_attribute.c"
#include "../../src/resource/form_field.c"
#include "../../src/resource/customer_group.c"
#include "../../src/resource/dependency.c"
#include "../../src/resource/inventory.c"
#include "../../src/resource/keys.c"
#include "../../src/resource/location.c"
#include "../../src/resource/name_list.c"
#include "../../src/resource/metafield.c"
#include "../../src/resource/price_record.c"
#include "../../src/resource/price_list.c"
#include "../../src/resource/price_list_assignment.c"
#include "../../src/resource/product.c"
#include "../../src/resource/registry.c"
#include "../../src/resource/redirect.c"
#include "../../src/resource/replies.c"
#include "../../src/resource/stock.c"
#include "../../src/resource/variant.c"
#include "raises.h"

static bool
has_field(const BcdResource *resource, const char *name)
{
	return name == NULL || bcd_resource_field(resource, name) != NULL;
}

/* Is there a value, and no value twice? */
static bool
is_a_set(const char *const *values)
{
	int			i;
	int			j;

	for (i = 0; values[i]; i++)
		for (j = 0; j < i; j++)
			if (strcmp(values[i], values[j]) == 0)
				return false;
	return i > 0;
}

/*
 * The elements of an array: fields in order, and a key of those that are
 * required, at least where elements are kept one by one
 */
static bool
records_are_sound(const BcdRecords *records, bool below)
{
	const BcdField *field;
	int			i;

	for (i = 0; i < records->nfields; i++)
		if ((i > 0 && strcmp(records->fields[i - 1].name, records->fields[i].name) >= 0) ||
			strcmp(records->fields[i].name, "id") == 0 ||
			(records->fields[i].type == BCD_RECORDS && !(records->fields[i].flags & BCD_F_CHOICES) &&
			 (records->fields[i].records == NULL || !records_are_sound(records->fields[i].records, true))))
			return false;
	/* a set of ids */
	if (records->bare && (records->nfields != 1 || records->fields[0].type != BCD_INTEGER || records->key[1]))
		return false;
	if (records->unique && ((field = bcd_records_field(records, records->unique)) == NULL || field->type != BCD_STRING))
		return false;
	for (i = 0; records->key[i]; i++)
	{
		field = bcd_records_field(records, records->key[i]);
		if (field == NULL || !(field->flags & BCD_F_REQUIRED || !below) || (field->flags & BCD_F_WRITE_ONLY && records->file == NULL))
			return false;
	}
	return records->kin <= i;
}

static bool
names_facet(const BcdResource *resource, const char *name)
{
	int			i;

	for (i = 1; i < resource->nfacets; i++)
		if (strcmp(resource->facets[i].name, name) == 0)
			return true;
	return false;
}

/* Is a value one of those that a field may have? */
static bool
has_value(const BcdField *field, const char *value)
{
	int			i;

	for (i = 0; field->values && field->values[i]; i++)
		if (strcmp(field->values[i], value) == 0)
			return true;
	return field->values == NULL;
}

/* The members of an object: which has a value if another one has which? */
static bool
object_is_sound(const BcdRecords *object)
{
	bool		sound = object->key == NULL && object->nfields > 0;
	int			i;

	for (i = 0; i < object->nfields; i++)
	{
		const BcdField *field = &object->fields[i];
		const BcdField *other = field->only_if ? bcd_records_field(object, field->only_if) : NULL;
		const char *value = field->equals ? field->equals : field->differs;

		sound &= i == 0 || strcmp(field[-1].name, field->name) < 0;
		sound &= (field->only_if == NULL) == (value == NULL) && (field->equals == NULL || field->differs == NULL);
		sound &= value == NULL || (other && (other->flags & BCD_F_REQUIRED) && has_value(other, value));
		sound &= field->refers_by == NULL || (field->type == BCD_INTEGER && bcd_records_field(object, field->refers_by)->values);
	}
	return sound;
}

static void
test_fields(const BcdResource *resource)
{
	bool		sorted = true;
	bool		found = true;
	bool		sound = true;
	int			i;

	for (i = 0; i < resource->nfields; i++)
	{
		const BcdField *field = &resource->fields[i];
		bool		number = field->type == BCD_NUMBER;
		bool		array = field->type == BCD_INTEGERS || field->type == BCD_STRINGS;

		if (i > 0)
			sorted &= strcmp(field[-1].name, field->name) < 0;
		found &= bcd_resource_field(resource, field->name) == field;
		sound &= number == (field->scale >= 0);
		sound &= field->type == BCD_OBJECT ? field->records == NULL || object_is_sound(field->records) :
			(field->type == BCD_RECORDS) == (field->records != NULL || (field->flags & BCD_F_CHOICES) != 0) &&
			(field->records == NULL || (records_are_sound(field->records, field->facet != NULL) && (field->max > 0 || field->facet == NULL)));
		sound &= field->values == NULL || (field->type == BCD_STRING && is_a_set(field->values));
		sound &= !(field->flags & BCD_F_SET) || array || field->flags & BCD_F_CHOICES || (field->records && !BCD_IS_COLLECTION(field));
		sound &= !(field->flags & BCD_F_SOME) || field->flags & BCD_F_SET;
		sound &= !BCD_IS_COLLECTION(field) || field->records->key[0];
		sound &= field->refers_to == NULL || field->type == BCD_INTEGER || field->type == BCD_INTEGERS;
		sound &= field->refers_to == NULL || bcd_resource_find(field->refers_to) != NULL;
		sound &= !(field->flags & (BCD_F_HTML | BCD_F_NO_CASE | BCD_F_EMAIL)) || field->type == BCD_STRING || field->flags & BCD_F_CHOICES;
		sound &= !(field->flags & BCD_F_CHOICES) || field->type == BCD_RECORDS;
		/* what cannot be changed is neither compared nor looked up */
		sound &= !(field->flags & BCD_F_CREATE_ONLY) ||
			(field->flags & BCD_F_WRITE_ONLY && !bcd_resource_identifies(resource, field->name));
		sound &= resource->id == NULL || strcmp(field->name, resource->id) != 0;
		sound &= field->facet == NULL || names_facet(resource, field->facet);
		sound &= field->typed_by == NULL || (field->type == BCD_STRING && bcd_resource_field(resource, field->typed_by)->refers_to &&
											 bcd_resource_field(bcd_resource_find(bcd_resource_field(resource, field->typed_by)->refers_to), "type"));
	}
	ok(sorted, "%s: the fields are sorted, no one is there twice", resource->name);
	ok(found, "%s: each is found", resource->name);
	ok(sound, "%s: their properties fit their types", resource->name);
	ok(bcd_resource_field(resource, "no_such_field") == NULL, "%s: others are not", resource->name);
	ok(bcd_resource_field(resource, "") == NULL, "%s: nor is none", resource->name);
}

/* The field that records of a resource show by this name, or NULL */
static const BcdField *
field_shown(const BcdResource *resource, const char *name)
{
	const BcdField *field = bcd_resource_field(resource, name);

	if (field && bcd_resource_shows(resource, field))
		return field;
	return bcd_resource_shown(resource, name);
}

/* Can a filter of this kind be compared with a value of this type? */
static bool
filter_fits(const BcdFilter *filter, BcdType type)
{
	static const struct
	{
		BcdFilterBy by;
		const char *ending;
	}			endings[] = {{BCD_BY_IN, ":in"}, {BCD_BY_MIN, ":min"}, {BCD_BY_MAX, ":max"}, {BCD_BY_GREATER, ":greater"}, {BCD_BY_LESS, ":less"}};
	const char *colon = strchr(filter->parameter, ':');
	int			i;

	for (i = 0; i < lengthof(endings); i++)
		if (filter->by == endings[i].by && (colon == NULL || strcmp(colon, endings[i].ending) != 0))
			return false;
	if (filter->by == BCD_BY_EQUAL || filter->by == BCD_BY_IN)
		return (filter->by == BCD_BY_IN || colon == NULL) &&
			(type == BCD_STRING || type == BCD_INTEGER || (type == BCD_BOOLEAN && filter->by == BCD_BY_EQUAL));
	return type == BCD_INTEGER || type == BCD_DATETIME;
}

/* What can be read, and what a list can be limited by */
static void
test_reading(const BcdResource *resource)
{
	const BcdFilter *filter;
	const BcdFilter *other;
	const BcdIncluded *part;
	bool		sorted = true;
	bool		apart = true;
	bool		sound = true;
	bool		unique = true;
	int			i;

	for (i = 0; i < resource->nshown; i++)
	{
		const BcdField *field = &resource->shown[i];

		sorted &= i == 0 || strcmp(field[-1].name, field->name) < 0;
		apart &= bcd_resource_field(resource, field->name) == NULL && bcd_resource_shown(resource, field->name) == field &&
			bcd_resource_shows(resource, field) && strcmp(field->name, resource->id) != 0 && strcmp(field->name, "raw") != 0;
	}
	for (i = 0; i < resource->nfields; i++)
	{
		apart &= bcd_resource_shown(resource, resource->fields[i].name) == NULL && strcmp(resource->fields[i].name, "raw") != 0;
		sound &= !(resource->fields[i].flags & BCD_F_SHOWN) || resource->fields[i].flags & BCD_F_WRITE_ONLY;
	}
	ok(sorted, "%s: what can only be read is sorted", resource->name);
	ok(apart, "%s: and is none of what can be written", resource->name);
	for (part = resource->parts; part && part->field; part++)
		sound &= field_shown(resource, part->field) != NULL && part->include[0] && bcd_resource_part(resource, part->field) == part;
	ok(sound, "%s: what is asked for by include is shown then", resource->name);
	sound = resource->list.endpoint != NULL || (resource->filters == NULL && resource->parts == NULL && resource->nshown == 0);
	for (filter = resource->filters; filter && filter->field; filter++)
	{
		bool		is_id = resource->id && strcmp(filter->field, resource->id) == 0;
		const BcdField *field = is_id ? NULL : field_shown(resource, filter->field);
		BcdType		type = field ? field->type : BCD_INTEGER;

		sound &= (is_id || field) && filter_fits(filter, type);
		sound &= !filter->exact || type == BCD_INTEGER || type == BCD_BOOLEAN || field->values;
		sound &= !filter->not_zero || (field && field->refers_to);
		for (other = resource->filters; other < filter; other++)
			unique &= strcmp(other->parameter, filter->parameter) != 0 &&
				(other->by != filter->by || strcmp(other->field, filter->field) != 0);
	}
	ok(sound, "%s: its list is limited by what it shows, and exactly only where that is certain", resource->name);
	ok(unique, "%s: in one way each", resource->name);
}

/*
 * Are all placeholders of a template known: the id, or a field?  And is each of
 * them closed?
 */
static bool
placeholders_known(const BcdResource *resource, const char *template, const BcdRecords *elements)
{
	const char *at = template;

	if (at == NULL)
		return true;
	while ((at = strpbrk(at, "{}")) != NULL)
	{
		char		name[64];
		size_t		len = strcspn(at + 1, "{}");

		if (*at != '{' || at[1 + len] != '}' || len == 0 || len >= sizeof(name))
			return false;
		snprintf(name, sizeof(name), "%.*s", (int) (strchr(",?", at[len]) ? len - 1 : len), at + 1);
		if (strcmp(name, "id") != 0 && strcmp(name, "parent") != 0 && (elements == NULL || strcmp(name, "element") != 0) && bcd_resource_field(resource, name) == NULL &&
			(elements == NULL || bcd_records_field(elements, name) == NULL) &&
			(resource->keys[0].one_of == NULL || (strcmp(name, "identity") != 0 && strcmp(name, "identity_name") != 0)))
			return false;
		at += 1 + len + 1;
	}
	return true;
}

/* Does a template lead to more than one record, or to one? */
static bool
has_list(const char *template)
{
	return template && strstr(template, ",}");
}

/* Does a query list all records that are asked for? If there are few, it may list all. */
static bool
lists_all(const BcdResource *resource, const char *query)
{
	return has_list(query) || (resource->small && strchr(query, '{') == NULL);
}

static void
test_view(const BcdResource *resource, const BcdView *view, const char *what)
{
	const BcdEndpoint *endpoint = view->endpoint;

	ok(endpoint == NULL || (strcmp(endpoint->method, "GET") == 0 && endpoint->body == BCD_NO_BODY &&
							placeholders_known(resource, endpoint->path, NULL) &&
							placeholders_known(resource, view->query, NULL)),
	   "%s: %s is sound", resource->name, what);
	/* a page has them all: nothing is found on a second one */
	ok(endpoint == NULL || (endpoint->batch >= 1 && endpoint->batch <= (resource->id ? BCD_PAGE_LIMIT : 4 * BCD_PAGE_LIMIT)),
	   "%s: %s fits a page", resource->name, what);
}

/* Are the parts of a key fields that are read back, none of them twice? */
static bool
are_parts(const BcdResource *resource, const BcdMadeOf *parts)
{
	int			i;
	int			j;

	for (i = 0; parts[i].field; i++)
	{
		const BcdField *field = bcd_resource_field(resource, parts[i].field);

		if (field == NULL || field->flags & BCD_F_WRITE_ONLY || (field->type != BCD_STRING && field->type != BCD_INTEGER))
			return false;
		for (j = 0; j < i; j++)
			if (strcmp(parts[i].field, parts[j].field) == 0)
				return false;
	}
	return i > 0;
}

/* Is a key made of fields: what limits it before the text, none of them twice? */
static bool
is_tuple(const BcdResource *resource, const BcdKey *key)
{
	int			i;
	int			j;

	for (i = 0; key->fields[i]; i++)
	{
		const BcdField *field = bcd_resource_field(resource, key->fields[i]);

		/* the text of a key that is made of fields is none */
		if (key->made_of && key->fields[i + 1] == NULL)
			return i > 0 && field == NULL && are_parts(resource, key->made_of);
		if (field == NULL || field->flags & BCD_F_WRITE_ONLY ||
			(key->fields[i + 1] && field->type != BCD_INTEGER && (resource->within == NULL || strcmp(resource->within, field->name) != 0)))
			return false;
		for (j = 0; j < i; j++)
			if (strcmp(key->fields[i], key->fields[j]) == 0)
				return false;
	}
	return i > 0;
}

static void
test_keys(const BcdResource *resource)
{
	bool		natural = resource->keys[0].fields != NULL;
	bool		findable = true;
	bool		made_of_fields = true;
	const char *name;
	int			i;

	for (i = 0; (name = bcd_resource_key(resource, i)) != NULL; i++)
	{
		const BcdField *field = bcd_resource_field(resource, name);
		const BcdKey *key = &resource->keys[i];

		natural &= key->made_of || (field != NULL && field->type == BCD_STRING && !(field->flags & BCD_F_WRITE_ONLY));
		made_of_fields &= is_tuple(resource, key);
		/* nothing but its parent leads to a text that the API does not know */
		findable &= key->made_of ? key->one.endpoint == NULL && key->many.siblings :
			key->one.endpoint ? strstr(key->one.query, psprintf("{%s}", name)) != NULL : resource->small;
		findable &= key->many.endpoint == NULL || lists_all(resource, key->many.query);
		test_view(resource, &key->one, "a look-up");
		test_view(resource, &key->many, "a look-up of many");
	}
	ok(i > 0 && i <= BCD_MAX_KEYS, "%s: it has keys", resource->name);
	ok(natural, "%s: they are texts that are read back", resource->name);
	ok(made_of_fields, "%s: among records with the same ids in other fields", resource->name);
	ok(findable, "%s: records are looked up by each of them", resource->name);
	ok(resource->small || resource->keys[0].many.endpoint, "%s: many of them at once", resource->name);
}

/* Are the parts of an address fields that are read back, none of them twice? */
static void
test_address(const BcdResource *resource)
{
	const BcdKey *key = &resource->keys[0];
	const char *const *lists[] = {key->fields, key->one_of};
	int			parts = 0;
	bool		sound = true;
	int			i;
	int			j;

	for (i = 0; i < lengthof(lists); i++)
		for (j = 0; lists[i] && lists[i][j]; j++)
		{
			const BcdField *field = bcd_resource_field(resource, lists[i][j]);

			sound &= field && (field->type == BCD_STRING || (field->type == BCD_INTEGER && field->min >= 0)) &&
				!(field->flags & BCD_F_WRITE_ONLY) && field->facet == NULL &&
				(i > 0) == !(field->flags & BCD_F_REQUIRED);
			parts++;
		}
	ok(sound && parts > 0 && resource->keys[1].fields == NULL, "%s: its address is made of fields that a row must have", resource->name);
	ok(bcd_resource_key(resource, 0) == NULL, "%s: it has no natural key", resource->name);
}

/* Does a shape name fields that there are? */
static void
test_shape(const BcdResource *resource)
{
	const BcdPlace *place = resource->shape ? resource->shape->places : NULL;
	bool		sound = true;

	for (; place && place->field; place++)
		sound &= has_field(resource, place->field) && place->path[0] && (!place->above || resource->shape->below);
	ok(sound, "%s: its replies are described by its fields", resource->name);
}

/* What is sent of a record: one of a facet's actions */
static bool
action_is_sound(const BcdResource *resource, const BcdAction *action, const BcdRecords *elements)
{
	const BcdEndpoint *endpoint = action->endpoint;
	bool		by_id;

	if (endpoint == NULL)
		return action->query == NULL && action->needs == NULL;
	by_id = strstr(endpoint->path, "{id}") != NULL;
	return endpoint->path[0] == '/' && endpoint->batch >= 1 && endpoint->concurrent >= 0 &&
		placeholders_known(resource, endpoint->path, elements) && placeholders_known(resource, action->query, elements) &&
		has_field(resource, action->needs) &&
		(!by_id || (endpoint->batch == 1 && !endpoint->assumed)) &&
		(endpoint->batch == 1 || endpoint->body == BCD_ARRAY || endpoint->body == BCD_IDS || has_list(action->query)) &&
	/* ids in a URL, of which a page has no more than that */
		(!has_list(action->query) || endpoint->batch <= BCD_PAGE_LIMIT) &&
		(endpoint->body == BCD_NO_BODY || endpoint->body == BCD_IDS) == (strcmp(endpoint->method, "DELETE") == 0) &&
		endpoint->reply != NULL && (!endpoint->narrows || endpoint->reply->records) &&
		(endpoint->inside == NULL || endpoint->body == BCD_ARRAY) &&
		(endpoint->beside == NULL || endpoint->inside) &&
	/* what waits for all other writes waits for its like */
		(!endpoint->alone || endpoint->concurrent == 1);
}

/* Does a list of members name each once, and take fields of the facet? */
static bool
members_are_sound(const BcdResource *resource, const BcdFacet *facet, const BcdMember *members)
{
	int			i;
	int			j;

	for (i = 0; members && members[i].name; i++)
	{
		const BcdMember *m = &members[i];

		if (m->from == BCD_FROM_IDENTITY && resource->keys[0].one_of == NULL)
			return false;
		if (m->from == BCD_FROM_NOTHING || (m->from == BCD_FROM_CONSTANT && m->otherwise == NULL) ||
			((m->from == BCD_FROM_FIELD || m->from == BCD_FROM_OPTION || m->from == BCD_FROM_DIFFERENCE) != (m->what != NULL)))
			return false;
		/* those of a collection are its elements' */
		if (m->from == BCD_FROM_FIELD && facet->collection == NULL && !has_field(resource, m->what))
			return false;
		for (j = 0; j < i; j++)
			if (strcmp(members[j].name, m->name) == 0)
				return false;
	}
	return true;
}

static int
fields_of(const BcdResource *resource, const BcdFacet *facet)
{
	int			n = 0;
	int			i;

	for (i = 0; i < resource->nfields; i++)
		n += bcd_resource_facet_of(resource, &resource->fields[i]) == facet;
	return n;
}

/* A part of a record that is not its first */
static void
test_part(const BcdResource *resource, const BcdFacet *facet)
{
	const BcdField *collection = facet->collection ? bcd_resource_field(resource, facet->collection) : NULL;
	const BcdField *condition = facet->if_field ? bcd_resource_field(resource, facet->if_field) : NULL;
	const BcdFacet *other;
	bool		unique = true;

	for (other = &resource->facets[1]; other < facet; other++)
		unique &= strcmp(other->name, facet->name) != 0;
	ok(unique, "%s: its name is its own: %s", resource->name, facet->name);
	ok(facet->inside ? collection && bcd_records_field(collection->records, facet->inside) &&
	   strcmp(bcd_records_field(collection->records, facet->inside)->facet, facet->name) == 0 :
	   facet->changes_of ? bcd_resource_facet_of(resource, bcd_resource_field(resource, facet->changes_of)) == resource->facets :
	   fields_of(resource, facet) > 0, "%s: it has fields, or writes changes of one", facet->name);
	ok((facet->by_option == NULL) == (facet->by_value == NULL) && (facet->changes_of || facet->by_option == NULL) &&
	   (facet->not_below == NULL || bcd_resource_field(resource, facet->not_below)), "%s: it is chosen by an option", facet->name);
	ok(facet->collection == NULL || (collection && collection->type == BCD_RECORDS &&
									 (facet->inside || bcd_resource_facet_of(resource, collection) == facet) && collection->records),
	   "%s: or records below, which have keys", facet->name);
	ok((facet->if_field == NULL) == (facet->if_value == NULL) &&
	   (facet->if_field == NULL || (condition && has_value(condition, facet->if_value))),
	   "%s: it depends on a value that the field may have", facet->name);
	ok(members_are_sound(resource, facet, facet->create.members) &&
	   members_are_sound(resource, facet, facet->update.members) &&
	   members_are_sound(resource, facet, facet->remove.members),
	   "%s: the members of its bodies are known", facet->name);
}

/* Can every element be repeated in an update as it was read? */
static bool
are_shown(const BcdRecords *records)
{
	int			i;

	for (i = 0; i < records->nfields; i++)
		if (records->fields[i].flags & BCD_F_WRITE_ONLY || records->fields[i].records)
			return false;
	return true;
}

/* Elements that are written by an update of their record */
static void
test_together(const BcdResource *resource, const BcdFacet *facet, const BcdRecords *elements)
{
	const BcdEndpoint *endpoint = facet->together.endpoint;

	if (endpoint == NULL)
		return;
	ok(resource->id && elements && facet->inside == NULL && facet->alone.endpoint == NULL && facet->create.endpoint && are_shown(elements),
	   "%s: %s is a collection of which replies show everything", resource->name, facet->name);
	ok(action_is_sound(resource, &facet->together, elements) && strcmp(endpoint->method, resource->facets->update.endpoint->method) == 0 &&
	   strcmp(endpoint->path, resource->facets->update.endpoint->path) == 0 && endpoint->body == BCD_ARRAY &&
	   endpoint->reply->records && endpoint->parents <= resource->facets->update.endpoint->batch && endpoint->parents > 1,
	   "%s: %s is written where the record is, for as many records", resource->name, facet->name);
	ok(facet->together.whole && facet->update.whole && facet->together.members == NULL && facet->create.members == NULL,
	   "%s: %s is sent as by the requests for one element", resource->name, facet->name);
}

static void
test_facets(const BcdResource *resource)
{
	int			i;

	ok(resource->nfacets >= 1 && resource->facets[0].name == NULL &&
	   (resource->id ? resource->facets[0].create.endpoint && (resource->facets[0].create.endpoint->reply->records || resource->facets[0].create.endpoint->reply->delay_ms > 0) :
		resource->facets[0].create.endpoint == NULL && resource->facets[0].update.endpoint && resource->facets[0].update.whole),
	   "%s: the first facet makes the record, and learns its id if it has one, at least later", resource->name);
	for (i = 0; i < resource->nfacets; i++)
	{
		const BcdFacet *facet = &resource->facets[i];
		const BcdEndpoint *remove = facet->remove.endpoint;
		const BcdField *collection = facet->collection ? bcd_resource_field(resource, facet->collection) : NULL;
		const BcdRecords *elements = collection ? collection->records : NULL;

		ok(action_is_sound(resource, &facet->create, elements) && action_is_sound(resource, &facet->update, elements) &&
		   action_is_sound(resource, &facet->remove, elements),
		   "%s: the endpoints of facet %d are sound", resource->name, i);
		test_view(resource, &facet->list, "reading elements");
		ok(facet->list.endpoint == NULL || (facet->collection && facet->create.members), "%s: which tell their record", resource->name);
		/* a delete without an id might delete everything */
		ok(remove == NULL || remove->body != BCD_NO_BODY || strstr(remove->path, "{id}") ||
		   (facet->remove.query && (strstr(facet->remove.query, "id:in={id,}") ||
									((resource->id == NULL || (elements && elements->bare)) && has_list(facet->remove.query)))),
		   "%s: its delete names ids", resource->name);
		if (i > 0)
			test_part(resource, facet);
		test_together(resource, facet, elements);
	}
}

static bool
names_no_adjustments(const BcdResource *resource)
{
	int			i;

	for (i = 0; i < resource->nfacets; i++)
	{
		const BcdEndpoint *update = resource->facets[i].update.endpoint;

		if (update && update->once && update->reply->records)
			return false;
	}
	return true;
}

static void
test_descriptor(const BcdResource *resource)
{
	const BcdField *defaulted = resource->defaulted ?
	bcd_resource_field(resource, resource->defaulted) : NULL;

	ok(has_field(resource, resource->parent) && has_field(resource, resource->hidden_by) &&
	   has_field(resource, resource->defaulted),
	   "%s: the fields with a part to play exist", resource->name);
	ok(resource->hidden_by == NULL ||
	   bcd_resource_field(resource, resource->hidden_by)->type == BCD_BOOLEAN,
	   "%s: it is hidden by a boolean", resource->name);
	ok(resource->defaulted == NULL || (defaulted->otherwise &&
									   strchr(defaulted->otherwise->path, '{') == NULL &&
									   has_field(resource, defaulted->otherwise->beside)),
	   "%s: the default is described", resource->name);
	test_view(resource, &resource->view, "reading by id");
	ok((resource->view.siblings && resource->parent == NULL) || resource->view.whole || lists_all(resource, resource->view.query), "%s: a page of them", resource->name);
	test_view(resource, &resource->list, "reading all");
	ok(bcd_resource_find(resource->name) == resource, "%s: it is found", resource->name);
	ok(names_no_adjustments(resource), "%s: no reply says which of several adjustments were made, so all are read", resource->name);
}

#define MOST_ENDPOINTS	1000

static const BcdEndpoint *endpoints[MOST_ENDPOINTS];
static int	nendpoints = 0;

/* An endpoint of the registry: false if another object has its method and path */
static bool
is_alone(const BcdEndpoint *endpoint)
{
	int			i;

	if (endpoint == NULL)
		return true;
	for (i = 0; i < nendpoints; i++)
	{
		if (endpoints[i] == endpoint)
			return true;
		if (strcmp(endpoints[i]->method, endpoint->method) == 0 &&
			strcmp(endpoints[i]->path, endpoint->path) == 0)
			return false;
	}
	Assert(nendpoints < MOST_ENDPOINTS);
	endpoints[nendpoints++] = endpoint;
	return true;
}

/* What the store teaches of an endpoint is kept with the object. */
static void
test_endpoints_are_unique(const BcdResource *resource)
{
	bool		unique = is_alone(resource->view.endpoint) && is_alone(resource->list.endpoint);
	int			i;

	for (i = 0; resource->keys[i].fields; i++)
		unique &= is_alone(resource->keys[i].one.endpoint) && is_alone(resource->keys[i].many.endpoint);
	for (i = 0; i < resource->nfacets; i++)
		unique &= is_alone(resource->facets[i].create.endpoint) &&
			is_alone(resource->facets[i].update.endpoint) &&
			is_alone(resource->facets[i].remove.endpoint);
	ok(unique, "%s: an endpoint is one object, whoever uses it", resource->name);
}

/* Made-up resources whose fields refer to others */
#define REFERS_TO(a, b) \
	.fields = (const BcdField[]) {{"one", BCD_INTEGER, .refers_to = a}, {"two", BCD_INTEGERS, .refers_to = b}}, .nfields = 2

static const BcdResource alone = {.name = "alone"};
static const BcdResource self = {.name = "self", REFERS_TO("self", NULL)};
static const BcdResource child = {.name = "child", REFERS_TO("alone", "self")};
static const BcdResource last = {.name = "last", REFERS_TO("alone", "child")};
static const BcdResource circle_a = {.name = "a", REFERS_TO("alone", "b")};
static const BcdResource circle_b = {.name = "b", REFERS_TO("c", "self")};
static const BcdResource circle_c = {.name = "c", REFERS_TO("a", NULL)};
static const BcdResource leads_there = {.name = "leads_there", REFERS_TO("b", NULL)};
static const BcdResource circle_x = {.name = "x", REFERS_TO("y", NULL)};
static const BcdResource circle_y = {.name = "y", REFERS_TO("y", "x")};
static const BcdResource lost = {.name = "lost", REFERS_TO("alone", "nobody")};
static const BcdResource *const list[] = {&last, &child, &self, &alone, &circle_a, &circle_b, &circle_c, &leads_there, &circle_x, &circle_y, &lost};

#define RANK(resource)	bcd_dependency_rank(list, lengthof(list), &resource)

static void
test_dependencies(void)
{
	ok(RANK(alone) < RANK(child) && RANK(self) < RANK(child) && RANK(child) < RANK(last),
	   "a resource comes after those that it refers to, wherever it is in the list");
	ok(RANK(self) < RANK(alone), "those that do not refer to each other are in the order of the list");
	raises(RANK(circle_a), "a circle of references is an error");
	is_text(raised_text, "resources refer to each other in a circle: \"a\", \"b\", \"c\"", "it names them");
	raises(RANK(leads_there), "and so is one that the references lead to");
	is_text(raised_text, "resources refer to each other in a circle: \"b\", \"c\", \"a\"",
			"of which the resource is no part");
	raises(RANK(circle_x), "two can be a circle");
	is_text(raised_text, "resources refer to each other in a circle: \"x\", \"y\"", "one of which refers to itself as well");
	raises(RANK(lost), "a reference to a resource that is not in the list");
	is_text(raised_text, "field \"two\" of resource \"lost\" refers to unknown resource \"nobody\"", "is an error");
}

/* The most that a field may have; a field that there is not may have -2 */
static long long
most(const BcdResource *resource, const char *name)
{
	const BcdField *field = bcd_resource_field(resource, name);

	return field ? (long long) field->max : -2;
}

static void
test_customers(const BcdResource *customer)
{
	static const char *const unwritable[] = {"id", "authentication", "password", "registration_ip_address", "date_created",
	"date_modified", "address_count", "attribute_count"};
	const BcdFacet *facet = &customer->facets[0];
	int			required = 0;
	int			i;

	for (i = 0; i < lengthof(unwritable); i++)
		ok(bcd_resource_field(customer, unwritable[i]) == NULL, "customer: no field %s", unwritable[i]);
	for (i = 0; i < customer->nfields; i++)
		required += (customer->fields[i].flags & BCD_F_REQUIRED) != 0;
	is_int(customer->nfields, 16, "customer: number of fields in the vendor's document, without passwords");
	is_int(required, 3, "customer: of which a new one needs three");
	is_int(most(customer, "email"), 250, "customer email: the lower of two limits");
	is_int(most(customer, "first_name"), 100, "customer first_name");
	is_int(most(customer, "phone"), 50, "customer phone");
	ok(bcd_resource_field(customer, "trigger_account_created_notification")->flags & BCD_F_CREATE_ONLY,
	   "a mail of welcome is asked for by a create alone");
	ok(bcd_resource_field(customer, "addresses")->flags & BCD_F_CREATE_ONLY && bcd_resource_field(customer, "attributes")->flags & BCD_F_CREATE_ONLY,
	   "so are addresses and attributes, which an update ignores");
	is_int(facet->create.endpoint->batch, 10, "customers are made by ten");
	is_int(facet->update.endpoint->batch, 10, "and changed by ten");
	is_int(facet->update.endpoint->concurrent, 3, "three requests at a time");
	ok(facet->remove.endpoint->assumed, "the size of a delete is assumed");
	ok(customer->keys[0].shared && bcd_resource_find("product")->keys[0].many.endpoint && !bcd_resource_find("product")->keys[0].shared,
	   "several customers may have one address, but no products one number");
	ok(!customer->list.endpoint->narrows && !customer->view.endpoint->narrows && !customer->keys[0].many.endpoint->narrows,
	   "their lists cannot be narrowed");
}

/* Those of all kinds of parents are alike. */
static void
test_metafields(void)
{
	static const char *const parents[] = {"product", "variant", "brand", "category", "customer"};
	int			i;

	for (i = 0; i < lengthof(parents); i++)
	{
		const BcdResource *r = bcd_resource_find(psprintf("%s_metafield", parents[i]));
		const BcdFacet *facet = &r->facets[0];

		ok(r->nfields == 6, "%s: number of fields in the vendor's document", r->name);
		ok(most(r, "value") == 65535 && most(r, "key") == 64 && most(r, "namespace") == 64, "%s: the limits of its texts", r->name);
		ok(strcmp(bcd_resource_field(r, "resource_id")->refers_to, parents[i]) == 0, "%s: below its parents", r->name);
		ok(r->guarded && facet->create.endpoint->reply->keeps_some && facet->create.endpoint->reply->records,
		   "%s: the store refuses a second one, and says what it saved of a batch", r->name);
		ok((facet->remove.endpoint->body == BCD_IDS) == (strcmp(parents[i], "customer") != 0),
		   "%s: a delete of several has their ids as its body, where that is documented", r->name);
	}
}

static void
test_below_customers(const BcdResource *address, const BcdResource *value)
{
	const BcdMadeOf *part = address->keys[0].made_of;
	int			i;

	is_int(address->nfields, 13, "customer_address: number of fields in the vendor's document");
	for (i = 0; part[i].field; i++)
		;
	is_int(i + 2, address->nfields, "an address is known by all of them but its form fields, below its customer");
	is_int(most(address, "city"), 100, "customer_address city");
	is_int(most(address, "country_code"), 2, "customer_address country_code");
	is_int(address->facets[0].create.endpoint->concurrent, 10, "ten creates at a time");
	is_int(address->facets[0].update.endpoint->concurrent, 3, "three updates");
	is_int(value->facets[0].update.endpoint->parents, 10, "values are written for ten customers");
	ok(value->upserts && value->facets[0].create.endpoint == value->facets[0].update.endpoint, "values are made and changed alike");
	ok(bcd_resource_made_key(address, "address") == &address->keys[0] && bcd_resource_made_key(address, "city") == NULL &&
	   bcd_resource_made_key(bcd_resource_find("product"), NULL) == NULL, "a key that is made of fields is known by its name");
	ok(bcd_resource_identifies(address, "city") && !bcd_resource_identifies(value, "value"), "the fields that it is made of identify a record");
	ok(bcd_resource_rank(value) > bcd_resource_rank(bcd_resource_find("customer_attribute")) &&
	   bcd_resource_rank(value) > bcd_resource_rank(bcd_resource_find("customer")), "values come after what they belong to");
}

static void
test_redirects(const BcdResource *redirect)
{
	const BcdFacet *facet = &redirect->facets[0];

	is_int(redirect->nfields, 3, "redirect: number of fields in the vendor's document");
	is_int(most(redirect, "from_path"), 2048, "redirect from_path");
	ok(facet->create.endpoint == facet->update.endpoint && redirect->upserts, "redirects are made and changed alike");
	is_int(facet->update.endpoint->batch, 50, "fifty at a time");
	ok(strstr(facet->remove.query, "site_id") == NULL, "a delete does not name a site, all of whose redirects would go");
	ok(bcd_resource_field(redirect, "from_path")->flags & BCD_F_PLACE && bcd_resource_field(redirect, "site_id")->flags & BCD_F_PLACE,
	   "another path or site is another redirect");
	ok(!bcd_resource_is_own_parent(redirect) && bcd_resource_is_own_parent(bcd_resource_find("category")), "a site is no redirect, but a category is below another one");
	ok(bcd_resource_rank(redirect) > bcd_resource_rank(bcd_resource_find("product")), "redirects come after what they lead to");
}

/* How many parameters limit the list */
static int
count_filters(const BcdResource *resource)
{
	int			n = 0;

	while (resource->filters[n].field)
		n++;
	return n;
}

static void
test_what_is_read(void)
{
	const BcdResource *product = bcd_resource_find("product");
	const BcdResource *customer = bcd_resource_find("customer");

	is_int(count_filters(product), 17, "product: number of filters");
	is_int(count_filters(customer), 9, "customer: likewise");
	is_int(count_filters(bcd_resource_find("variant")), 4, "variant: likewise");
	is_int(product->nshown, 9, "product: number of fields in the vendor's document that can only be read");
	ok(!bcd_resource_shows(product, bcd_resource_field(product, "brand_name")), "the name of a brand is never shown");
	ok(bcd_resource_shows(product, bcd_resource_field(product, "total_sold")), "what has been sold is");
	ok(!bcd_resource_shows(product, bcd_resource_field(product, "metafields")), "metafields are not in the list of products");
	ok(bcd_resource_shows(product, bcd_resource_field(product, "images")), "images are");
	is_int(bcd_resource_part(product, "options")->page, 10, "with options, a page has ten products");
	ok(bcd_resource_part(product, "name") == NULL && bcd_resource_part(bcd_resource_find("brand"), "name") == NULL,
	   "a name is shown by itself");
	is_text(bcd_resource_part(customer, "form_fields")->include, "formfields", "what a part is asked for by");
	ok(!bcd_resource_shows(customer, bcd_resource_field(customer, "trigger_account_created_notification")),
	   "whether a mail was sent is not shown");
}

/* What named() finds */
static void
test_name_lists(void)
{
	const BcdNameList *list;
	uint32		bits = 0;
	int			n;

	for (n = 0; (list = bcd_names_nth(n)) != NULL; n++)
	{
		ok(bcd_names_find(list->resource) == list && list->path[0] == '/' && list->words[0] && list->id[0] && list->name[0],
		   "list of %s: it is described, and found", list->words);
		ok(!(bits & bcd_names_bit(list)), "list of %s: it has a bit of its own", list->words);
		bits |= bcd_names_bit(list);
	}
	is_int(n, 8, "number of lists");
	ok(bcd_names_find("nothing") == NULL && bcd_names_nth(-1) == NULL, "no others");
}

static void
test_locations_and_groups(void)
{
	const BcdResource *location = bcd_resource_find("location");
	const BcdResource *group = bcd_resource_find("customer_group");

	is_int(bcd_resource_find("category")->most, 16000, "categories of a store");
	is_int(bcd_resource_find("brand")->most, 30000, "brands of a store");
	is_int(location->nfields, 11, "location: number of fields in the vendor's document");
	is_int(group->nfields, 5, "customer_group: likewise");
	ok(location->facets[0].create.endpoint->reply->records == NULL, "replies name no location");
	ok(bcd_resource_rank(location) < bcd_resource_rank(bcd_resource_find("inventory")), "stock comes after its locations");
	ok(bcd_resource_rank(group) < bcd_resource_rank(bcd_resource_find("customer")) &&
	   bcd_resource_rank(group) > bcd_resource_rank(bcd_resource_find("product")), "groups come after products, and before customers");
	ok(group->keys[0].shared && group->facets[0].remove.query == NULL, "several groups may have one name, and none is deleted by it");
}

/* What new variants need: which records show it, and how many of them at a time? */
static void
test_choices(const BcdResource *product)
{
	const BcdChoices *choices = bcd_resource_find("variant")->facets[0].choices;
	const BcdIncluded *part = bcd_resource_part(product, choices->member);
	char		limit[20];
	char		include[40];

	snprintf(limit, sizeof(limit), "limit=%d", choices->page);
	snprintf(include, sizeof(include), "include=%s", part->include);
	is_int(choices->page, part->page, "as many products are on a page with options as wherever else these are asked for");
	ok(strcmp(choices->shown.endpoint->path, product->list.endpoint->path) == 0, "in the list of products");
	ok(strstr(choices->shown.query, limit) && strstr(choices->shown.query, include) && strstr(choices->shown.query, "id:in={product_id,}"),
	   "which shows them, of the products that are asked for, in a page");
	is_int(choices->most_values, 250, "values of an option");
	is_int(choices->most_records, 600, "variants of a product");
}

static void
test_facts(void)
{
	const BcdResource *product = bcd_resource_find("product");
	const BcdResource *category = bcd_resource_find("category");
	const BcdResource *brand = bcd_resource_find("brand");
	static const char *const unwritable[] = {"id", "date_created", "date_modified",
		"calculated_price", "base_variant_id",
	"options"};
	int			i;
	char	   *names;

	for (i = 0; i < lengthof(unwritable); i++)
		ok(bcd_resource_field(product, unwritable[i]) == NULL, "product: no field %s", unwritable[i]);
	test_customers(bcd_resource_find("customer"));
	test_below_customers(bcd_resource_find("customer_address"), bcd_resource_find("customer_attribute_value"));
	test_metafields();
	test_redirects(bcd_resource_find("redirect"));
	test_name_lists();
	test_what_is_read();
	test_locations_and_groups();
	test_choices(product);
	is_int(bcd_resource_find("price_list")->nfields, 2, "price list: number of fields in the vendor's document");
	ok(bcd_resource_find("price_list")->facets[0].remove.query == NULL, "price lists are deleted by their path, never by a filter");
	is_int(product->nfields, 70, "product: number of fields in the vendor's document, channels and modifiers");
	is_int(category->nfields, 16, "category: likewise");
	is_int(brand->nfields, 8, "brand: likewise");
	is_int(most(product, "name"), 250, "product name");
	is_int(most(category, "name"), 50, "category name");
	is_int(most(brand, "name"), 255, "brand name");
	is_int(bcd_resource_field(product, "price")->scale, 4, "decimals of a price");
	is_int(product->facets[0].create.endpoint->batch, 1, "products are made one by one");
	is_int(product->facets[0].update.endpoint->batch, 10, "and changed by ten");
	is_int(category->facets[0].create.endpoint->batch, 10, "categories by ten");
	is_int(product->facets[0].remove.endpoint->batch, 250, "products are deleted by the page");
	ok(product->facets[0].create.endpoint->narrows && product->facets[0].update.endpoint->narrows,
	   "replies to writes of products can be narrowed");
	ok(!category->facets[0].update.endpoint->narrows && !brand->facets[0].update.endpoint->narrows, "no others");
	ok(product->list.endpoint->narrows && category->list.endpoint->narrows && brand->list.endpoint->narrows,
	   "all lists of the catalog can");
	ok(bcd_resource_rank(category) < bcd_resource_rank(product) &&
	   bcd_resource_rank(brand) < bcd_resource_rank(product), "products come last");

	names = bcd_resource_field_names(brand);
	is_text(names, "custom_url, image_url, meta_description, meta_keywords, metafields, name, page_title, search_keywords",
			"the names of a resource's fields");
	pfree(names);
}

int
main(void)
{
	const BcdResource *resource;
	int			n;
	static int	ranks[BCD_MAX_RESOURCES];
	bool		unique;
	int			i;

	for (n = 0; (resource = bcd_resource_nth(n)) != NULL; n++)
	{
		test_fields(resource);
		if (resource->id)
			test_keys(resource);
		else
			test_address(resource);
		test_reading(resource);
		test_shape(resource);
		test_facets(resource);
		test_descriptor(resource);
		test_endpoints_are_unique(resource);
		ranks[n] = bcd_resource_rank(resource);
		for (unique = true, i = 0; i < n; i++)
			unique &= ranks[i] != ranks[n];
		ok(unique, "%s: it has a place of its own in the order", resource->name);
	}
	is_int(n, 22, "number of resources");
	ok(bcd_resource_nth(-1) == NULL, "none before the first");
	ok(bcd_resource_find("nothing") == NULL && bcd_resource_find("") == NULL, "no others");
	test_dependencies();
	test_facts();
	return tap_done();
}
