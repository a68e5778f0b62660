/*
 * why_read.c
 *		Reads the record of one row, for why().
 *
 * The session asks the worker, as a scan of a foreign table does: one call, at
 * the lowest priority, with the access token of the feed's owner.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/json.h"
#include "foreign/channel.h"
#include "foreign/limit.h"
#include "foreign/request.h"
#include "functions/why_read.h"
#include "payload/made_key.h"
#include "resource/filter.h"
#include "resource/registry.h"

/* The parameter that limits the list to some ids, or NULL */
static const BcdFilter *
filter_by_id(const BcdResource *r)
{
	const BcdFilter *filter;

	for (filter = r->filters; r->id && r->list.endpoint && filter && filter->field; filter++)
		if (strcmp(filter->field, r->id) == 0 && (filter->by == BCD_BY_IN || filter->by == BCD_BY_EQUAL))
			return filter;
	return NULL;
}

/* The fields of a feed that the list shows, as the columns of a table */
static BcdTable *
table_of(const BcdFeed *feed, Oid serverid, Bitmapset **columns)
{
	BcdTable   *table = palloc0(sizeof(BcdTable));
	int			i;

	table->serverid = serverid;
	table->name = feed->name;
	table->resource = feed->resource;
	table->page = 1;
	table->columns = palloc0(sizeof(BcdColumn) * feed->nfields);
	for (i = 0; i < feed->nfields; i++)
	{
		const BcdField *field = feed->fields[i].field;

		if (!bcd_resource_shows(feed->resource, field))
			continue;
		table->columns[table->ncolumns].name = field->name;
		table->columns[table->ncolumns++].field = field;
		*columns = bms_add_member(*columns, table->ncolumns);
	}
	return table;
}

static char *
path_of(const BcdTable *table, const Bitmapset *columns, const BcdFilter *filter, int64 store_id)
{
	char	   *id = psprintf(INT64_FORMAT, store_id);
	BcdRequests requests;
	int			limit;
	const char *shown = bcd_requests_shown(table, columns, &limit);

	bcd_requests_begin(&requests, table, shown, limit);
	(void) bcd_requests_limit_to(&requests, filter, &id, 1);
	bcd_requests_ready(&requests);
	return bcd_requests_path(&requests);
}

/* Takes the record out of a list; NULL: it is not there. */
static cJSON *
take_record(cJSON *reply, const BcdResource *r, int64 store_id)
{
	cJSON	   *records = cJSON_IsArray(reply) ? reply : cJSON_GetObjectItemCaseSensitive(reply, "data");
	cJSON	   *record;
	int64		id;

	cJSON_ArrayForEach(record, records)
		if (bcd_json_id(record, r->id, &id) && id == store_id)
		return cJSON_DetachItemViaPointer(records, record);
	return NULL;
}

static void
delete_record(void *record)
{
	cJSON_Delete(record);
}

/* Makes a record live as long as the current memory context. */
static const cJSON *
keep(cJSON *record)
{
	MemoryContextCallback *end = palloc(sizeof(MemoryContextCallback));

	end->func = delete_record;
	end->arg = record;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, end);
	return record;
}

/*
 * Returns the record of a row as the store has it now, or NULL if it is gone, in
 * the current memory context.  Raises an error if it cannot be read.
 */
const cJSON *
bcd_why_read(const BcdFeed *feed, int64 store_id)
{
	const BcdFilter *filter = filter_by_id(feed->resource);
	Oid			serverid = get_foreign_server_oid(feed->server, false);
	Bitmapset  *columns = NULL;
	BcdTable   *table;
	BcdChannel *channel;
	BcdScanReply answer;
	const char *reason = "it is empty";
	char	   *path;
	char	   *body;
	Size		len;
	cJSON	   *reply;
	cJSON	   *record;

	if (filter == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("records of resource %s cannot be read one by one", feed->resource->name),
				 errhint("SELECT * FROM bcdelta.verify(%s, keys => ARRAY[...]) compares them; bcdelta.discrepancy has the differences.",
						 quote_literal_cstr(feed->name))));
	table = table_of(feed, serverid, &columns);
	path = path_of(table, columns, filter, store_id);
	bcd_calls_check(table, path, 1);
	channel = bcd_channel_open(serverid, feed->owner);
	bcd_channel_ask(channel, path);
	body = bcd_channel_take(channel, &answer, &len);
	bcd_calls_made(answer.calls);
	reply = answer.status == 204 ? cJSON_CreateArray() : len > 0 ? bcd_json_parse(body, len, &reason) : NULL;
	bcd_channel_close(channel);
	if (reply == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("the store's reply to GET %s cannot be read: %s", path, reason)));
	bcd_complete_records(feed->resource, reply);
	record = take_record(reply, feed->resource, store_id);
	cJSON_Delete(reply);
	return record ? keep(record) : NULL;
}
