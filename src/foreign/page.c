/*
 * page.c
 *		The records of a reply.
 *
 * A reply is not trusted: it is scanned, within the limits for all replies,
 * before PostgreSQL parses it. What is not a list of records is an error: rows
 * that are left out would be wrong rows.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "base/json.h"
#include "foreign/page.h"

static void
malformed(const BcdTable *table, const char *path, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("the store's reply for foreign table \"%s\" cannot be read: %s", table->name, what),
			 errdetail("The request was GET %s.", path)));
}

static JsonbValue *
member(JsonbContainer *object, const char *name, int len)
{
	return JsonContainerIsObject(object) ? getKeyJsonValueFromContainer(object, name, len, NULL) : NULL;
}

/* What a path of names leads to, or NULL */
static JsonbValue *
at_path(JsonbContainer *object, const char *path)
{
	JsonbValue *value = NULL;

	for (;;)
	{
		const char *dot = strchrnul(path, '.');

		value = member(object, path, dot - path);
		if (value == NULL || *dot == '\0')
			return value;
		if (value->type != jbvBinary)
			return NULL;
		object = value->val.binary.data;
		path = dot + 1;
	}
}

/* Reads a whole number that fits; false if it is none. */
static bool
whole_number(const JsonbValue *value, int64 *n)
{
	char	   *text;
	char	   *end;

	if (value == NULL || (value->type != jbvNumeric && value->type != jbvString))
		return false;
	text = value->type == jbvNumeric ?
		DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))) :
		pnstrdup(value->val.string.val, value->val.string.len);
	errno = 0;
	*n = strtoll(text, &end, 10);
	return errno == 0 && end > text && *end == '\0';
}

/* The number at a path, or 0 */
static int64
count_at(JsonbContainer *object, const char *path)
{
	int64		n;

	return whole_number(at_path(object, path), &n) && n > 0 ? Min(n, PG_INT32_MAX) : 0;
}

/* Finds the array of records: in V3 the member "data", in V2 the reply itself. */
static void
find_records(BcdRecordPage *page, JsonbContainer *reply, const BcdTable *table, const char *path)
{
	JsonbValue *data;
	int64		total;
	int64		size;

	page->page.bare = JsonContainerIsArray(reply) && !JsonContainerIsScalar(reply);
	if (page->page.bare)
	{
		page->records = reply;
		return;
	}
	if (!JsonContainerIsObject(reply))
		malformed(table, path, "it is no object");
	data = member(reply, "data", strlen("data"));
	if (data == NULL || data->type != jbvBinary || !JsonContainerIsArray(data->val.binary.data))
		malformed(table, path, "it has no array \"data\"");
	page->records = data->val.binary.data;
	page->page.total = count_at(reply, "meta.pagination.total");
	page->page.pages = count_at(reply, "meta.pagination.total_pages");
	/* as bcd_page_read() */
	size = Max(count_at(reply, "meta.pagination.per_page"), JsonContainerSize(page->records));
	if (page->page.pages > 0 && size > 0)
		page->page.pages = Max(page->page.pages, (page->page.total + size - 1) / size);
	page->told_total = whole_number(at_path(reply, "meta.pagination.total"), &total) && total >= 0;
	page->page.bare = member(reply, "meta", strlen("meta")) == NULL || page->page.pages == 0;
}

/* The nth record, or NULL if it is no object */
JsonbValue *
bcd_record_at(const BcdRecordPage *page, int n)
{
	JsonbValue *value = getIthJsonbValueFromContainer(page->records, n);

	return value && value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data) ? value : NULL;
}

/* The value of a field of a record, or NULL if that has none */
JsonbValue *
bcd_record_field(JsonbContainer *record, const BcdResource *r, const char *name)
{
	const BcdPlace *alias;

	for (alias = r->aliases; alias && alias->field; alias++)
		if (strcmp(alias->field, name) == 0)
			return at_path(record, alias->path);
	return member(record, name, strlen(name));
}

/* Reads the id of a record; false if it has no usable one. */
bool
bcd_record_id(JsonbContainer *record, const BcdResource *r, int64 *id)
{
	return whole_number(bcd_record_field(record, r, r->id), id) && *id > 0;
}

/* Counts the records, and finds their ids. */
static void
read_ids(BcdRecordPage *page, const BcdTable *table, const char *path)
{
	int			i;

	page->n = JsonContainerSize(page->records);
	page->ascends = true;
	page->page.records = page->n;
	for (i = 0; i < page->n; i++)
	{
		JsonbValue *record = bcd_record_at(page, i);
		int64		id;

		if (record == NULL)
			malformed(table, path, psprintf("record %d of the page is no object", i + 1));
		if (!bcd_record_id(record->val.binary.data, table->resource, &id))
			malformed(table, path, psprintf("record %d of the page has no usable %s", i + 1, table->resource->id));
		if (page->page.first == 0)
			page->page.first = id;
		page->ascends &= id > page->page.last;
		page->page.last = Max(page->page.last, id);
	}
}

/* What a reply is to, for messages of PostgreSQL's parser */
typedef struct Asked
{
	const BcdTable *table;
	const char *path;
} Asked;

static void
in_reply(void *arg)
{
	const Asked *asked = arg;

	errcontext("the store's reply for foreign table \"%s\", to GET %s", asked->table->name, asked->path);
}

static Jsonb *
parse(char *body, Size len, const BcdTable *table, const char *path)
{
	Asked		asked = {table, path};
	ErrorContextCallback callback = {error_context_stack, in_reply, &asked};
	Jsonb	   *json;

	error_context_stack = &callback;
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(pg_any_to_server(body, len, PG_UTF8))));
	error_context_stack = callback.previous;
	return json;
}

/*
 * Reads the body of a reply in the current memory context, in which the records
 * stay.  The body is changed.
 */
void
bcd_record_page_read(BcdRecordPage *page, const BcdTable *table, const char *path, int status, char *body, Size len)
{
	const char *reason;
	Jsonb	   *json;

	memset(page, 0, sizeof(*page));
	/* what V2 replies for an empty list */
	if (len == 0 && status == 204)
	{
		page->page.bare = true;
		return;
	}
	if (!bcd_json_scan(body, len, &reason))
		malformed(table, path, reason);
	json = parse(pnstrdup(body, len), len, table, path);
	find_records(page, &json->root, table, path);
	read_ids(page, table, path);
}
