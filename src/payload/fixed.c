/*
 * fixed.c
 *		Fields that cannot be changed once a record exists.
 *
 * They are never sent in an update.  If a record has another value than its
 * row, the payload keeps the record's value, so that the difference is
 * reported.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/json.h"
#include "payload/choices.h"
#include "payload/fixed.h"
#include "payload/payload.h"
#include "resource/resource.h"

static bool
value_of(Jsonb *payload, const BcdField *field, JsonbValue *value)
{
	return payload && getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), value) != NULL;
}

/*
 * Returns the first field that cannot be changed and, ignoring case, has
 * another value in the row than in the record; NULL: none.
 */
const BcdField *
bcd_fixed_difference(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	int			i;

	for (i = 0; i < resource->nfields; i++)
	{
		const BcdField *field = &resource->fields[i];
		JsonbValue	is;
		JsonbValue	was;

		if (field->flags & BCD_F_FIXED && value_of(wanted, field, &is) && value_of(known, field, &was) &&
			strcmp(bcd_folded(bcd_value_text(&is)), bcd_folded(bcd_value_text(&was))) != 0)
			return field;
	}
	return NULL;
}

/* The difference in words, palloc'd. */
char *
bcd_fixed_flaw(const BcdField *field, Jsonb *known)
{
	return psprintf("%s: the record has %s, which cannot be changed in the store",
					field->name, bcd_payload_text(known, field->name));
}

/*
 * Adds the record's values of fields that cannot be changed and do not agree.
 */
Jsonb *
bcd_fixed_read(const BcdResource *resource, Jsonb *known, Jsonb *wanted, const cJSON *record)
{
	int			i;

	for (i = 0; i < resource->nfields; i++)
	{
		const BcdField *field = &resource->fields[i];
		const cJSON *got = cJSON_GetObjectItemCaseSensitive(record, field->name);
		int64		id;

		if (!(field->flags & BCD_F_FIXED) || bcd_payload_has(known, field->name) ||
			!bcd_payload_has(wanted, field->name))
			continue;
		if (field->flags & BCD_F_CHOICES)
			known = bcd_choices_set(known, field->name, got);
		else if (bcd_json_int64(got, &id))
			known = bcd_payload_set_integer(known, field->name, id);
		else if (cJSON_IsString(got))
			known = bcd_payload_merge(known, bcd_payload_from_json(field->name, got));
	}
	return known;
}
