/*
 * task_path.c
 *		The paths and queries of tasks, and which tasks can share a request.
 */
#include "postgres.h"

#include "base/json.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "payload/url.h"
#include "resource/resource.h"

/* Returns a key field of a record as text, or NULL if it has no value. */
static char *
key_text(Jsonb *fields, const char *name)
{
	char	   *text = bcd_payload_text(fields, name);

	return text && text[0] ? text : NULL;
}

/* Returns the value of a placeholder for a task, palloc'd, or NULL. */
static char *
value_of(const BcdTask *task, const char *name)
{
	const char *value;

	if (strcmp(name, "id") == 0)
		value = task->id;
	else if (strcmp(name, "parent") == 0)
		value = task->parent;
	else if (strcmp(name, "element") == 0)
		value = task->within;
	else if (strcmp(name, "identity_name") == 0)
		value = bcd_address_identity(task->resource, task->row);
	else if (strcmp(name, "identity") == 0)
	{
		const char *identity = bcd_address_identity(task->resource, task->row);

		value = identity ? key_text(task->row, identity) : NULL;
	}
	else
	{
		/*
		 * what is removed is where it is, and not where its row wants it; the
		 * fields of an element are its own
		 */
		bool		removes = task->action == &task->facet->remove && task->facet->collection == NULL;

		value = task->fields && !removes ? key_text(task->fields, name) : NULL;
		if (value == NULL && task->row)
			value = key_text(task->row, name);
	}
	return value ? pstrdup(value) : NULL;
}

/* Returns the next placeholder that all tasks of a request share, or NULL. */
static char *
next_shared(const char **template)
{
	const char *open;

	while (*template && (open = strchr(*template, '{')) != NULL)
	{
		const char *close = open + strcspn(open, "}");

		*template = close + 1;
		if (close[-1] != ',' && close[-1] != '?')
			return pnstrdup(open + 1, close - open - 1);
	}
	return NULL;
}

/* Does a request have values in its path or query that all its tasks must share? */
bool
bcd_action_shares(const BcdAction *action)
{
	const char *templates[] = {action->endpoint->path, action->query};
	int			i;

	for (i = 0; i < lengthof(templates); i++)
		if (next_shared(&templates[i]) != NULL)
			return true;
	return false;
}

/*
 * Is this how a field is asked to be empty?  A new record has nothing in a field
 * that it is not given, so there it may as well be left out.
 */
static bool
is_empty(Jsonb *fields, const char *name)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(&fields->root, name, strlen(name), &v) &&
		(v.type == jbvNull || (v.type == jbvString && v.val.string.len == 0));
}

/* May an endpoint not take a field? */
bool
bcd_endpoint_lacks(const BcdEndpoint *endpoint, const char *name)
{
	const char *const *field;

	for (field = endpoint->lacks; field && *field; field++)
		if (strcmp(*field, name) == 0)
			return true;
	return false;
}

static bool
is_taken(const char *name, JsonbValue *value, void *endpoint)
{
	return !bcd_endpoint_lacks(endpoint, name);
}

/* Returns the fields of a new record that an endpoint takes: the others are empty. */
Jsonb *
bcd_fields_taken(const BcdEndpoint *endpoint, Jsonb *fields)
{
	return endpoint->lacks ? bcd_payload_filter(fields, is_taken, (void *) endpoint) : fields;
}

/*
 * Returns the action by which a record with these fields is created together
 * with others, if there may be one, or else the same action.
 */
const BcdAction *
bcd_action_for_many(const BcdAction *action, Jsonb *fields)
{
	const char *const *field;
	BcdAction  *other;

	if (action->many == NULL)
		return action;
	for (field = action->many->lacks; field && *field; field++)
		if (bcd_payload_has(fields, *field) && !is_empty(fields, *field))
			return action;
	other = palloc(sizeof(BcdAction));
	*other = *action;
	other->endpoint = action->many;
	return other;
}

/*
 * Returns the name of a value that the path of a task's request needs and that
 * is not known, palloc'd, or NULL.
 */
char *
bcd_task_unknown(const BcdTask *task)
{
	const char *template = task->action->endpoint->path;
	char	   *name;

	while ((name = next_shared(&template)) != NULL)
		if (value_of(task, name) == NULL)
			break;
	return name;
}

static bool
same_shared(const char *template, const BcdTask *task, const BcdTask *other)
{
	char	   *name;

	while ((name = next_shared(&template)) != NULL)
	{
		char	   *a = value_of(task, name);
		char	   *b = value_of(other, name);

		if (a == NULL || b == NULL || strcmp(a, b) != 0)
			return false;
	}
	return true;
}

/* Returns whether two tasks can be part of one request, if it has room. */
bool
bcd_task_may_join(const BcdTask *task, const BcdTask *other)
{
	const BcdAction *a = task->action;
	const BcdAction *b = other->action;

	return a->endpoint == b->endpoint && a->query == b->query &&
		same_shared(a->endpoint->path, task, other) && same_shared(a->query, task, other);
}

static char *
nth_value(const char *name, int nth, const void *arg)
{
	return value_of(((BcdTask *const *) arg)[nth], name);
}

/*
 * Returns how many bytes a task adds to the query of a request: its values in
 * lists, with a comma each.
 */
int
bcd_task_query_bytes(const BcdTask *task)
{
	const char *query = task->action->query;
	const char *at = query ? query : "";
	StringInfoData text;
	int			bytes = 0;

	initStringInfo(&text);
	while ((at = strchr(at, '{')) != NULL)
	{
		const char *close = at + strcspn(at, "}");
		char	   *value = close[-1] == ',' ? value_of(task, pnstrdup(at + 1, close - at - 2)) : NULL;

		resetStringInfo(&text);
		if (value)
			bcd_url_escape(&text, value);
		bytes += text.len + (value != NULL);
		at = close;
	}
	return bytes;
}

/* Returns the path and query of a request for these tasks, palloc'd. */
char *
bcd_task_path(BcdTask *const *tasks, int n)
{
	StringInfoData url;

	initStringInfo(&url);
	bcd_url_append(&url, tasks[0]->action->endpoint->path, tasks[0]->action->query, n, nth_value, tasks);
	return url.data;
}
