/*
 * test_resource.c
 *		The tables of resources agree with themselves, and with the vendor's
 *		documents where a mistake would cost most.
 */
#include "postgres.h"

#include "../../src/resource/resource.c"
#include "tap.h"

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

static void
test_descriptor(const BcdResource *resource)
{
	const BcdEndpoint *ends[] = {&resource->create, &resource->update, &resource->remove};
	bool		natural = resource->natural[0] != NULL;
	bool		sound = true;
	int			i;

	for (i = 0; resource->natural[i]; i++)
	{
		const BcdField *field = bcd_resource_field(resource, resource->natural[i]);

		natural &= field != NULL && field->type == BCD_STRING && !(field->flags & BCD_F_WRITE_ONLY);
	}
	ok(natural, "%s: the natural key is made of texts that are read back", resource->name);
	ok(has_field(resource, resource->scope) && has_field(resource, resource->hidden_by) &&
	   has_field(resource, resource->update_needs) && has_field(resource, resource->needs_tree),
	   "%s: the fields with a part to play exist", resource->name);
	ok(resource->hidden_by == NULL ||
	   bcd_resource_field(resource, resource->hidden_by)->type == BCD_BOOLEAN,
	   "%s: it is hidden by a boolean", resource->name);
	ok(resource->small || resource->lookup_list, "%s: records can be looked up", resource->name);
	ok(resource->lookup_list == NULL ||
	   strncmp(resource->lookup_list, resource->natural[0], strlen(resource->natural[0])) == 0,
	   "%s: by the first natural field", resource->name);

	for (i = 0; i < lengthof(ends); i++)
	{
		const char *path = ends[i]->path;
		bool		by_id = strstr(path, "{id}") != NULL;
		bool		by_list = path[strlen(path) - 1] == '=';

		sound &= path[0] == '/' && ends[i]->batch >= 1;
		sound &= !by_id || (ends[i]->batch == 1 && !ends[i]->assumed);
		sound &= ends[i]->concurrent >= 0;
		sound &= ends[i]->batch == 1 || ends[i]->array || by_list;
	}
	ok(sound, "%s: the endpoints are sound", resource->name);
	/* a delete without an id might delete everything */
	ok(strstr(resource->remove.path, "{id}") || strstr(resource->remove.path, "id:in="),
	   "%s: a delete names ids", resource->name);
	ok(bcd_resource_find(resource->name) == resource, "%s: it is found", resource->name);
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
	is_int(bcd_resource_field(product, "name")->max, 250, "product name");
	is_int(bcd_resource_field(category, "name")->max, 50, "category name");
	is_int(bcd_resource_field(brand, "name")->max, 255, "brand name");
	is_int(bcd_resource_field(product, "price")->scale, 4, "decimals of a price");
	is_int(product->create.batch, 1, "products are made one by one");
	is_int(product->update.batch, 10, "and changed by ten");
	is_int(category->create.batch, 10, "categories by ten");
	is_int(product->remove.batch, 250, "products are deleted by the page");
	ok(category->rank < product->rank && brand->rank < product->rank, "products come last");

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
	int			rank = 0;

	for (n = 0; (resource = bcd_resource_nth(n)) != NULL; n++)
	{
		test_fields(resource);
		test_descriptor(resource);
		ok(resource->rank > rank, "%s: the resources are in order of dependency", resource->name);
		rank = resource->rank;
	}
	is_int(n, 3, "number of resources");
	ok(bcd_resource_nth(-1) == NULL, "none before the first");
	ok(bcd_resource_find("nothing") == NULL && bcd_resource_find("") == NULL, "no others");
	test_facts();
	return tap_done();
}
