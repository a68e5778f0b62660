/*
 * reference.c
 *		Fields that hold ids of other records.
 *
 * A field holds one id, or an array of them, of one resource; or it is an object,
 * of which one member names the resource of the id in another one.
 */
#include "postgres.h"

#include "payload/reference.h"
#include "resource/resource.h"

/* The member of an object that holds an id, or NULL */
static const BcdField *
id_member(const BcdField *field)
{
	const BcdRecords *records = field->type == BCD_OBJECT ? field->records : NULL;
	int			i;

	for (i = 0; records && i < records->nfields; i++)
		if (records->fields[i].refers_by)
			return &records->fields[i];
	return NULL;
}

/* May a field refer to records of a resource (NULL: of any)? */
bool
bcd_field_may_refer(const BcdField *field, const char *resource)
{
	const BcdField *id = id_member(field);
	const char *const *name = id ? bcd_records_field(field->records, id->refers_by)->values : NULL;

	if (field->refers_to)
		return resource == NULL || strcmp(field->refers_to, resource) == 0;
	for (; name && *name; name++)
		if (resource ? strcmp(*name, resource) == 0 : bcd_resource_find(*name) != NULL)
			return true;
	return false;
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

static void
read_object(const BcdField *field, JsonbContainer *object, BcdReferenceReader reader, void *arg)
{
	const BcdField *id = id_member(field);
	JsonbValue *named = id ? member(object, id->refers_by) : NULL;
	JsonbValue *value = named ? member(object, id->name) : NULL;
	char	   *resource = named && named->type == jbvString ? pnstrdup(named->val.string.val, named->val.string.len) : NULL;

	if (value && resource && bcd_resource_find(resource))
		reader(resource, value, arg);
}

/* Calls the reader with each id that a field holds. */
void
bcd_field_references(const BcdField *field, const JsonbValue *value, BcdReferenceReader reader, void *arg)
{
	JsonbContainer *container = value->type == jbvBinary ? value->val.binary.data : NULL;
	uint32		i;

	if (container && JsonContainerIsObject(container))
		read_object(field, container, reader, arg);
	else if (field->refers_to && container == NULL)
		reader(field->refers_to, value, arg);
	else if (field->refers_to && JsonContainerIsArray(container))
		for (i = 0; i < JsonContainerSize(container); i++)
			reader(field->refers_to, getIthJsonbValueFromContainer(container, i), arg);
}
