/*
 * mapping_advice.c
 *		Finds problems of an expression before any row is read.
 *
 * A constant can be checked against the API at once. And triggers cannot
 * notice when the value of an expression changes although no row does, because
 * it uses the time or reads other tables in a function.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "executor/spi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/mapping_advice.h"
#include "payload/payload.h"

/*
 * Returns why the API does not accept the value of a constant expression; NULL
 * if it does, or if the expression is not constant.  As the feed's owner, with
 * SPI connected.
 */
char *
bcd_constant_flaw(const BcdFeedField *field, Query *query)
{
	TargetEntry *target = linitial_node(TargetEntry, query->targetList);
	Const	   *value = (Const *) eval_const_expressions(NULL, copyObject((Node *) target->expr));
	JsonbValue	v;
	Jsonb	   *jsonb;
	bool		isnull;

	if (!IsA(value, Const) || value->constisnull ||
		SPI_execute_with_args("SELECT pg_catalog.to_jsonb($1)", 1, &value->consttype,
							  &value->constvalue, NULL, true, 1) != SPI_OK_SELECT)
		return NULL;
	jsonb = DatumGetJsonbP(bcd_column_datum(0, 1, &isnull));
	if (isnull)
		return NULL;
	bcd_jsonb_value(jsonb, &v);
	return bcd_payload_normalize(field->field, &v);
}

/* A part of an expression whose value changes by itself */
typedef struct Unsteady
{
	char	   *what;			/* NULL: nothing */
	bool		of_user;		/* a function that is not PostgreSQL's */
} Unsteady;

/*
 * Most of PostgreSQL's own functions that are not immutable depend on
 * settings, which are the same for every push.  Those without arguments return
 * the time, the session and the like.
 */
static bool
is_unsteady(Form_pg_proc proc)
{
	if (proc->provolatile == PROVOLATILE_IMMUTABLE ||
		proc->pronamespace == get_namespace_oid(BCD_EXTENSION, true))
		return false;
	return proc->pronamespace != PG_CATALOG_NAMESPACE ||
		proc->provolatile == PROVOLATILE_VOLATILE || proc->pronargs == 0 ||
		(proc->pronargs == 1 && strcmp(NameStr(proc->proname), "age") == 0);
}

static bool
looks_unsteady(Oid funcid, void *context)
{
	Unsteady   *u = context;
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		return false;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (is_unsteady(proc))
	{
		u->of_user = proc->pronamespace != PG_CATALOG_NAMESPACE;
		u->what = u->of_user ? format_procedure_qualified(funcid) :
			psprintf("%s()", NameStr(proc->proname));
	}
	ReleaseSysCache(tuple);
	return u->what != NULL;
}

/*
 * Returns the name of CURRENT_DATE and the like; NULL for those that do not
 * return the time.
 */
static const char *
clock_name(const SQLValueFunction *function)
{
	switch (function->op)
	{
		case SVFOP_CURRENT_DATE:
			return "CURRENT_DATE";
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
			return "CURRENT_TIME";
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
			return "CURRENT_TIMESTAMP";
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
			return "LOCALTIME";
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return "LOCALTIMESTAMP";
		default:
			return NULL;
	}
}

/* Returns true, and so ends the walk, once something is found. */
static bool
find_unsteady(Node *node, void *context)
{
	Unsteady   *u = context;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_unsteady, context, 0);
	if (IsA(node, SQLValueFunction))
	{
		const char *name = clock_name((SQLValueFunction *) node);

		u->what = name ? pstrdup(name) : NULL;
		return u->what != NULL;
	}
	return check_functions_in_node(node, looks_unsteady, context) ||
		expression_tree_walker(node, find_unsteady, context);
}

/*
 * Warns the author of a mapping that the value of an expression may change
 * although no row does. The expression has been checked; "where" names it in
 * the message.
 */
void
bcd_advise_of_unsteady(const BcdFeed *feed, const char *expression, const char *where)
{
	char	   *sql = psprintf("SELECT (%s\n) FROM %s", expression, bcd_feed_from(feed));
	Unsteady	u = {NULL};
	BcdRights	rights;

	bcd_become(&rights, feed->owner, true);
	(void) find_unsteady((Node *) bcd_parse_analyze(linitial_node(RawStmt, pg_parse_query(sql)), sql, NULL, 0),
						 &u);
	bcd_become_again(&rights);
	if (u.what == NULL)
		return;
	if (u.of_user)
		ereport(NOTICE,
				(errmsg("feed \"%s\", %s: function %s is not immutable: its result may change although no row does, which triggers cannot see",
						feed->name, where, u.what),
				 errhint("If it always returns the same result for the same arguments, declare it IMMUTABLE. Otherwise, declare the tables that it reads with bcdelta.depends(), or mark the affected rows in a job, as in SELECT bcdelta.mark_where(%s, 'condition').",
						 quote_literal_cstr(feed->name))));
	else
		ereport(NOTICE,
				(errmsg("feed \"%s\", %s: the value of %s changes although no row does, which triggers cannot see",
						feed->name, where, u.what),
				 errhint("Mark the affected rows in a job, for example every night: SELECT bcdelta.mark_where(%s, 'condition').",
						 quote_literal_cstr(feed->name))));
}
