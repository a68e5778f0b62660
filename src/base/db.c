/*
 * db.c
 *		SPI and transactions, with rights and search_path pinned.
 *
 * All statements on our own tables run as the extension's owner with
 * search_path set to pg_catalog: users call the SQL functions with a
 * search_path of their own, and an operator found through it would run with
 * our rights.
 *
 * After an error, (sub)transaction abort restores user and search_path; only
 * the normal path has to call the ending function.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/extension.h"

/*
 * Switches to a role and to a search_path of pg_catalog.
 *
 * With restricted set, the code cannot change session state either: for
 * expressions that somebody else wrote.
 */
void
bcd_become(BcdRights *saved, Oid userid, bool restricted)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	saved->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(userid, saved->sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   (restricted ? SECURITY_RESTRICTED_OPERATION : 0));
	(void) set_config_option("search_path", "pg_catalog, pg_temp",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* Back to the role and search_path before bcd_become(). */
void
bcd_become_again(const BcdRights *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/*
 * Sets the parameters that the text of a value depends on, so that every
 * session builds the same payload. Lasts until the end of the innermost GUC
 * nesting level.
 */
void
bcd_pin_settings(void)
{
	static const char *const settings[][2] = {
		{"datestyle", "ISO, YMD"},
		{"intervalstyle", "postgres"},
		{"timezone", "UTC"},
		{"extra_float_digits", "1"},
		{"bytea_output", "hex"},
		{"lc_monetary", "C"},
	};
	int			i;

	for (i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i][0], settings[i][1], PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
}

static Oid	extension = InvalidOid;

/* SPI as a role, such as the caller, with a safe search_path. */
void
bcd_spi_begin_as(BcdRights *saved, Oid userid)
{
	bcd_become(saved, userid, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/* SPI as the extension's owner, inside a transaction of the caller. */
void
bcd_spi_begin(BcdRights *saved)
{
	Oid			owner = bcd_extension_owner();

	/* the worker has looked before its turn */
	if (!OidIsValid(extension))
		bcd_extension_check();
	bcd_spi_begin_as(saved, owner);
}

void
bcd_spi_end(const BcdRights *saved)
{
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	bcd_become_again(saved);
}

static SPIPlanPtr
prepared(BcdStatement *statement)
{
	if (statement->plan == NULL)
	{
		/*
		 * planned once: otherwise, arrays that happen to have one element
		 * would cause a new plan
		 */
		SPIPlanPtr	plan = SPI_prepare_cursor(statement->sql, statement->nargs,
											  statement->argtypes, CURSOR_OPT_GENERIC_PLAN);

		if (plan == NULL || SPI_keepplan(plan) != 0)
			elog(ERROR, "could not prepare \"%s\": %s", statement->sql,
				 SPI_result_code_string(SPI_result));
		statement->plan = plan;
	}
	return statement->plan;
}

static uint64
execute(BcdStatement *statement, Datum *values, const char *nulls, bool as_seen, long limit)
{
	int			rc = SPI_execute_plan(prepared(statement), values, nulls, as_seen, limit);

	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->sql, SPI_result_code_string(rc));
	return SPI_processed;
}

/*
 * Runs a statement; returns the number of rows it processed, which are in
 * SPI_tuptable when it returns rows.
 */
uint64
bcd_execute(BcdStatement *statement, Datum *values, const char *nulls)
{
	return execute(statement, values, nulls, false, 0);
}

/*
 * The same, but keeps the current memory context, so that values read from the
 * rows can be returned in it.
 */
uint64
bcd_select(BcdStatement *statement, Datum *values, const char *nulls)
{
	MemoryContext cxt = CurrentMemoryContext;
	uint64		n = bcd_execute(statement, values, nulls);

	MemoryContextSwitchTo(cxt);
	return n;
}

/* Like bcd_execute(), for a query that is to return at most limit rows (0: all). */
uint64
bcd_query(BcdStatement *statement, Datum *values, const char *nulls, long limit)
{
	return execute(statement, values, nulls, false, limit);
}

/* The same with the current snapshot, so that several queries see the same data. */
uint64
bcd_query_as_seen(BcdStatement *statement, Datum *values, const char *nulls, long limit)
{
	return execute(statement, values, nulls, true, limit);
}

/*
 * The same with all data committed so far, even if the caller's transaction
 * keeps the snapshot it began with.
 */
uint64
bcd_query_newest(BcdStatement *statement, Datum *values, const char *nulls, long limit)
{
	int			rc = SPI_execute_snapshot(prepared(statement), values, nulls, GetLatestSnapshot(),
										  InvalidSnapshot, true, false, limit);

	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", statement->sql, SPI_result_code_string(rc));
	return SPI_processed;
}

/* A column of the last result as text in the current context, NULL for null. */
char *
bcd_column_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

Datum
bcd_column_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

/* All columns of a row of the last result */
void
bcd_columns(uint64 row, Datum *values, bool *nulls)
{
	heap_deform_tuple(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, values, nulls);
}

/* A bigint column of the last result; 0 for null. */
int64
bcd_column_int64(uint64 row, int column, bool *isnull)
{
	bool		null;
	Datum		value = bcd_column_datum(row, column, &null);

	if (isnull)
		*isnull = null;
	return null ? 0 : DatumGetInt64(value);
}

/* A boolean column of the last result; false for null. */
bool
bcd_column_bool(uint64 row, int column)
{
	bool		null;
	Datum		value = bcd_column_datum(row, column, &null);

	return !null && DatumGetBool(value);
}

/* A timestamptz column of the last result; -infinity for null. */
TimestampTz
bcd_column_time(uint64 row, int column)
{
	bool		null;
	Datum		value = bcd_column_datum(row, column, &null);

	return null ? DT_NOBEGIN : DatumGetTimestampTz(value);
}

/* A jsonb column of the last result in the current context, NULL for null. */
Jsonb *
bcd_column_jsonb(uint64 row, int column)
{
	bool		isnull;
	Datum		value = bcd_column_datum(row, column, &isnull);

	return isnull ? NULL : DatumGetJsonbPCopy(value);
}

/* A column of all n rows of the last result, as a list of strings. */
List *
bcd_column_list(uint64 n, int column)
{
	List	   *texts = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
		texts = lappend(texts, bcd_column_text(i, column));
	return texts;
}

/*
 * A column of type bigint[] of the first row, without nulls, as an array in the
 * current context; null is an empty one.
 */
int64 *
bcd_column_ids(int column, int *n)
{
	bool		isnull;
	Datum		value = bcd_column_datum(0, column, &isnull);
	ArrayType  *array;
	int64	   *ids;

	*n = 0;
	if (isnull)
		return palloc(sizeof(int64));
	array = DatumGetArrayTypeP(value);
	*n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	ids = palloc(sizeof(int64) * Max(*n, 1));
	memcpy(ids, ARR_DATA_PTR(array), sizeof(int64) * *n);
	return ids;
}

/* Names (name[]) as a list of strings */
List *
bcd_name_list(Datum names)
{
	List	   *list = NIL;
	Datum	   *elements;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(names), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, NULL, &n);
	for (i = 0; i < n; i++)
		list = lappend(list, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return list;
}

/* An argument of a statement, and its null flag */
Datum
bcd_text_or_null(const char *text, char *null)
{
	*null = text ? ' ' : 'n';
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

/* The same where an empty text stands for none */
Datum
bcd_filled_or_null(const char *text, char *null)
{
	return bcd_text_or_null(text && text[0] ? text : NULL, null);
}

Datum
bcd_jsonb_or_null(Jsonb *jsonb, char *null)
{
	*null = jsonb ? ' ' : 'n';
	return JsonbPGetDatum(jsonb);
}

Datum
bcd_name_datum(const char *name)
{
	return DirectFunctionCall1(namein, CStringGetDatum(name));
}

/* A list of strings, for unnest() or ANY */
Datum
bcd_text_array(List *texts)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(texts) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, texts)
		values[n++] = CStringGetTextDatum(lfirst(lc));
	return bcd_array(TEXTOID, values, NULL, n);
}

/* An array of values, for unnest() or ANY; nulls may be NULL if there are none. */
Datum
bcd_array(Oid type, Datum *values, bool *nulls, int n)
{
	int			lower_bound = 1;
	int16		typlen;
	bool		typbyval;
	char		typalign;

	get_typlenbyvalalign(type, &typlen, &typbyval, &typalign);
	return PointerGetDatum(construct_md_array(values, nulls, 1, &n, &lower_bound, type,
											  typlen, typbyval, typalign));
}

/*
 * From now on the worker's transactions begin with a lock on the extension.
 * DROP EXTENSION also takes this lock first, so the two wait for each other
 * only there, and never deadlock.
 */
void
bcd_tx_use_extension(void)
{
	extension = get_extension_oid(BCD_EXTENSION, true);
}

/*
 * Was the extension dropped and created again since bcd_tx_use_extension(), or
 * brought to another version than this library's?  Outside of a transaction.
 * An answer that is max_age_ms old will do.
 */
bool
bcd_tx_extension_is_new(int max_age_ms)
{
	static TimestampTz looked_at = 0;
	MemoryContext cxt = CurrentMemoryContext;
	char	   *version;
	Oid			now;
	bool		is_new;

	if (max_age_ms > 0 && !TimestampDifferenceExceeds(looked_at, GetCurrentTimestamp(), max_age_ms))
		return false;
	StartTransactionCommand();
	looked_at = GetCurrentTransactionStartTimestamp();
	now = bcd_extension_look(&version);
	is_new = OidIsValid(now) && (now != extension || strcmp(version, EXTVERSION) != 0);
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	return is_new;
}

/* The memory context that bcd_tx_begin() was called in */
static MemoryContext outside = NULL;

/*
 * The worker's transactions.  Between bcd_tx_begin() and bcd_tx_commit() there
 * is a snapshot and SPI is connected; the worker must not wait for a request.
 * The memory context is the same after them as before: up to 17, the end of a
 * transaction leaves the one that is never reset.
 */
void
bcd_tx_begin(void)
{
	outside = CurrentMemoryContext;
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
}

/*
 * From now on, the transaction sees all data committed so far, and its own
 * changes.
 *
 * For use after a fold: bcd_fold() takes changes with a snapshot of its own,
 * and a row read with an older snapshot might lack the change that was folded.
 */
void
bcd_tx_look_again(void)
{
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
bcd_tx_commit(void)
{
	SPI_finish();
	PopActiveSnapshot();
	CommitTransactionCommand();
	MemoryContextSwitchTo(outside);
	/* otherwise autovacuum never learns about our writes */
	pgstat_report_stat(true);
}

/*
 * After an error: abandons the transaction in any state. The memory context
 * stays, so it must not be one of the transaction's.
 */
void
bcd_tx_abort(void)
{
	MemoryContext cxt = CurrentMemoryContext;

	HOLD_INTERRUPTS();
	AbortCurrentTransaction();
	RESUME_INTERRUPTS();
	MemoryContextSwitchTo(cxt);
	pgstat_report_stat(true);
}

/* The current transaction may commit without waiting for the disk. */
void
bcd_tx_async(void)
{
	(void) set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* The rest of the transaction may scan whole tables. */
void
bcd_tx_scan(void)
{
	(void) set_config_option("enable_seqscan", "on", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/*
 * In a PG_CATCH block: logs the error as a warning of the worker and abandons
 * the transaction. "what" describes the worker's reaction.
 */
void
bcd_tx_report_and_abort(const char *what)
{
	ErrorData  *error = CopyErrorData();

	FlushErrorState();
	bcd_tx_abort();
	ereport(LOG,
			(errcode(error->sqlerrcode),
			 errmsg("bcdelta: %s: %s", what, error->message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 error->context ? errcontext("%s", error->context) : 0));
	FreeErrorData(error);
}
