/*
 * keys.c
 *		Fields by which records of a resource are found, and told from each
 *		other.
 */
#include "postgres.h"

#include "resource/resource.h"

/*
 * The field with the text of the nth key, counted from 0; NULL after the last.
 * Records without an id are not found by a key, but addressed by it: they have
 * none of these.
 */
const char *
bcd_resource_key(const BcdResource *resource, int n)
{
	const char *const *field = resource->keys[n].fields;

	if (field == NULL || resource->id == NULL)
		return NULL;
	while (field[1])
		field++;
	return *field;
}

/*
 * The nth field whose values no two records have: a natural key, and after
 * these what no two records below one parent have in common; or NULL.
 */
const char *
bcd_resource_unique(const BcdResource *resource, int n)
{
	int			i;

	for (i = 0; i < n && bcd_resource_key(resource, i); i++)
		;
	if (bcd_resource_key(resource, i))
		return bcd_resource_key(resource, i);
	return i == n ? resource->same_by : NULL;
}

/*
 * The field with the id below which the values of such a field are unique;
 * NULL: they are in the whole store.
 */
const char *
bcd_resource_scope(const BcdResource *resource, const char *field)
{
	bool		is_same_by = resource->same_by && strcmp(field, resource->same_by) == 0;

	return resource->keys_everywhere && !is_same_by ? NULL : resource->parent;
}

/* Are the parents of its records records of the same resource? */
bool
bcd_resource_is_own_parent(const BcdResource *resource)
{
	const BcdField *parent = resource->parent ? bcd_resource_field(resource, resource->parent) : NULL;

	return parent && parent->refers_to && strcmp(parent->refers_to, resource->name) == 0;
}

/* Is a field part of a key? */
bool
bcd_resource_identifies(const BcdResource *resource, const char *field)
{
	const BcdKey *key;
	int			i;

	for (key = resource->keys; key->fields; key++)
	{
		for (i = 0; key->fields[i]; i++)
			if (strcmp(key->fields[i], field) == 0)
				return true;
		for (i = 0; key->made_of && key->made_of[i].field; i++)
			if (strcmp(key->made_of[i].field, field) == 0)
				return true;
	}
	return false;
}

/*
 * The key whose text consists of several fields, if it has this name (NULL:
 * any); NULL: there is none.
 */
const BcdKey *
bcd_resource_made_key(const BcdResource *resource, const char *name)
{
	int			i;

	for (i = 0; resource->keys[i].fields; i++)
	{
		const char *field = bcd_resource_key(resource, i);

		if (resource->keys[i].made_of && (name == NULL || (field && strcmp(field, name) == 0)))
			return &resource->keys[i];
	}
	return NULL;
}

static int
compare_names(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int
compare_unique(const void *a, const void *b)
{
	const BcdUniqueField *x = a;
	const BcdUniqueField *y = b;
	int			diff = compare_names(x->field, y->field);

	if (diff == 0)
		diff = compare_names(x->parent, y->parent);
	return diff != 0 ? diff : compare_names(x->within, y->within);
}

/*
 * Returns the fields with unique values of all resources without repetition,
 * sorted by name; n is set to their number.
 */
const BcdUniqueField *
bcd_unique_fields(int *n)
{
	static BcdUniqueField fields[BCD_MAX_RESOURCES * BCD_MAX_UNIQUE];
	static int	nfields = 0;
	const BcdResource *const *r;
	const char *field;
	int			all = 0;
	int			i;

	for (r = bcd_resources; nfields == 0 && *r; r++)
		for (i = 0; (field = bcd_resource_unique(*r, i)) != NULL; i++)
		{
			fields[all].field = field;
			fields[all].parent = bcd_resource_scope(*r, field);
			fields[all++].within = (*r)->within;
		}
	qsort(fields, all, sizeof(BcdUniqueField), compare_unique);
	for (i = 0; i < all; i++)
		if (nfields == 0 || compare_unique(&fields[nfields - 1], &fields[i]) != 0)
			fields[nfields++] = fields[i];
	*n = nfields;
	return fields;
}

/*
 * Returns the next collection of a resource no two elements of which, in the
 * whole store, have the same value of a field; or NULL.  *i is 0 at first.
 */
const BcdField *
bcd_unique_collection(const BcdResource *r, int *i)
{
	while (*i < r->nfields)
	{
		const BcdField *field = &r->fields[(*i)++];

		if (BCD_IS_COLLECTION(field) && field->records->unique)
			return field;
	}
	return NULL;
}

/* Returns those of all resources, and NULL. */
const BcdField *const *
bcd_unique_collections(void)
{
	static const BcdField *collections[BCD_MAX_RESOURCES + 1];
	static bool known = false;
	const BcdResource *const *r;
	const BcdField *collection;
	int			n = 0;
	int			i;

	for (r = bcd_resources; !known && *r; r++)
		for (i = 0; (collection = bcd_unique_collection(*r, &i)) != NULL;)
		{
			Assert(n < BCD_MAX_RESOURCES);
			collections[n++] = collection;
		}
	known = true;
	return collections;
}
