/*
 * body.c
 *		Builds the bodies of requests: the JSON for the tasks of one request.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "payload/address.h"
#include "payload/body.h"
#include "payload/counted.h"
#include "payload/made_key.h"
#include "payload/payload.h"
#include "resource/resource.h"

static void
append_jsonb(StringInfo out, Jsonb *jsonb)
{
	(void) JsonbToCString(out, &jsonb->root, VARSIZE(jsonb));
}

/* Separates members of the object that is being built. */
static void
append_separator(StringInfo out)
{
	if (out->data[out->len - 1] != '{')
		appendStringInfoString(out, ", ");
}

static void
append_member(StringInfo out, const char *name, const char *json)
{
	append_separator(out);
	appendStringInfo(out, "\"%s\": %s", name, json);
}

/* Appends the members of a jsonb object to the object that is being built. */
static void
append_members_of(StringInfo out, Jsonb *fields)
{
	StringInfoData text;

	initStringInfo(&text);
	append_jsonb(&text, fields);
	text.data[text.len - 1] = '\0';
	if (text.data[1] != '\0')
	{
		append_separator(out);
		appendStringInfoString(out, text.data + 1);
	}
	pfree(text.data);
}

/* Adds a field of the row that is sent even if it has not changed. */
static Jsonb *
with_needed(Jsonb *changes, Jsonb *row, const char *field)
{
	char	   *value = row ? bcd_payload_text(row, field) : NULL;
	JsonbValue	v;

	if (value == NULL || bcd_payload_has(changes, field))
		return changes;
	v.type = jbvString;
	v.val.string.val = value;
	v.val.string.len = strlen(value);
	return bcd_payload_set(changes, field, &v);
}

/* Returns a value of a jsonb object as JSON, or NULL if it has none. */
static char *
json_of(Jsonb *fields, const char *name)
{
	StringInfoData json;
	JsonbValue	v;

	if (fields == NULL || getKeyJsonValueFromContainer(&fields->root, name, strlen(name), &v) == NULL)
		return NULL;
	initStringInfo(&json);
	if (v.type == jbvBinary)
		(void) JsonbToCString(&json, v.val.binary.data, v.val.binary.len);
	else
	{
		Jsonb	   *scalar = JsonbValueToJsonb(&v);

		append_jsonb(&json, scalar);
	}
	return json.data;
}

/*
 * Returns an id as JSON: a number if it consists of digits, otherwise a
 * string.
 */
static char *
json_of_id(const char *id)
{
	StringInfoData json;

	if (id == NULL)
		return NULL;
	initStringInfo(&json);
	/* null: in a preview, the id of a record that does not exist yet */
	if (strspn(id, "0123456789") == strlen(id) || strcmp(id, "null") == 0)
		appendStringInfoString(&json, id);
	else
		escape_json(&json, id);
	return json.data;
}

/* Appends the field that identifies a record, as a member or as an object. */
static void
append_identity(StringInfo out, const BcdTask *task, const BcdMember *member)
{
	const char *identity = bcd_address_identity(task->resource, task->row);
	char	   *json = identity ? json_of(task->row, identity) : NULL;

	if (json == NULL)
		elog(ERROR, "the body of a request has nothing that identifies a record of resource %s",
			 task->resource->name);
	if (member->name[0])
		append_member(out, member->name, psprintf("{\"%s\": %s}", identity, json));
	else
		append_member(out, identity, json);
}

static void
append_special(StringInfo out, const BcdTask *task, const BcdMember *member)
{
	char	   *json = NULL;

	if (member->from == BCD_FROM_IDENTITY)
	{
		append_identity(out, task, member);
		return;
	}

	switch (member->from)
	{
		case BCD_FROM_NOTHING:
		case BCD_FROM_CONSTANT:
		case BCD_FROM_IDENTITY:
			break;
		case BCD_FROM_FIELD:
			json = json_of(task->fields, member->what);
			if (json == NULL)
				json = json_of(task->row, member->what);
			break;
		case BCD_FROM_ID:
			json = json_of_id(task->id ? task->id : "null");
			break;
		case BCD_FROM_PARENT:
			json = json_of_id(task->parent ? task->parent : "null");
			break;
		case BCD_FROM_OPTION:
			json = json_of(task->options, member->what);
			break;
		case BCD_FROM_DIFFERENCE:
			json = bcd_counted_difference(task->fields, task->was, member->what);
			break;
	}
	if (json == NULL && member->otherwise == NULL)
		elog(ERROR, "the body of a request has no value for \"%s\"", member->name);
	append_member(out, member->name, json ? json : member->otherwise);
}

/* Returns whether the members replace the fields. */
static bool
members_are_all(const BcdAction *action)
{
	const BcdMember *member;

	for (member = action->members; member && member->from != BCD_FROM_NOTHING; member++)
		if (member->from == BCD_FROM_FIELD)
			return true;
	return false;
}

/* A field that is part of the path is not repeated in the body. */
static bool
is_not_in_path(const char *name, JsonbValue *value, void *path)
{
	return strstr(path, psprintf("{%s}", name)) == NULL;
}

/* Nor is one that is a member anyway. */
static bool
is_no_member(const char *name, JsonbValue *value, void *members)
{
	const BcdMember *member;

	for (member = members; member->from != BCD_FROM_NOTHING; member++)
		if (strcmp(member->name, name) == 0)
			return false;
	return true;
}

/* Appends the object for one task, which may be one of several in a body. */
void
bcd_body_append_object(StringInfo out, const BcdTask *task)
{
	const BcdAction *action = task->action;
	const BcdMember *member;
	bool		all = members_are_all(action);
	Jsonb	   *fields = bcd_without_made_key(task->resource, task->fields);

	appendStringInfoChar(out, '{');
	if (task->id && action->endpoint->body == BCD_ARRAY && !all && !task->resource->upserts)
		append_member(out, task->facet->collection || task->resource->id == NULL ? "id" : task->resource->id,
					  json_of_id(task->id));
	for (member = action->members; member && member->from != BCD_FROM_NOTHING; member++)
		append_special(out, task, member);
	if (!all)
	{
		if (action->needs)
			fields = with_needed(fields, task->row, action->needs);
		if (strchr(action->endpoint->path, '{'))
			fields = bcd_payload_filter(fields, is_not_in_path, (void *) action->endpoint->path);
		if (action->members)
			fields = bcd_payload_filter(fields, is_no_member, (void *) action->members);
		append_members_of(out, fields);
	}
	appendStringInfoChar(out, '}');
}

/* Appends the elements of an array to one that is being built. */
static void
append_elements(StringInfo out, Jsonb *array)
{
	StringInfoData text;

	initStringInfo(&text);
	append_jsonb(&text, array);
	text.data[text.len - 1] = '\0';
	appendStringInfoString(out, text.data + 1);
	pfree(text.data);
}

/*
 * Appends the object for a record whose update has elements below it: those of
 * the first of these tasks, and of all others that are about the same.  Returns
 * how many that are.
 */
int
bcd_body_append_together(StringInfo out, BcdTask *const *tasks, int n)
{
	const char *record = tasks[0]->parent ? tasks[0]->parent : "null";
	int			i;

	appendStringInfo(out, "{\"%s\": %s, \"%s\": [", tasks[0]->resource->id, json_of_id(record), tasks[0]->facet->collection);
	for (i = 0; i < n && tasks[i]->facet == tasks[0]->facet && strcmp(tasks[i]->parent ? tasks[i]->parent : "null", record) == 0; i++)
	{
		if (i > 0)
			appendStringInfoString(out, ", ");
		if (tasks[i]->beside && JB_ROOT_COUNT(tasks[i]->beside) > 0)
		{
			append_elements(out, tasks[i]->beside);
			appendStringInfoString(out, ", ");
		}
		bcd_body_append_object(out, tasks[i]);
	}
	appendStringInfoString(out, "]}");
	return i;
}

/* A list without ids might mean all records. */
static void
append_id(StringInfo out, const BcdTask *task)
{
	if (task->id == NULL)
		elog(ERROR, "the body of a request has no id of a record of resource %s", task->resource->name);
	appendStringInfoString(out, json_of_id(task->id));
}

/* Appends the body of a request for these tasks, if it has one. */
void
bcd_body_append(StringInfo out, BcdTask *const *tasks, int n)
{
	const BcdEndpoint *endpoint = tasks[0]->action->endpoint;
	int			i;

	if (endpoint->body == BCD_NO_BODY)
		return;
	if (endpoint->inside)
		appendStringInfo(out, "{%s%s\"%s\": ", endpoint->beside ? endpoint->beside : "",
						 endpoint->beside ? ", " : "", endpoint->inside);
	if (endpoint->body != BCD_ONE)
		appendStringInfoChar(out, '[');
	for (i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		if (tasks[i]->action == &tasks[i]->facet->together)
			i += bcd_body_append_together(out, tasks + i, n - i) - 1;
		else if (endpoint->body == BCD_IDS)
			append_id(out, tasks[i]);
		else
			bcd_body_append_object(out, tasks[i]);
	}
	if (endpoint->body != BCD_ONE)
		appendStringInfoChar(out, ']');
	if (endpoint->inside)
		appendStringInfoChar(out, '}');
}

/*
 * Returns the fields of a row that a create sends. A field with a default is
 * filled in if the row has no value, and so is the one that is sent beside it.
 * default_id is 0 if the default is not known yet; the field is then left out.
 */
Jsonb *
bcd_body_of_new(const BcdResource *resource, Jsonb *wanted, int64 default_id)
{
	const char *field = resource->defaulted;
	const char *beside = field ? bcd_resource_field(resource, field)->otherwise->beside : NULL;

	if (field == NULL)
		return wanted;
	if (bcd_payload_integer(wanted, beside) == 0)
		wanted = bcd_payload_set_integer(wanted, beside, 0);
	if (bcd_payload_integer(wanted, field) == 0 && default_id != 0)
		wanted = bcd_payload_set_integer(wanted, field, default_id);
	return wanted;
}
