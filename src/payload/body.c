/*
 * body.c
 *		Bodies of requests: the JSON that is sent for one record.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "payload/body.h"
#include "payload/payload.h"
#include "resource/resource.h"

static void
append_jsonb(StringInfo out, Jsonb *jsonb)
{
	(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
}

/* A field that every update sends, taken from the row. */
static Jsonb *
with_needed(Jsonb *changes, Jsonb *wanted, const char *field)
{
	char	   *value = wanted ? bcd_payload_text(wanted, field) : NULL;
	JsonbValue	v;

	if (value == NULL || bcd_payload_has(changes, field))
		return changes;
	v.type = jbvString;
	v.val.string.val = value;
	v.val.string.len = strlen(value);
	return bcd_payload_set(changes, field, &v);
}

/*
 * Appends the object of an update: the id unless it is in the path, then the
 * changes. wanted NULL: the row is gone.
 */
void
bcd_body_update(StringInfo out, const BcdResource *resource, Jsonb *changes, Jsonb *wanted, int64 id)
{
	const BcdAction *update = &resource->facets[0].update;
	StringInfoData fields;

	if (update->needs)
		changes = with_needed(changes, wanted, update->needs);
	if (update->endpoint->body != BCD_ARRAY)
	{
		append_jsonb(out, changes);
		return;
	}
	initStringInfo(&fields);
	append_jsonb(&fields, changes);
	appendStringInfo(out, "{\"%s\": " INT64_FORMAT ", %s", resource->id, id, fields.data + 1);
	pfree(fields.data);
}

/*
 * Appends the object of a create.  A field with a default is filled in if the
 * row has no value; default_id 0: the default is not known yet, and the field
 * is left out.
 */
void
bcd_body_create(StringInfo out, const BcdResource *resource, Jsonb *wanted, int64 default_id)
{
	const char *field = resource->defaulted;

	if (field)
	{
		const char *unless = bcd_resource_field(resource, field)->otherwise->unless;

		if (bcd_payload_integer(wanted, unless) == 0 && bcd_payload_integer(wanted, field) == 0)
		{
			wanted = DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(wanted),
														CStringGetTextDatum(unless)));
			if (default_id != 0)
				wanted = bcd_payload_set_integer(wanted, field, default_id);
		}
	}
	append_jsonb(out, wanted);
}
