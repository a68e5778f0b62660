/*
 * place.c
 *		Fields that place a record: a row with other values gets another record.
 *
 * The store does not change them in a record that exists. A redirect, for
 * example, is known by its path; a row with another path needs another
 * redirect, and the one that it had leads nowhere any more.
 */
#include "postgres.h"

#include "base/json.h"
#include "payload/payload.h"
#include "payload/place.h"
#include "resource/resource.h"

static const BcdField *
next_place(const BcdResource *resource, int *i)
{
	while (*i < resource->nfields)
	{
		const BcdField *field = &resource->fields[(*i)++];

		if (field->flags & BCD_F_PLACE)
			return field;
	}
	return NULL;
}

/* Returns whether a row's record has to be another one than that it has. */
bool
bcd_place_differs(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	const BcdField *field;
	int			i = 0;

	while ((field = next_place(resource, &i)) != NULL)
		if (bcd_payload_has(wanted, field->name) && bcd_payload_has(known, field->name) &&
			!bcd_payload_same(wanted, known, field->name))
			return true;
	return false;
}

/* Returns whether that cannot be told without reading the record. */
bool
bcd_place_is_unknown(const BcdResource *resource, Jsonb *wanted, Jsonb *known)
{
	const BcdField *field;
	int			i = 0;

	while ((field = next_place(resource, &i)) != NULL)
		if (bcd_payload_has(wanted, field->name) && !bcd_payload_has(known, field->name))
			return true;
	return false;
}

/*
 * Adds those of a record's places that do not agree with the row to what is
 * known of the record.
 */
Jsonb *
bcd_place_read(const BcdResource *resource, Jsonb *known, Jsonb *wanted, const cJSON *record)
{
	const BcdField *field;
	int			i = 0;

	while ((field = next_place(resource, &i)) != NULL)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, field->name);
		JsonbValue	v;
		int64		id;

		if (!bcd_payload_has(wanted, field->name) || bcd_payload_has(known, field->name))
			continue;
		v.type = jbvNull;
		if (cJSON_IsString(value))
		{
			v.type = jbvString;
			v.val.string.val = value->valuestring;
			v.val.string.len = strlen(value->valuestring);
		}
		known = bcd_json_int64(value, &id) ? bcd_payload_set_integer(known, field->name, id) :
			bcd_payload_set(known, field->name, &v);
	}
	return known;
}

/* Returns the text at a path such as "to.url", or NULL if there is none. */
static char *
text_at(Jsonb *payload, const char *path)
{
	const char *dot = strchr(path, '.');
	JsonbValue	v;

	if (dot == NULL)
		return bcd_payload_text(payload, path);
	if (getKeyJsonValueFromContainer(&payload->root, path, dot - path, &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
		return NULL;
	return text_at(JsonbValueToJsonb(&v), dot + 1);
}

/*
 * Returns an error if a row leads to itself, as a redirect would whose target
 * is its own path; or NULL. palloc'd.
 */
char *
bcd_flaw_of_target(const BcdResource *resource, Jsonb *wanted)
{
	const char *key = bcd_resource_key(resource, 0);
	char	   *target = resource->leads_to ? text_at(wanted, resource->leads_to) : NULL;
	char	   *is = target ? bcd_payload_text(wanted, key) : NULL;

	if (is == NULL || strcmp(bcd_folded(is), bcd_folded(target)) != 0)
		return NULL;
	return psprintf("%s: \"%s\" is the %s of the row itself", resource->leads_to, target, key);
}
