/*
 * changes.c
 *		The difference between a row and the known contents of its record.
 */
#include "postgres.h"

#include "payload/made_key.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* A record */
typedef struct Record
{
	const BcdResource *resource;
	Jsonb	   *known;			/* NULL: not known */
} Record;

static bool
has_to_be_sent(const char *name, JsonbValue *value, void *arg)
{
	const Record *record = arg;
	const BcdField *field;

	/* first, because it is so of nearly all fields */
	if (bcd_payload_has_value(record->known, name, value))
		return false;
	field = bcd_resource_field(record->resource, name);
	/* collections are kept by difference: collection.c */
	if (field && (field->flags & (BCD_F_CREATE_ONLY | BCD_F_FIXED) || BCD_IS_COLLECTION(field)))
		return false;
	/* a key that is made of fields changes with them alone */
	return field || bcd_resource_made_key(record->resource, name) == NULL;
}

/* Have we hidden a record, or may we have (null), whose row does not say so? */
bool
bcd_payload_is_hidden(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	JsonbValue	v;

	if (resource->hidden_by == NULL || bcd_payload_has(wanted, resource->hidden_by) || !bcd_payload_has(known, resource->hidden_by))
		return false;
	(void) getKeyJsonValueFromContainer(&known->root, resource->hidden_by, strlen(resource->hidden_by), &v);
	return v.type == jbvNull || (v.type == jbvBool && v.val.boolean == resource->hidden_when);
}

/*
 * The fields, other than collections, to send so that a record with the known
 * contents "known" (NULL: nothing is known) becomes "wanted".
 *
 * A hidden record whose source row is back is shown again.
 */
Jsonb *
bcd_payload_changes(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	Record		record = {resource, known};
	Jsonb	   *changes = bcd_with_made_key(resource, bcd_payload_filter(wanted, has_to_be_sent, &record), wanted);

	if (bcd_payload_is_hidden(resource, wanted, known))
		changes = bcd_payload_set_bool(changes, resource->hidden_by, !resource->hidden_when);
	return changes;
}
