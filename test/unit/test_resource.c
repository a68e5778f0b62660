/*
 * test_resource.c
 *		The tables of resources agree with themselves, and with the vendor's
 *		documents where a mistake would cost most.
 */
#include "postgres.h"

#include "../../src/resource/brand.c"
#include "../../src/resource/category.c"
#include "../../src/resource/product.c"
#include "../../src/resource/registry.c"
#include "../../src/resource/replies.c"
#include "raises.h"

static bool
has_field(const BcdResource *resource, const char *name)
{
	return name == NULL || bcd_resource_field(resource, name) != NULL;
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
		sound &= field->values == NULL || (field->type == BCD_STRING && field->values[0]);
		sound &= !(field->flags & BCD_F_SET) || array;
		sound &= field->refers_to == NULL || field->type == BCD_INTEGER || field->type == BCD_INTEGERS;
		sound &= field->refers_to == NULL || bcd_resource_find(field->refers_to) != NULL;
		sound &= !(field->flags & (BCD_F_HTML | BCD_F_NO_CASE)) || field->type == BCD_STRING;
		sound &= strcmp(field->name, resource->id) != 0;
	}
	ok(sorted, "%s: the fields are sorted, no one is there twice", resource->name);
	ok(found, "%s: each is found", resource->name);
	ok(sound, "%s: their properties fit their types", resource->name);
	ok(bcd_resource_field(resource, "no_such_field") == NULL, "%s: others are not", resource->name);
	ok(bcd_resource_field(resource, "") == NULL, "%s: nor is none", resource->name);
}

/* Are all placeholders of a template known, and is each of them closed? */
static bool
placeholders_known(const BcdResource *resource, const char *template)
{
	const char *at = template;

	while (at && (at = strchr(at, '{')) != NULL)
	{
		char		name[64];
		const char *end = strchr(at, '}');
		size_t		len;

		if (end == NULL)
			return false;
		len = end - at - 1;
		if (len > 0 && strchr(",?", at[len]))
			len--;
		snprintf(name, sizeof(name), "%.*s", (int) len, at + 1);
		if (strcmp(name, "id") != 0 && !bcd_resource_identifies(resource, name))
			return false;
		at = end;
	}
	return template == NULL || strchr(template, '}') == NULL || strchr(template, '{') != NULL;
}

/* Does a template lead to more than one record, or to one? */
static bool
has_list(const char *template)
{
	return template && strstr(template, ",}");
}

static void
test_view(const BcdResource *resource, const BcdView *view, const char *what)
{
	ok(view->endpoint == NULL || (strcmp(view->endpoint->method, "GET") == 0 &&
								  placeholders_known(resource, view->query)),
	   "%s: %s is sound", resource->name, what);
}

static void
test_keys(const BcdResource *resource)
{
	bool		natural = resource->keys[0].fields != NULL;
	bool		findable = true;
	const char *name;
	int			i;

	for (i = 0; (name = bcd_resource_key(resource, i)) != NULL; i++)
	{
		const BcdField *field = bcd_resource_field(resource, name);
		const BcdKey *key = &resource->keys[i];

		natural &= field != NULL && field->type == BCD_STRING && !(field->flags & BCD_F_WRITE_ONLY);
		findable &= key->one.endpoint && strstr(key->one.query, psprintf("{%s}", name)) != NULL;
		findable &= key->many.endpoint == NULL || has_list(key->many.query);
		test_view(resource, &key->one, "a look-up");
		test_view(resource, &key->many, "a look-up of many");
	}
	ok(i > 0 && i <= BCD_MAX_KEYS, "%s: it has keys", resource->name);
	ok(natural, "%s: they are texts that are read back", resource->name);
	ok(findable, "%s: records are looked up by each of them", resource->name);
	ok(resource->small || resource->keys[0].many.endpoint, "%s: many of them at once", resource->name);
}

static void
test_descriptor(const BcdResource *resource)
{
	const BcdFacet *facet = &resource->facets[0];
	const BcdAction *actions[] = {&facet->create, &facet->update, &facet->remove};
	const BcdField *defaulted = resource->defaulted ?
	bcd_resource_field(resource, resource->defaulted) : NULL;
	bool		sound = true;
	bool		unique = true;
	int			i;

	ok(has_field(resource, resource->parent) && has_field(resource, resource->hidden_by) &&
	   has_field(resource, facet->update.needs) && has_field(resource, resource->defaulted),
	   "%s: the fields with a part to play exist", resource->name);
	ok(resource->hidden_by == NULL ||
	   bcd_resource_field(resource, resource->hidden_by)->type == BCD_BOOLEAN,
	   "%s: it is hidden by a boolean", resource->name);
	ok(resource->defaulted == NULL || (defaulted->otherwise &&
									   has_field(resource, defaulted->otherwise->unless)),
	   "%s: the default is described", resource->name);
	test_view(resource, &resource->view, "reading by id");
	ok(has_list(resource->view.query), "%s: a page of them", resource->name);
	test_view(resource, &resource->list, "reading all");

	for (i = 0; i < lengthof(actions); i++)
	{
		const BcdEndpoint *endpoint = actions[i]->endpoint;
		bool		by_id = strstr(endpoint->path, "{id}") != NULL;
		int			j;

		sound &= endpoint->path[0] == '/' && endpoint->batch >= 1 && endpoint->concurrent >= 0;
		sound &= placeholders_known(resource, endpoint->path) && placeholders_known(resource, actions[i]->query);
		sound &= !by_id || (endpoint->batch == 1 && !endpoint->assumed);
		sound &= endpoint->batch == 1 || endpoint->body == BCD_ARRAY || has_list(actions[i]->query);
		sound &= (endpoint->body == BCD_NO_BODY) == (strcmp(endpoint->method, "DELETE") == 0);
		sound &= endpoint->body == BCD_NO_BODY || endpoint->reply != NULL;
		for (j = 0; j < i; j++)
			unique &= strcmp(endpoint->method, actions[j]->endpoint->method) != 0 ||
				strcmp(endpoint->path, actions[j]->endpoint->path) != 0;
	}
	ok(sound, "%s: the endpoints are sound", resource->name);
	ok(unique, "%s: each stands there once", resource->name);
	/* a delete without an id might delete everything */
	ok(strstr(facet->remove.endpoint->path, "{id}") || strstr(facet->remove.query, "id:in={id,}"),
	   "%s: a delete names ids", resource->name);
	ok(bcd_resource_find(resource->name) == resource, "%s: it is found", resource->name);
}

/* The most that a field may have; a field that there is not may have -2 */
static long long
most(const BcdResource *resource, const char *name)
{
	const BcdField *field = bcd_resource_field(resource, name);

	return field ? (long long) field->max : -2;
}

static void
test_facts(void)
{
	const BcdResource *product = bcd_resource_find("product");
	const BcdResource *category = bcd_resource_find("category");
	const BcdResource *brand = bcd_resource_find("brand");
	static const char *const unwritable[] = {"id", "date_created", "date_modified",
		"calculated_price", "base_variant_id", "variants", "images", "videos", "custom_fields",
	"bulk_pricing_rules", "options", "modifiers", "channels"};
	int			i;
	char	   *names;

	for (i = 0; i < lengthof(unwritable); i++)
		ok(bcd_resource_field(product, unwritable[i]) == NULL, "product: no field %s", unwritable[i]);
	is_int(product->nfields, 62, "product: number of fields in the vendor's document");
	is_int(category->nfields, 15, "category: likewise");
	is_int(brand->nfields, 7, "brand: likewise");
	is_int(most(product, "name"), 250, "product name");
	is_int(most(category, "name"), 50, "category name");
	is_int(most(brand, "name"), 255, "brand name");
	is_int(bcd_resource_field(product, "price")->scale, 4, "decimals of a price");
	is_int(product->facets[0].create.endpoint->batch, 1, "products are made one by one");
	is_int(product->facets[0].update.endpoint->batch, 10, "and changed by ten");
	is_int(category->facets[0].create.endpoint->batch, 10, "categories by ten");
	is_int(product->facets[0].remove.endpoint->batch, 250, "products are deleted by the page");
	ok(bcd_resource_rank(category) < bcd_resource_rank(product) &&
	   bcd_resource_rank(brand) < bcd_resource_rank(product), "products come last");

	names = bcd_resource_field_names(brand);
	is_text(names, "custom_url, image_url, meta_description, meta_keywords, name, page_title, search_keywords",
			"the names of a resource's fields");
	pfree(names);
}

int
main(void)
{
	const BcdResource *resource;
	int			n;
	int			ranks = 0;

	for (n = 0; (resource = bcd_resource_nth(n)) != NULL; n++)
	{
		test_fields(resource);
		test_keys(resource);
		test_descriptor(resource);
		ok(!(ranks & (1 << bcd_resource_rank(resource))), "%s: it has a place of its own in the order", resource->name);
		ranks |= 1 << bcd_resource_rank(resource);
	}
	is_int(n, 3, "number of resources");
	ok(bcd_resource_nth(-1) == NULL, "none before the first");
	ok(bcd_resource_find("nothing") == NULL && bcd_resource_find("") == NULL, "no others");
	test_facts();
	return tap_done();
}
