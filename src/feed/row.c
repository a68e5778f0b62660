/*
 * row.c
 *		Reading one source row through its feed's mapping.
 *
 * The mapping's expressions are a user's SQL. They run as the feed's owner in
 * a security-restricted operation, in a separate read-only subtransaction,
 * through mapping_guard.c: any error in a row is that row's result.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping_guard.h"
#include "feed/named.h"
#include "feed/ref.h"
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
 */
SPIPlanPtr
bcd_row_plan(const BcdFeed *feed, const char *sql)
{
	int			options = get_rel_relkind(feed->source) == RELKIND_RELATION ? CURSOR_OPT_GENERIC_PLAN : 0;
	Oid		   *types = palloc(sizeof(Oid) * feed->nkeys);
	SPIPlanPtr	plan;
	int			i;

	for (i = 0; i < feed->nkeys; i++)
		types[i] = feed->keys[i].type;
	plan = SPI_prepare_cursor(sql, feed->nkeys, types, options);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "could not prepare a query of feed \"%s\": %s", feed->name,
			 SPI_result_code_string(SPI_result));
	return plan;
}

/*
 * Plans the query that reads one row by its key; as the feed's owner, inside
 * bcd_become().  An error is a fault of the mapping.
 */
void
bcd_feed_prepare(BcdFeed *feed)
{
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < feed->nfields; i++)
		appendStringInfo(&sql, "%spg_catalog.to_jsonb(f%d)", i ? ", " : "", i + 1);
	if (feed->options.modified)
		appendStringInfo(&sql, "%smodified", i ? ", " : "");
	appendStringInfo(&sql, " FROM (%s) AS mapped",
					 bcd_feed_select(feed, bcd_key_condition(feed)));
	feed->row_plan = bcd_row_plan(feed, sql.data);
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
	if (SPI_execute_plan(feed->row_plan, values, nulls, true, 1) != SPI_OK_SELECT)
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
 * Builds the payload from the result of the row plan.  Returns NULL, or a
 * message that says which value the API does not accept.
 *
 * SQL nulls are left out, JSON nulls are kept.
 */
static char *
build_payload(BcdFeed *feed, Jsonb **payload)
{
	JsonbParseState *state = NULL;
	Datum	   *values = palloc(sizeof(Datum) * (feed->nfields + 1));
	bool	   *nulls = palloc(sizeof(bool) * (feed->nfields + 1));
	int			i;

	bcd_check_encoding();
	/* one column more is for option "modified" */
	bcd_columns(0, values, nulls);
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
 * Sets the payload of a row that was found, in the current context, without
 * any other memory.
 */
static void
set_payload(BcdFeed *feed, BcdRow *row)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Jsonb	   *payload = NULL;
	char	   *message = build_payload(feed, &payload);

	row->modified = feed->options.modified ? bcd_column_time(0, feed->nfields + 1) : DT_NOBEGIN;
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

typedef struct Reading
{
	BcdFeed    *feed;
	const char *key;
	bool		filter_only;	/* the mapping is not evaluated */
} Reading;

/* Plans the query that finds a row by its key if it satisfies the filter. */
static void
prepare_filter(BcdFeed *feed)
{
	feed->filter_plan = bcd_row_plan(feed, psprintf("SELECT FROM %s WHERE %s%s", bcd_feed_from(feed),
													bcd_key_condition(feed), filter_sql(feed)));
}

/* The feed's code, behind the guard */
static void
run_mapping(void *arg)
{
	Reading    *r = arg;
	BcdFeed    *feed = r->feed;
	Datum	   *values;
	int			rc;

	XactReadOnly = true;
	values = bcd_key_parse(feed, r->key);
	if (r->filter_only && feed->filter_plan == NULL)
		prepare_filter(feed);
	else if (!r->filter_only && feed->row_plan == NULL)
		bcd_feed_prepare(feed);
	/* planning may have evaluated a reference */
	bcd_ref_forget();
	bcd_named_forget();
	rc = SPI_execute_plan(r->filter_only ? feed->filter_plan : feed->row_plan, values, NULL, true, 1);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not read feed \"%s\": %s", feed->name, SPI_result_code_string(rc));
}

/* Reads the row of one key.  Called in the subtransaction. */
static void
read_row(BcdFeed *feed, const char *key, bool filter_only, BcdRow *row, MemoryContext result_cxt)
{
	Reading		r = {feed, key, filter_only};
	MemoryContext old;

	bcd_guard_run(feed, key, 1, run_mapping, &r);
	old = MemoryContextSwitchTo(result_cxt);

	/*
	 * with a filter, a reference in a function may have been null: the row
	 * may exist
	 */
	if (SPI_processed == 0 && feed->filter == NULL)
		row->state = BCD_ROW_MISSING;
	else if (bcd_named_blames(row))
		Assert(row->message);
	else if (bcd_ref_missing(&row->waits_feed, &row->waits_key))
		row->state = BCD_ROW_DEFERRED;
	else if (SPI_processed == 0)
		row->state = BCD_ROW_MISSING;
	else if (filter_only)
		row->state = BCD_ROW_FOUND;
	else
		set_payload(feed, row);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Temporary errors, after which a row can be tried again: a session has locked
 * a table that it reads, or cancelled the statement; the disk is full. All
 * other errors belong to the row, whose code has raised them.
 */
bool
bcd_row_error_passes(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_DISK_FULL ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/*
 * The subtransaction is always rolled back, so no effects of an expression
 * remain when the next row is read, neither an open cursor nor a lock.
 */
static void
try_row(BcdFeed *feed, const char *key, bool filter_only, BcdRow *row)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	memset(row, 0, sizeof(*row));
	bcd_ref_begin(cxt, feed->server_store);
	bcd_named_begin(feed, cxt);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(CurTransactionContext);
	PG_TRY();
	{
		read_row(feed, key, filter_only, row, cxt);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		row->state = bcd_row_error_passes(error->sqlerrcode) ? BCD_ROW_HELD_UP : BCD_ROW_INVALID;
		row->message = error->detail ? psprintf("%s (%s)", error->message, error->detail) :
			error->message;
		row->error = error;
		/* the code may have failed because it got a null instead of an id */
		if (row->state == BCD_ROW_INVALID)
			(void) bcd_named_blames(row);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	bcd_ref_end();
	bcd_named_end();
}

/* Reads one source row; see BcdRow.  SPI is connected, a snapshot is active. */
void
bcd_feed_try_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	try_row(feed, key, false, row);
}

/*
 * Finds out in the same way whether the row of a key satisfies the filter,
 * which there is.  The mapping is not evaluated, and there is no payload.
 */
void
bcd_row_try_filter(BcdFeed *feed, const char *key, BcdRow *row)
{
	try_row(feed, key, true, row);
}

char *
bcd_row_locked_words(const BcdFeed *feed)
{
	return psprintf("table %s is locked by another session", bcd_feed_from(feed));
}

/* The same outside a claim, when the source may be locked. */
void
bcd_feed_look_at_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	if (bcd_feed_try_lock(feed))
		bcd_feed_try_row(feed, key, row);
	else
	{
		memset(row, 0, sizeof(*row));
		row->state = BCD_ROW_HELD_UP;
		row->message = bcd_row_locked_words(feed);
	}
}

/*
 * The same for callers that cannot skip a row: raises the error that holds it
 * up.
 */
void
bcd_feed_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	bcd_feed_try_row(feed, key, row);
	if (row->state == BCD_ROW_HELD_UP)
		ReThrowError(row->error);
	bcd_named_check_row(feed, row);
}

/*
 * Raises an error if a session has locked the source against reading.  The
 * worker does not wait, since it has other work, and tries again later.
 */
bool
bcd_feed_try_lock(const BcdFeed *feed)
{
	return ConditionalLockRelationOid(feed->source, AccessShareLock);
}

void
bcd_feed_lock(const BcdFeed *feed)
{
	if (!bcd_feed_try_lock(feed))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("%s", bcd_row_locked_words(feed))));
}

static void
count_rows(void *arg)
{
	char	   *sql = psprintf("SELECT pg_catalog.count(*) FROM %s", bcd_feed_from(arg));

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", sql);
}

/* Returns how many rows the source has. */
int64
bcd_feed_count(BcdFeed *feed)
{
	bcd_guard_run(feed, NULL, BCD_TABLE_TURNS, count_rows, feed);
	return bcd_column_int64(0, 1, NULL);
}
