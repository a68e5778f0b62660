/*
 * parent_lookup.c
 *		The lookups of dependencies: from the values of a child row to the keys
 *		of the rows that it belongs to.
 *
 * A price may belong to a variant, and that to the product which is the feed's
 * row.  The values of the price are captured, and a query of the feed's owner
 * returns the keys of the rows to mark.  It is a user's SQL, so the worker
 * runs it rather than the trigger: as the owner, read-only, within a time
 * limit, in a separate subtransaction.
 *
 * Until then, captured values wait, see parent_wait.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "feed/columns.h"
#include "feed/key.h"
#include "feed/mapping_guard.h"
#include "feed/parent_lookup.h"

/* Keys fetched at a time */
#define FETCH_ROWS		5000

/* Other feeds must not wait, so the wait for a locked table is short */
#define LOOKUP_LOCK_MS	"100"

/* Looks up the columns of the child that are the query's parameters. */
static void
find_columns(BcdLookup *lookup)
{
	ListCell   *cell;

	lookup->ncolumns = 0;
	foreach(cell, lookup->columns)
	{
		int			i = lookup->ncolumns++;
		AttrNumber	attnum = get_attnum(lookup->child, lfirst(cell));
		Oid			collation;

		if (attnum <= 0 || i >= INDEX_MAX_KEYS)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist",
							(char *) lfirst(cell), get_rel_name(lookup->child))));
		get_atttypetypmodcoll(lookup->child, attnum, &lookup->types[i], &lookup->typmods[i], &collation);
		getTypeInputInfo(lookup->types[i], &lookup->inputs[i], &lookup->ioparams[i]);
	}
}

/* Builds the query with its result in the types of the feed's key. */
static char *
typed_query(const BcdLookup *lookup, const char *condition)
{
	const BcdFeed *feed = lookup->feed;
	StringInfoData sql;
	int			i;

	initStringInfo(&sql);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&sql, "%sq.k%d::%s", i ? ", " : "SELECT ", i + 1,
						 format_type_extended(feed->keys[i].type, feed->keys[i].typmod,
											  FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY));
	appendStringInfo(&sql, " FROM (%s\n) AS q (", lookup->query);
	for (i = 0; i < feed->nkeys; i++)
		appendStringInfo(&sql, "%sk%d", i ? ", " : "", i + 1);
	appendStringInfo(&sql, ")%s", condition);
	return sql.data;
}

static SPIPlanPtr
prepare(BcdLookup *lookup, const char *sql)
{
	SPIPlanPtr	plan = SPI_prepare(sql, lookup->ncolumns, lookup->types);

	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* Raises an error unless the query's columns can be those of the key. */
static void
check_result(const BcdLookup *lookup, TupleDesc desc)
{
	const BcdFeed *feed = lookup->feed;
	int			i;

	if (desc->natts != feed->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("it returns %d columns, but the key of feed \"%s\" has %d",
						desc->natts, feed->name, feed->nkeys)));
	for (i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;
		Oid			key_type = feed->keys[i].type;

		if (!can_coerce_type(1, &type, &key_type, COERCION_ASSIGNMENT))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("its column %d is of type %s, but key column \"%s\" of feed \"%s\" is of type %s",
							i + 1, format_type_be(type), NameStr(feed->keys[i].name), feed->name,
							format_type_be(key_type))));
	}
}

/*
 * Checks that the query is one SELECT and nothing more, so that it does not
 * close our parentheses.
 */
static void
check_syntax(const char *query)
{
	List	   *list = bcd_raw_parser(query);
	SelectStmt *select;

	if (list_length(list) == 1)
	{
		select = (SelectStmt *) linitial_node(RawStmt, list)->stmt;
		if (IsA(select, SelectStmt) && select->intoClause == NULL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("it is not a single query: %s", query)));
}

/* Plans the query and executes it for no row, which checks the rights. */
static void
check_lookup(void *arg)
{
	BcdLookup  *lookup = arg;
	SPIPlanPtr	plan;
	CachedPlanSource *source;
	Datum	   *values;
	char	   *nulls;

	XactReadOnly = true;
	find_columns(lookup);
	check_syntax(lookup->query);
	plan = prepare(lookup, lookup->query);
	source = linitial(SPI_plan_get_plan_sources(plan));
	if (source->resultDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("it is not a query: %s", lookup->query)));
	check_result(lookup, source->resultDesc);
	SPI_freeplan(plan);
	plan = prepare(lookup, typed_query(lookup, " WHERE false"));
	values = palloc0(sizeof(Datum) * lookup->ncolumns);
	nulls = palloc(lookup->ncolumns + 1);
	memset(nulls, 'n', lookup->ncolumns);
	nulls[lookup->ncolumns] = '\0';
	if (SPI_execute_plan(plan, values, nulls, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", lookup->query);
	SPI_freetuptable(SPI_tuptable);
	SPI_freeplan(plan);
}

static void
check_guarded(void *arg)
{
	bcd_guard_run(((BcdLookup *) arg)->feed, NULL, 1, check_lookup, arg);
}

static void
init_lookup(BcdLookup *lookup, const BcdFeed *feed, Oid child, List *columns, const char *query)
{
	memset(lookup, 0, sizeof(*lookup));
	lookup->feed = unconstify(BcdFeed *, feed);
	lookup->child = child;
	lookup->columns = columns;
	lookup->query = unconstify(char *, query);
}

/*
 * Raises an error unless a query can return keys of a feed's rows for values
 * of these columns of a child.
 */
void
bcd_parents_check(const BcdFeed *feed, Oid child, List *columns, const char *query)
{
	BcdLookup	lookup;
	ErrorData  *error;

	init_lookup(&lookup, feed, child, columns, query);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	error = bcd_attempt(check_guarded, &lookup);
	if (error)
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("argument \"lookup\": %s", error->message),
				 error->detail ? errdetail_internal("%s", error->detail) : 0,
				 error->hint ? errhint("%s", error->hint) :
				 errhint("Pass a query that returns the keys of the rows to mark, in which $1 and so on stand for the columns of parent_key. Only pg_catalog is searched: qualify tables and functions with their schema. It runs with the rights of role \"%s\".",
						 GetUserNameFromId(feed->owner, true))));
	SPI_finish();
}

/*
 * Returns the columns of the child itself that the query reads; NIL: all of
 * them or, if seen is false, the query does not read the child.
 */
List *
bcd_parents_columns(const BcdFeed *feed, Oid child, List *columns, const char *query, bool *seen)
{
	BcdLookup	lookup;
	BcdRights	rights;
	List	   *read;

	init_lookup(&lookup, feed, child, columns, query);
	find_columns(&lookup);
	bcd_become(&rights, feed->owner, true);
	read = bcd_depended_columns(child, query, lookup.types, lookup.ncolumns, seen);
	bcd_become_again(&rights);
	return read;
}

/* Returns the captured values as parameters. */
static Datum *
parameters(const BcdLookup *lookup, const char *captured, char *nulls)
{
	Jsonb	   *array = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(captured)));
	Datum	   *values = palloc0(sizeof(Datum) * lookup->ncolumns);
	int			i;

	if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_COUNT(array) != (uint32) lookup->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%d values were captured, but there are now %d columns",
						(int) JB_ROOT_COUNT(array), lookup->ncolumns)));
	for (i = 0; i < lookup->ncolumns; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(&array->root, i);

		nulls[i] = v->type == jbvString ? ' ' : 'n';
		if (v->type == jbvString)
			values[i] = OidInputFunctionCall(lookup->inputs[i],
											 pnstrdup(v->val.string.val, v->val.string.len),
											 lookup->ioparams[i], lookup->typmods[i]);
	}
	nulls[i] = '\0';
	return values;
}

static void
keep_keys(BcdSearch *search)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta keys read",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	int			level = bcd_keytext_pin(search->lookup->feed->keytext);
	uint64		i;

	for (i = 0; i < SPI_processed; i++)
	{
		char	   *key = bcd_key_of_tuple(search->lookup->feed, SPI_tuptable->vals[i],
										   SPI_tuptable->tupdesc);
		Datum		value;
		bool		isnull = false;

		if (key == NULL || strlen(key) > BCD_MAX_KEY)
			continue;
		value = CStringGetTextDatum(key);
		tuplestore_putvalues(search->keys, search->desc, &value, &isnull);
		search->nkeys++;
	}
	bcd_keytext_unpin(level);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
}

/* The feed's code, behind the guard */
static void
run_query(void *arg)
{
	BcdSearch  *search = arg;
	BcdLookup  *lookup = search->lookup;
	char		nulls[INDEX_MAX_KEYS + 1];
	Datum	   *values;
	Portal		portal;

	XactReadOnly = true;
	(void) set_config_option("lock_timeout", LOOKUP_LOCK_MS, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	/* see everything committed with the change */
	PushActiveSnapshot(GetTransactionSnapshot());
	if (lookup->plan == NULL)
	{
		SPIPlanPtr	plan;

		find_columns(lookup);
		plan = prepare(lookup, typed_query(lookup, ""));
		if (SPI_keepplan(plan) != 0)
			elog(ERROR, "SPI_keepplan failed");
		lookup->plan = plan;
	}
	values = parameters(lookup, search->captured, nulls);
	portal = SPI_cursor_open(NULL, lookup->plan, values, nulls, true);
	do
	{
		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		keep_keys(search);
		SPI_freetuptable(SPI_tuptable);
		CHECK_FOR_INTERRUPTS();
	} while (SPI_processed == FETCH_ROWS);
	SPI_cursor_close(portal);
	PopActiveSnapshot();
}

/*
 * Runs the query within its time limit; returns NULL, or the error that ended
 * it.  Raises an error only if the worker has been asked to stop.
 *
 * The subtransaction is always rolled back, as in row.c.
 */
ErrorData *
bcd_parents_search(BcdSearch *search)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(CurTransactionContext);
	PG_TRY();
	{
		bcd_guard_run(search->lookup->feed, search->captured, 1, run_query, search);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error;
}
