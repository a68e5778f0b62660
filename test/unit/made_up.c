/*
 * made_up.c
 *		Resources that no API has, planned by the code that plans those it has.
 *
 * A library for test/t/plan_made_up_resource.pl, which builds it with the rooms
 * resource and payload: it adds the descriptors of a resource with a field facet
 * and collections, and of one that its key addresses.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "payload/body.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/fields.h"
#include "resource/resource.h"

PG_MODULE_MAGIC;

extern void _PG_init(void);

PG_FUNCTION_INFO_V1(made_up_requests);

static const BcdEndpoint widget_create = {"POST", "/widgets", 1, BCD_ONE};
static const BcdEndpoint widget_update = {"PUT", "/widgets", 3, BCD_ARRAY};
static const BcdEndpoint widget_delete = {"DELETE", "/widgets", 100};
static const BcdEndpoint dial = {"PUT", "/dials", 100, BCD_ARRAY,.inside = "dials",.beside = "\"by\": \"us\""};
static const BcdEndpoint cog_create = {"POST", "/widgets/{parent}/cogs", 2, BCD_ARRAY};
static const BcdEndpoint cog_update = {"PUT", "/cogs", 10, BCD_ARRAY};
static const BcdEndpoint widget_cogs = {"PUT", "/widgets", 20, BCD_ARRAY,.parents = 3};
static const BcdEndpoint cog_delete = {"DELETE", "/widgets/{parent}/cogs/{id}", 1};
static const BcdEndpoint label_put = {"PUT", "/labels", 10, BCD_ARRAY};
static const BcdEndpoint label_delete = {"DELETE", "/labels", 50};
static const BcdEndpoint rate_put = {"PUT", "/lists/{list_id}/rates", 4, BCD_ARRAY};
static const BcdEndpoint rate_delete = {"DELETE", "/lists/{list_id}/rates", 4};

static const BcdField cog_fields[] = {
	WHOLE("code", 0, 100, BCD_F_REQUIRED),
	WHOLE("teeth", 0, 100, 0),
};
static const BcdField label_fields[] = {
	TEXT("name", 1, 50, BCD_F_REQUIRED),
	TEXT("space", 1, 50, BCD_F_REQUIRED),
	WHOLE("value", 0, 100, 0),
};
static const BcdRecords cogs = {BCD_FIELDS(cog_fields),.key = BCD_LIST("code")};
static const BcdRecords labels = {BCD_FIELDS(label_fields),.key = BCD_LIST("space", "name"),.kin = 1};

static const BcdField widget_fields[] = {
	RECORDS("cogs", 10, &cogs, "cogs"),
	RECORDS("labels", 10, &labels, "labels"),
	{"level", BCD_INTEGER, 0, 100, -1, 0,.facet = "dial"},
	TEXT("name", 1, 50, BCD_F_REQUIRED),
	PRICE("price", 0),
};
static const BcdMember dial_members[] = {
	{"room", BCD_FROM_OPTION, "room", "1"},
	{"widget", BCD_FROM_ID},
	{"set_to", BCD_FROM_FIELD, "level"},
	{NULL}
};
static const BcdMember label_members[] = {{"widget_id", BCD_FROM_PARENT}, {NULL}};

static const BcdFacet widget_facets[] = {
	{.create = {&widget_create},.update = {&widget_update,.needs = "name"},.remove = {&widget_delete, "id:in={id,}"}},
	{.name = "dial",.nested = true,.placed_by = "room",.update = {&dial,.members = dial_members}},
	{.name = "cogs",.nested = true,.collection = "cogs",
	.create = {&cog_create},.update = {&cog_update},.remove = {&cog_delete},.together = {&widget_cogs}},
	{.name = "labels",.collection = "labels",
		.create = {&label_put,.members = label_members},
	.update = {&label_put,.members = label_members,.whole = true},.remove = {&label_delete, "id:in={id,}"}},
};
static const BcdKey widget_keys[] = {{BCD_LIST("name")}, {NULL}};

static const BcdField rate_fields[] = {
	TEXT("currency", 3, 3, BCD_F_REQUIRED),
	REFERENCE("list_id", QUANTITY_MOST, "widget"),
	PRICE("price", 0),
	PRICE("sale", 0),
	REFERENCE("widget_id", QUANTITY_MOST, "widget"),
};
static const BcdFacet rate_facets[] = {
	{.update = {&rate_put,.whole = true},.remove = {&rate_delete, "widget_id:in={widget_id,}&currency={currency}"}},
};
static const BcdKey rate_keys[] = {{BCD_LIST("list_id", "widget_id", "currency")}, {NULL}};

static const BcdResource resources[] = {
	{.name = "widget",.id = "id",.keys = widget_keys, BCD_FIELDS(widget_fields), BCD_FACETS(widget_facets)},
	{.name = "rate",.id = NULL,.keys = rate_keys, BCD_FIELDS(rate_fields), BCD_FACETS(rate_facets)},
};

void
_PG_init(void)
{
}

/* A member of a row that is an object, or NULL. */
static Jsonb *
object_of(Jsonb *row, const char *name)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&row->root, name, strlen(name), &v) == NULL || v.type != jbvBinary)
		return NULL;
	return JsonbValueToJsonb(&v);
}

/* An update of a record does the tasks that can go along with it. */
static List *
with_riders(List *tasks)
{
	int			riders = bcd_tasks_riders(tasks);
	BcdTask    *first = tasks ? linitial(tasks) : NULL;

	if (riders == 0)
		return tasks;
	first->fields = bcd_fields_with_riders(first->fields, list_copy_tail(tasks, 1), riders);
	return list_concat(list_make1(first), list_copy_tail(tasks, 1 + riders));
}

static List *
tasks_of(Jsonb *row)
{
	BcdTaskRow	r = {0};
	char	   *resource = bcd_payload_text(row, "resource");
	int			i;

	for (i = 0; strcmp(resources[i].name, resource) != 0; i++)
		;
	r.resource = &resources[i];
	r.id = bcd_payload_text(row, "id");
	r.wanted = object_of(row, "wanted");
	r.known = object_of(row, "known");
	r.options = object_of(row, "options");
	r.merged = (uint32) bcd_payload_integer(row, "merged");
	r.together = (uint32) bcd_payload_integer(row, "together");
	return with_riders(bcd_tasks(&r));
}

/* One request, and the body that it has. */
static void
append_request(StringInfo out, BcdTask **tasks, int n)
{
	appendStringInfo(out, "%s %s ", tasks[0]->action->endpoint->method, bcd_task_path(tasks, n));
	bcd_body_append(out, tasks, n);
	if (out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	appendStringInfoChar(out, '\n');
}

/*
 * made_up_requests(rows jsonb) returns text: the requests for these rows, one a
 * line.  A gate is stood in for by all tasks at one endpoint, in their order.
 */
Datum
made_up_requests(PG_FUNCTION_ARGS)
{
	Jsonb	   *rows = PG_GETARG_JSONB_P(0);
	List	   *tasks = NIL;
	StringInfoData out;
	uint32		i;

	for (i = 0; i < JB_ROOT_COUNT(rows); i++)
		tasks = list_concat(tasks, tasks_of(JsonbValueToJsonb(getIthJsonbValueFromContainer(&rows->root, i))));
	initStringInfo(&out);
	while (tasks != NIL)
	{
		BcdTask   **batch = palloc(sizeof(BcdTask *) * list_length(tasks));
		List	   *rest = NIL;
		int			n = 0;
		ListCell   *lc;

		foreach(lc, tasks)
		{
			BcdTask    *task = lfirst(lc);

			if (n == 0 || (n < task->action->endpoint->batch && bcd_task_may_join(batch[0], task)))
				batch[n++] = task;
			else
				rest = lappend(rest, task);
		}
		append_request(&out, batch, n);
		tasks = rest;
	}
	PG_RETURN_TEXT_P(cstring_to_text(out.data));
}
