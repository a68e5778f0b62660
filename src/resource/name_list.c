/*
 * name_list.c
 *		The store's lists in which bcdelta.named() finds names.
 *
 * Some of them are lists of resources, others of what only the merchant can
 * make.  They are short, so the worker reads a whole list when a row first
 * asks for it.
 *
 * The lists of tax classes and of category trees are described in the vendor's
 * tax classes and category-trees_catalog.v3.yml.  That of trees has no pages.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "resource/name_list.h"

static const BcdNameList name_lists[] = {
	{"brand", "brands", "/catalog/brands", "include_fields=name", "id", "name"},
	{"category", "categories", "/catalog/trees/categories", "include_fields=name", "category_id", "name"},
	{"category_tree", "category trees", "/catalog/trees", NULL, "id", "name",.whole = true},
	{"channel", "channels", "/channels", "available=true", "id", "name"},
	{"customer_group", "customer groups", "/v2/customer_groups", NULL, "id", "name"},
	{"location", "locations", "/inventory/locations", NULL, "id", "code"},
	{"price_list", "price lists", "/pricelists", NULL, "id", "name"},
	{"tax_class", "tax classes", "/v2/tax_classes", NULL, "id", "name"},
};

StaticAssertDecl(lengthof(name_lists) <= BCD_MAX_NAME_LISTS, "BCD_MAX_NAME_LISTS is too small");

/* Returns the list of a kind of records, or NULL. */
const BcdNameList *
bcd_names_find(const char *resource)
{
	int			i;

	for (i = 0; i < lengthof(name_lists); i++)
		if (strcmp(name_lists[i].resource, resource) == 0)
			return &name_lists[i];
	return NULL;
}

/* Returns the nth list, counted from 0; NULL after the last. */
const BcdNameList *
bcd_names_nth(int n)
{
	return n >= 0 && n < lengthof(name_lists) ? &name_lists[n] : NULL;
}

/* Returns the bit that stands for a list in a set of them. */
uint32
bcd_names_bit(const BcdNameList *list)
{
	return (uint32) 1 << (list - name_lists);
}

/* Returns what the lists are called, separated by commas, for a hint; palloc'd. */
char *
bcd_names_all(void)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < lengthof(name_lists); i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", name_lists[i].resource);
	return names.data;
}
