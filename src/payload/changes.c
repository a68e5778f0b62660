/*
 * changes.c
 *		The difference between a row and the known contents of its record.
 */
#include "postgres.h"

#include "payload/made_key.h"
#include "payload/payload.h"
#include "resource/resource.h"

static bool
may_be_sent(const char *name, JsonbValue *value, void *resource)
{
	const BcdField *field = bcd_resource_field(resource, name);

	/* collections are kept by difference: collection.c */
	if (field && (field->flags & (BCD_F_CREATE_ONLY | BCD_F_FIXED) || BCD_IS_COLLECTION(field)))
		return false;
	/* a key that is made of fields changes with them alone */
	return field || bcd_resource_made_key(resource, name) == NULL;
}

/* Have we hidden a record, or may we have (null), whose row does not say so? */
bool
bcd_payload_is_hidden(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	JsonbValue	v;

	if (resource->hidden_by == NULL || !bcd_payload_has(known, resource->hidden_by) || bcd_payload_has(wanted, resource->hidden_by))
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
	/* nearly all fields are as they were */
	Jsonb	   *unlike = bcd_payload_unlike(wanted, known);
	Jsonb	   *changes = bcd_with_made_key(resource, bcd_payload_filter(unlike, may_be_sent, (void *) resource), wanted);

	if (bcd_payload_is_hidden(resource, wanted, known))
		changes = bcd_payload_set_bool(changes, resource->hidden_by, !resource->hidden_when);
	return changes;
}
