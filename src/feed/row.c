/*
 * row.c
 *		A feed's mapping as a query, and the payloads of the rows it returns.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/row.h"
#include "feed/typed_value.h"
#include "payload/made_key.h"
#include "payload/payload.h"

/* Returns the filter, to be appended to another condition. */
static char *
filter_sql(const BcdFeed *feed)
{
	return feed->filter ? psprintf(" AND (%s\n)", feed->filter) : "";
}

/*
 * Returns the mapping as one SELECT over the source: column n is the value of
 * field n's expression, and one more that of option "modified", if there is
 * one.  It returns rows that meet the condition (NULL: none), which comes
 * first, and the filter.
 */
char *
bcd_feed_select(const BcdFeed *feed, const char *condition)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < feed->nfields; i++)
		appendStringInfo(&sql, "%s(%s\n) AS f%d", i ? ", " : "", feed->fields[i].expression, i + 1);
	if (feed->options.modified)
		appendStringInfo(&sql, "%s(%s\n) AS modified", i ? ", " : "", feed->options.modified);
	appendStringInfo(&sql, " FROM %s WHERE %s%s", bcd_feed_from(feed),
					 condition ? condition : "true", filter_sql(feed));
	return sql.data;
}

/*
 * Plans a query whose parameters are the columns of a key.
 *
 * A table gets one plan for all keys, since none is unlike the others, and
 * planning a mapping that reads several views takes as long as evaluating it
 * for many rows.  Of a partitioned table, a plan for one key may need a single
 * partition.
 *
 * Returns NULL if many rows cannot be read by one query.
 */
static SPIPlanPtr
row_plan(const BcdFeed *feed, const char *sql, bool many)
{
	int			options = many || get_rel_relkind(feed->source) == RELKIND_RELATION ? CURSOR_OPT_GENERIC_PLAN : 0;
	Oid		   *types = palloc(sizeof(Oid) * feed->nkeys);
	SPIPlanPtr	plan;
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		types[i] = many ? get_array_type(feed->keys[i].type) : feed->keys[i].type;
	plan = SPI_prepare_cursor(sql, feed->nkeys, types, options);
	if (plan && many && bcd_plan_shares(plan))
		return NULL;
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a query of feed \"%s\": %s", feed->name,
			 SPI_result_code_string(SPI_result));
	return plan;
}

SPIPlanPtr
bcd_row_plan(const BcdFeed *feed, const char *sql)
{
	return row_plan(feed, sql, false);
}

/* Returns the query for the payload's values of the row that meets a condition. */
static char *
values_sql(const BcdFeed *feed, const char *condition)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < feed->nfields; i++)
		appendStringInfo(&sql, "%spg_catalog.to_jsonb(f%d) AS f%d", i ? ", " : "", i + 1, i + 1);
	if (feed->options.modified)
		appendStringInfo(&sql, "%smodified", i ? ", " : "");
	appendStringInfo(&sql, " FROM (%s) AS mapped", bcd_feed_select(feed, condition));
	return sql.data;
}

/* Returns the query that finds the row that meets a condition if it satisfies the filter. */
static char *
filter_query(const BcdFeed *feed, const char *condition)
{
	return psprintf("SELECT FROM %s WHERE %s%s", bcd_feed_from(feed), condition, filter_sql(feed));
}

/*
 * Plans the query that reads rows by arrays of the columns of their keys. There
 * is a row for each key, in the order of the arrays: the columns of the mapping,
 * whether the row was found, and the key's place in the arrays.
 *
 * LATERAL and LIMIT let nothing be computed for a row before it is fetched, nor
 * for another row of the same key, which child tables may have.  No expression
 * that is valid for a single row can mean one of our columns, whose names nobody
 * else uses.
 */
static SPIPlanPtr
plan_for_many(const BcdFeed *feed, bool filter_only)
{
	StringInfoData arrays;
	StringInfoData names;
	StringInfoData condition;
	int			i;

	initStringInfo(&arrays);
	initStringInfo(&names);
	initStringInfo(&condition);
	for (i = 0; i < feed->nkeys; i++)
	{
		appendStringInfo(&arrays, "%spg_catalog.unnest($%d)", i ? ", " : "", i + 1);
		appendStringInfo(&names, "\"bcdelta key %d\", ", i + 1);
		appendStringInfo(&condition, "%s%s %s \"bcdelta key %d\"", i ? " AND " : "",
						 quote_identifier(NameStr(feed->keys[i].name)), feed->keys[i].equals, i + 1);
	}
	return row_plan(feed,
					psprintf("SELECT found.*, \"bcdelta place\""
							 " FROM ROWS FROM (%s) WITH ORDINALITY AS keys (%s\"bcdelta place\")"
							 " LEFT JOIN LATERAL (SELECT one.*, true FROM (%s) AS one LIMIT 1) AS found ON true",
							 arrays.data, names.data,
							 filter_only ? filter_query(feed, condition.data) : values_sql(feed, condition.data)),
					true);
}

/*
 * Returns a plan that reads rows; as the feed's owner. An error is a fault of
 * the mapping.  NULL: rows of this feed have to be read alone.
 */
SPIPlanPtr
bcd_row_plan_for(BcdFeed *feed, BcdPlan plan)
{
	bool		filter_only = plan == BCD_PLAN_FILTER || plan == BCD_PLAN_FILTERS;

	if (feed->plans[plan] == NULL && (plan == BCD_PLAN_ROWS || plan == BCD_PLAN_FILTERS))
	{
		feed->plans[plan] = plan_for_many(feed, filter_only);
		feed->apart = feed->plans[plan] == NULL;
	}
	else if (feed->plans[plan] == NULL)
	{
		char	   *condition = bcd_key_condition(feed);

		feed->plans[plan] = bcd_row_plan(feed, filter_only ? filter_query(feed, condition) : values_sql(feed, condition));
	}
	return feed->plans[plan];
}

/*
 * Plans the query that reads one row by its key; as the feed's owner, inside
 * bcd_become().
 */
void
bcd_feed_prepare(BcdFeed *feed)
{
	(void) bcd_row_plan_for(feed, BCD_PLAN_ROW);
}

/*
 * Raises an error if the owner may not read what the mapping reads.  The query
 * is run for a key of nulls, which no row has, so that rights are checked and
 * nothing is computed.
 */
void
bcd_feed_check_rights(BcdFeed *feed)
{
	Datum	   *values = palloc0(sizeof(Datum) * feed->nkeys);
	char	   *nulls = palloc(feed->nkeys + 1);

	memset(nulls, 'n', feed->nkeys);
	nulls[feed->nkeys] = '\0';
	if (SPI_execute_plan(bcd_row_plan_for(feed, BCD_PLAN_ROW), values, nulls, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "could not read feed \"%s\"", feed->name);
	SPI_freetuptable(SPI_tuptable);
}

/* Text is sent to the store as it is, in the encoding of the database. */
void
bcd_check_encoding(void)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("database encoding %s is not supported", pg_encoding_to_char(encoding)),
				 errdetail("BigCommerce requires UTF-8."),
				 errhint("Use a database with encoding UTF8.")));
}

/*
 * Builds the payload from the values of the mapping.  Returns NULL, or a
 * message that says which value the API does not accept.
 *
 * SQL nulls are left out, JSON nulls are kept.
 */
static char *
build_payload(BcdFeed *feed, const Datum *values, const bool *nulls, Jsonb **payload)
{
	JsonbParseState *state = NULL;
	int			i;

	bcd_check_encoding();
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < feed->nfields; i++)
	{
		const BcdField *field = feed->fields[i].field;
		JsonbValue	key;
		JsonbValue	value;
		char	   *message;

		if (nulls[i])
			continue;
		bcd_jsonb_value(DatumGetJsonbP(values[i]), &value);
		message = bcd_payload_normalize(field, &value);
		if (message)
			return message;
		key.type = jbvString;
		key.val.string.val = (char *) field->name;
		key.val.string.len = strlen(field->name);
		(void) pushJsonbValue(&state, WJB_KEY, &key);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	*payload = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	*payload = bcd_with_made_key(feed->resource, *payload, *payload);
	return NULL;
}

/*
 * Sets the payload of a row that was found: the last result begins with the
 * columns of the mapping. In the current context, without any other memory.
 */
void
bcd_row_set_payload(BcdFeed *feed, BcdRow *row)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int			ncolumns = SPI_tuptable->tupdesc->natts;
	Datum	   *values = palloc(sizeof(Datum) * ncolumns);
	bool	   *nulls = palloc(sizeof(bool) * ncolumns);
	Jsonb	   *payload = NULL;
	char	   *message;

	bcd_columns(0, values, nulls);
	row->modified = feed->options.modified && !nulls[feed->nfields] ?
		DatumGetTimestampTz(values[feed->nfields]) : DT_NOBEGIN;
	message = build_payload(feed, values, nulls, &payload);
	if (message == NULL)
		message = bcd_typed_flaw(feed, payload);
	MemoryContextSwitchTo(old);
	if (message)
	{
		row->state = BCD_ROW_INVALID;
		row->message = pstrdup(message);
		MemoryContextDelete(scratch);
		return;
	}
	row->state = BCD_ROW_FOUND;
	row->payload = bcd_payload_keep(payload, scratch);
}
