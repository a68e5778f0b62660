/*
 * reference.c
 *		Fields that hold ids of other records.
 *
 * A field holds one id, or an array of them, of one resource; or it is an object,
 * or an array of objects, with such members. The resource of an id can be the
 * one that another member of its object names. Elements of collections, which
 * are records themselves, refer to nothing.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "payload/reference.h"
#include "resource/resource.h"

/* The members that may hold ids; or NULL */
static const BcdRecords *
members_of(const BcdField *field)
{
	return BCD_IS_COLLECTION(field) || (field->flags & BCD_F_CHOICES) ? NULL : field->records;
}

/* May a member refer to records of a resource that another one names? */
static bool
may_be_named(const BcdRecords *records, const BcdField *id, const char *resource)
{
	const char *const *name = bcd_records_field(records, id->refers_by)->values;

	for (; *name; name++)
		if (resource ? strcmp(*name, resource) == 0 : bcd_resource_find(*name) != NULL)
			return true;
	return false;
}

/* May a field refer to records of a resource (NULL: of any)? */
bool
bcd_field_may_refer(const BcdField *field, const char *resource)
{
	const BcdRecords *records = members_of(field);
	int			i;

	if (field->refers_to)
		return resource == NULL || strcmp(field->refers_to, resource) == 0;
	for (i = 0; records && i < records->nfields; i++)
	{
		const BcdField *member = &records->fields[i];

		if (member->refers_by ? may_be_named(records, member, resource) : bcd_field_may_refer(member, resource))
			return true;
	}
	return false;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp((*(const BcdField *const *) a)->name, (*(const BcdField *const *) b)->name);
}

/* Is a field like one of these? Then it refers to the same records. */
static bool
is_among(const BcdField *const *fields, int n, const BcdField *field)
{
	while (n-- > 0)
		if (strcmp(fields[n]->name, field->name) == 0 && field->refers_to && fields[n]->refers_to &&
			strcmp(fields[n]->refers_to, field->refers_to) == 0)
			return true;
	return false;
}

/*
 * Returns the fields of all resources that may hold ids, sorted by name; one of
 * those that are alike.  n is set to their number.
 */
const BcdField *const *
bcd_referring_fields(int *n)
{
	static const BcdField **fields = NULL;
	static int	nfields = 0;
	const BcdField **all;
	const BcdResource *const *r;
	int			most = 0;
	int			i;

	*n = nfields;
	if (fields)
		return fields;
	for (r = bcd_resources; *r; r++)
		most += (*r)->nfields;
	all = MemoryContextAlloc(TopMemoryContext, sizeof(BcdField *) * most);
	for (r = bcd_resources; *r; r++)
		for (i = 0; i < (*r)->nfields; i++)
			if (bcd_field_may_refer(&(*r)->fields[i], NULL) && !is_among(all, *n, &(*r)->fields[i]))
				all[(*n)++] = &(*r)->fields[i];
	qsort(all, *n, sizeof(BcdField *), by_name);
	nfields = *n;
	return fields = all;
}

/*
 * Returns the names of those fields of a resource (NULL: of all) that may refer
 * to records of another one (NULL: of any), as a list.
 */
List *
bcd_names_of_references(const BcdResource *resource, const char *to)
{
	List	   *names = NIL;
	const BcdResource *const *r;
	int			i;

	for (r = bcd_resources; *r; r++)
		for (i = 0; (resource == NULL || *r == resource) && i < (*r)->nfields; i++)
			if (bcd_field_may_refer(&(*r)->fields[i], to))
				names = lappend(names, (void *) (*r)->fields[i].name);
	return names;
}

static JsonbValue *
member(JsonbContainer *object, const char *name)
{
	JsonbValue	key;

	key.type = jbvString;
	key.val.string.val = (char *) name;
	key.val.string.len = strlen(name);
	return findJsonbValueFromContainer(object, JB_FOBJECT, &key);
}

/* Reads an id whose resource another member of its object names. */
static void
read_named(const BcdField *id, JsonbContainer *object, BcdReferenceReader reader, void *arg)
{
	JsonbValue *named = member(object, id->refers_by);
	JsonbValue *value = member(object, id->name);
	char	   *resource = named && named->type == jbvString ? pnstrdup(named->val.string.val, named->val.string.len) : NULL;

	if (value && resource && bcd_resource_find(resource))
		reader(resource, value, arg);
}

static void
read_object(const BcdRecords *records, JsonbContainer *object, BcdReferenceReader reader, void *arg)
{
	int			i;

	for (i = 0; records && i < records->nfields; i++)
	{
		const BcdField *field = &records->fields[i];
		JsonbValue *value;

		if (field->refers_by)
			read_named(field, object, reader, arg);
		else if (bcd_field_may_refer(field, NULL) && (value = member(object, field->name)) != NULL)
			bcd_field_references(field, value, reader, arg);
	}
}

/* Calls the reader with each id that a field holds. */
void
bcd_field_references(const BcdField *field, const JsonbValue *value, BcdReferenceReader reader, void *arg)
{
	JsonbContainer *container = value->type == jbvBinary ? value->val.binary.data : NULL;
	uint32		i;

	if (container && JsonContainerIsObject(container))
		read_object(members_of(field), container, reader, arg);
	else if (container && JsonContainerIsArray(container))
		for (i = 0; i < JsonContainerSize(container); i++)
			bcd_field_references(field, getIthJsonbValueFromContainer(container, i), reader, arg);
	else if (field->refers_to && container == NULL)
		reader(field->refers_to, value, arg);
}
