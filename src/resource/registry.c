/*
 * registry.c
 *		The list of BigCommerce resources.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "resource/resource.h"
#include "resource/resources.h"

/*
 * All resources, and NULL.  Those that do not refer to each other are pushed in
 * this order.
 */
const BcdResource *const bcd_resources[] = {&bcd_category, &bcd_brand, &bcd_product, &bcd_variant, &bcd_customer, &bcd_customer_group, &bcd_location, &bcd_channel_assignment,
	&bcd_category_assignment, &bcd_inventory, &bcd_price_record, &bcd_redirect, &bcd_price_list, &bcd_price_list_assignment,
	&bcd_customer_attribute, &bcd_customer_address, &bcd_customer_attribute_value,
&bcd_category_metafield, &bcd_brand_metafield, &bcd_product_metafield, &bcd_variant_metafield, &bcd_customer_metafield, NULL};

#define NRESOURCES	((int) lengthof(bcd_resources) - 1)

StaticAssertDecl(NRESOURCES <= BCD_MAX_RESOURCES, "BCD_MAX_RESOURCES is too small");

/* The resource of this name, or NULL */
const BcdResource *
bcd_resource_find(const char *name)
{
	int			i;

	for (i = 0; i < NRESOURCES; i++)
		if (strcmp(bcd_resources[i]->name, name) == 0)
			return bcd_resources[i];
	return NULL;
}

/* The nth resource, counted from 0; NULL after the last */
const BcdResource *
bcd_resource_nth(int n)
{
	return n >= 0 && n < NRESOURCES ? bcd_resources[n] : NULL;
}

/*
 * Returns the position of a resource in the order of dependency. Raises an
 * error if its references form a circle.
 */
int
bcd_resource_rank(const BcdResource *resource)
{
	return bcd_dependency_rank(bcd_resources, NRESOURCES, resource);
}

static int
compare_field(const void *name, const void *field)
{
	return strcmp(name, ((const BcdField *) field)->name);
}

/* The field of this name, or NULL if the resource has no such writable field */
const BcdField *
bcd_resource_field(const BcdResource *resource, const char *name)
{
	return bsearch(name, resource->fields, resource->nfields, sizeof(BcdField),
				   compare_field);
}

/* The field of this name that can only be read, or NULL */
const BcdField *
bcd_resource_shown(const BcdResource *resource, const char *name)
{
	return resource->nshown == 0 ? NULL :
		bsearch(name, resource->shown, resource->nshown, sizeof(BcdField), compare_field);
}

/* Do the records of the list have a field, at least if it is asked for? */
bool
bcd_resource_shows(const BcdResource *resource, const BcdField *field)
{
	if (bcd_resource_field(resource, field->name) != field)
		return true;
	if (field->flags & BCD_F_WRITE_ONLY && !(field->flags & BCD_F_SHOWN))
		return false;
	return bcd_resource_facet_of(resource, field)->list.endpoint == NULL;
}

/* Can all records be listed, without naming a parent? */
bool
bcd_resource_is_listed(const BcdResource *resource)
{
	return resource->list.endpoint && strchr(resource->list.endpoint->path, '{') == NULL;
}

/* The names of the resources for which that is true, for a hint; palloc'd */
char *
bcd_resource_listed_names(void)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < NRESOURCES; i++)
		if (bcd_resource_is_listed(bcd_resources[i]))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", bcd_resources[i]->name);
	return names.data;
}

/* How to ask for a field; NULL: lists show it by themselves */
const BcdIncluded *
bcd_resource_part(const BcdResource *resource, const char *field)
{
	const BcdIncluded *part;

	for (part = resource->parts; part && part->field; part++)
		if (strcmp(part->field, field) == 0)
			return part;
	return NULL;
}

/* The field of this name of the elements of an array, or NULL */
const BcdField *
bcd_records_field(const BcdRecords *records, const char *name)
{
	return bsearch(name, records->fields, records->nfields, sizeof(BcdField), compare_field);
}

/* The fields' names in a comma list, for a hint; palloc'd */
char *
bcd_resource_field_names(const BcdResource *resource)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < resource->nfields; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", resource->fields[i].name);
	return names.data;
}

/* The elements that a facet writes, which has a collection */
const BcdRecords *
bcd_facet_records(const BcdResource *resource, const BcdFacet *facet)
{
	const BcdField *field = bcd_resource_field(resource, facet->collection);

	Assert(field);
	if (facet->inside)
		field = bcd_records_field(field->records, facet->inside);
	Assert(field);
	return field->records;
}

/* The facet that writes a field */
const BcdFacet *
bcd_resource_facet_of(const BcdResource *resource, const BcdField *field)
{
	int			i;

	Assert(field);
	for (i = 1; i < resource->nfacets && field->facet; i++)
		if (strcmp(resource->facets[i].name, field->facet) == 0)
			return &resource->facets[i];
	Assert(field->facet == NULL);
	return &resource->facets[0];
}

/* The facet of the field of which a facet writes a part, or all */
const BcdFacet *
bcd_facet_whole(const BcdResource *resource, const BcdFacet *facet)
{
	return facet->inside ? bcd_resource_facet_of(resource, bcd_resource_field(resource, facet->collection)) : facet;
}
