/*
 * made_key.c
 *		Keys whose text consists of the values of several fields.
 *
 * An address of a customer has no name, and the store knows it by everything
 * that it contains.  So a payload has a member more than it has fields: the
 * text of its key, under the name of the key.  It is derived wherever a payload
 * or a reply enters, changes whenever one of the fields does, and is never
 * sent.  All other code treats it as it does a name or an article number.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/json.h"
#include "payload/made_key.h"
#include "payload/payload.h"
#include "resource/resource.h"

/*
 * Between the values, which are shown to users.  A bar in a value is doubled:
 * what follows a single one is another value.
 */
#define BAR			'|'
#define SEPARATOR	" | "

/* Returns the key of a resource whose text consists of several fields, or NULL. */
static const BcdKey *
made_key(const BcdResource *resource)
{
	const BcdKey *key;

	for (key = resource->keys; key->fields; key++)
		if (key->made_of)
			return key;
	return NULL;
}

static const char *
name_of(const BcdKey *key)
{
	const char *const *field = key->fields;

	while (field[1])
		field++;
	return *field;
}

/* Stores trim values, and show none as an empty one. */
static void
append_value(StringInfo text, const BcdMadeOf *part, bool first, const char *value)
{
	char	   *bare = value ? bcd_trimmed(value) : NULL;
	const char *p;

	if (bare == NULL || bare[0] == '\0')
		bare = part->otherwise ? pstrdup(part->otherwise) : pstrdup("");
	appendStringInfoString(text, first ? "" : SEPARATOR);
	for (p = bare; *p; p++)
	{
		if (*p == BAR)
			appendStringInfoChar(text, BAR);
		appendStringInfoChar(text, *p);
	}
	pfree(bare);
}

/*
 * Returns the first field that a key needs and a row has no value of, or NULL.
 */
const char *
bcd_made_key_lacks(const BcdResource *resource, Jsonb *row)
{
	const BcdKey *key = made_key(resource);
	const BcdMadeOf *part;

	for (part = key ? key->made_of : NULL; part && part->field; part++)
		if ((bcd_resource_field(resource, part->field)->flags & BCD_F_REQUIRED) &&
			bcd_payload_text(row, part->field) == NULL)
			return part->field;
	return NULL;
}

static char *
text_of_row(const BcdKey *key, Jsonb *row)
{
	StringInfoData text;
	const BcdMadeOf *part;

	initStringInfo(&text);
	for (part = key->made_of; part->field; part++)
		append_value(&text, part, part == key->made_of, bcd_payload_text(row, part->field));
	return text.data;
}

/* Does a payload have one of the fields that a key consists of? */
static bool
has_part(const BcdKey *key, Jsonb *payload)
{
	const BcdMadeOf *part;

	for (part = key->made_of; part->field; part++)
		if (bcd_payload_has(payload, part->field))
			return true;
	return false;
}

/*
 * Adds the key of a row to a payload that has some of its fields, if the row
 * has a key.
 */
Jsonb *
bcd_with_made_key(const BcdResource *resource, Jsonb *payload, Jsonb *row)
{
	const BcdKey *key = made_key(resource);
	JsonbValue	v;

	if (key == NULL || !has_part(key, payload) || bcd_made_key_lacks(resource, row) != NULL)
		return payload;
	v.type = jbvString;
	v.val.string.val = text_of_row(key, row);
	v.val.string.len = strlen(v.val.string.val);
	return bcd_payload_set(payload, name_of(key), &v);
}

static bool
is_field(const char *name, JsonbValue *value, void *resource)
{
	return bcd_resource_made_key(resource, name) == NULL;
}

/* Returns a payload without its key, which is none of the API's fields. */
Jsonb *
bcd_without_made_key(const BcdResource *resource, Jsonb *payload)
{
	const BcdKey *key = made_key(resource);

	if (key == NULL || payload == NULL || !bcd_payload_has(payload, name_of(key)))
		return payload;
	return bcd_payload_filter(payload, is_field, (void *) resource);
}

/* Adds the fields that a record has under other names. */
static void
add_aliases(const BcdResource *resource, cJSON *record)
{
	const BcdPlace *alias;

	for (alias = resource->aliases; alias && alias->field; alias++)
	{
		const cJSON *value = bcd_json_path(record, alias->path);
		cJSON	   *copy;

		if (value == NULL || cJSON_GetObjectItemCaseSensitive(record, alias->field) != NULL)
			continue;
		copy = cJSON_Duplicate(value, true);
		if (copy == NULL || !cJSON_AddItemToObject(record, alias->field, copy))
		{
			cJSON_Delete(copy);
			ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
		}
	}
}

/*
 * Adds the key to a record.  What the store calls by the name of the key is not
 * it.
 */
static void
add_key(const BcdKey *key, cJSON *record)
{
	StringInfoData text;
	const BcdMadeOf *part;

	initStringInfo(&text);
	for (part = key->made_of; part->field; part++)
	{
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(record, part->field);

		append_value(&text, part, part == key->made_of,
					 cJSON_IsString(value) || cJSON_IsNumber(value) ? bcd_json_text(value) : NULL);
	}
	while (cJSON_GetObjectItemCaseSensitive(record, name_of(key)) != NULL)
		cJSON_DeleteItemFromObjectCaseSensitive(record, name_of(key));
	if (cJSON_AddStringToObject(record, name_of(key), text.data) == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	pfree(text.data);
}

static void
complete(const BcdResource *resource, cJSON *record)
{
	const BcdKey *key = made_key(resource);

	if (!cJSON_IsObject(record))
		return;
	add_aliases(resource, record);
	if (key)
		add_key(key, record);
}

/*
 * Completes the records of a reply: a list, a single one, or one without the
 * envelope.  In a reply that is parsed once more, it does no harm.
 */
void
bcd_complete_records(const BcdResource *resource, cJSON *reply)
{
	cJSON	   *data = cJSON_IsObject(reply) ? cJSON_GetObjectItemCaseSensitive(reply, "data") : NULL;
	cJSON	   *record;

	if (resource->aliases == NULL && made_key(resource) == NULL)
		return;
	if (data == NULL)
		complete(resource, reply);
	else if (cJSON_IsObject(data))
		complete(resource, data);
	else
		cJSON_ArrayForEach(record, data)
			complete(resource, record);
}
