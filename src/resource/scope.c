/*
 * scope.c
 *		The OAuth scopes that endpoints need.
 *
 * From the vendor's page on API accounts: without a scope, every request has
 * status 403; with its read-only twin, all but GET and HEAD have.  So whether a
 * token may write can be tried with a request that writes nothing: an update
 * of an empty list of records.  Nothing is ever tried with DELETE, whose meaning
 * without a filter is not documented.
 */
#include "postgres.h"

#include "resource/scope.h"
#include "resource/resource.h"

static const BcdScope scopes[] = {
	{"store_v2_products", BCD_LIST("/catalog/", "/pricelists", "/pricelists/"), "/catalog/brands?limit=1", "/catalog/products", "[]"},
	{"store_v2_customers", BCD_LIST("/customers", "/customers/", "/v2/customer_groups", "/v2/customer_groups/"),
	"/customers?limit=1", "/customers", "[]"},
	{"store_inventory", BCD_LIST("/inventory/adjustments/", "/inventory/items", "/inventory/locations/"),
	"/inventory/items?limit=1", "/inventory/adjustments/absolute", "{\"reason\":\"bcdelta\",\"items\":[]}"},
	{"store_locations", BCD_LIST("/inventory/locations"), "/inventory/locations?limit=1", "/inventory/locations", "[]"},
	{"store_v2_content", BCD_LIST("/storefront/redirects"), "/storefront/redirects?limit=1", "/storefront/redirects", "[]"},
	{"store_metafield_write", BCD_LIST("/metafields"), NULL, NULL, NULL, true},
};

StaticAssertDecl(lengthof(scopes) <= BCD_MAX_SCOPES, "BCD_MAX_SCOPES is too small");

/* Returns the nth scope, counted from 0; NULL after the last. */
const BcdScope *
bcd_scope_nth(int n)
{
	return n >= 0 && n < lengthof(scopes) ? &scopes[n] : NULL;
}

/* Do requests to a path need this scope? */
bool
bcd_scope_covers(const BcdScope *scope, const char *path)
{
	int			i;

	for (i = 0; scope->paths[i]; i++)
	{
		const char *other = scope->paths[i];
		size_t		len = strlen(other);

		if (scope->besides ? strstr(path, other) != NULL :
			other[len - 1] == '/' ? strncmp(path, other, len) == 0 : strcmp(path, other) == 0)
			return true;
	}
	return false;
}
