/*
 * own_query.c
 *		Queries of people that say whether a criterion is met.
 *
 * Somebody else's code runs here, in the session of whoever asks, or in the
 * worker.  So it runs
 *
 * - as the role that made the criterion, in a security-restricted operation;
 *
 * - in a subtransaction that is read-only, which a subtransaction cannot
 *   change, and that is undone in any case: with it go settings, temporary
 *   tables, cursors and locks;
 *
 * - without functions whose effects would outlast that: locks of the session,
 *   signals to other processes;
 *
 * - with little patience for locks that others hold;
 *
 * - with a time limit.  Code that catches the cancel is cancelled once more,
 *   then the process ends in an orderly way.
 *
 * Whatever goes wrong is an answer in words.  Only a person who cancels the
 * statement, or ends the session, is heeded.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/spi_priv.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "base/time_limit.h"
#include "cutover/own_query.h"

#define LIMIT_MS	5000
#define GRACE_MS	1000
#define LOCK_PATIENCE	"200ms" /* whoever waits for a lock is in the way of
								 * others */

/* Functions of PostgreSQL whose effects no rollback undoes, by the beginnings of their names */
static const char *const lasting[] = {
	"pg_advisory_", "pg_try_advisory_", "pg_cancel_backend", "pg_terminate_backend",
	"pg_logical_emit_message", "pg_reload_conf", "pg_rotate_logfile", "setseed"
};

static object_access_hook_type previous_hook = NULL;
static bool prepared = false;
static BcdTimeLimit limit;
static volatile bool asking = false;

typedef struct Question
{
	Oid			role;
	const char *query;
	BcdAnswer  *answer;
} Question;

static void
refuse_lasting(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	int			i;

	if (previous_hook)
		previous_hook(access, class, object, sub, arg);
	if (!asking || access != OAT_FUNCTION_EXECUTE || get_func_namespace(object) != PG_CATALOG_NAMESPACE)
		return;
	for (i = 0; i < lengthof(lasting); i++)
		if (strncmp(get_func_name(object), lasting[i], strlen(lasting[i])) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("function %s is not allowed in a criterion", get_func_name(object))));
}

/* Once per process */
static void
prepare_process(void)
{
	if (prepared)
		return;
	bcd_time_limit_register(&limit, bcd_time_limit_cancel, bcd_time_limit_die);
	previous_hook = object_access_hook;
	object_access_hook = refuse_lasting;
	prepared = true;
}

/* Is it a SELECT that writes nothing, as far as its text says? */
static bool
only_reads(SPIPlanPtr plan)
{
	ListCell   *lc;

	if (!SPI_is_cursor_plan(plan))
		return false;
	foreach(lc, ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->query_list)
	{
		const Query *query = lfirst(lc);

		if (query->commandType != CMD_SELECT || query->hasModifyingCTE || query->rowMarks != NIL)
			return false;
	}
	return true;
}

/* Returns the plan of a query; raises an error unless it can answer. */
static SPIPlanPtr
plan_of(const char *query)
{
	SPIPlanPtr	plan = SPI_prepare(query, 0, NULL);
	TupleDesc	desc;

	if (plan == NULL)
		elog(ERROR, "could not prepare the query: %s", SPI_result_code_string(SPI_result));
	if (!only_reads(plan))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the query must be one SELECT statement")));
	desc = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->resultDesc;
	if (desc->natts != 2 || TupleDescAttr(desc, 0)->atttypid != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the query must return two columns: whether the criterion is met, as boolean, and what was found, as text")));
	return plan;
}

static void
read_answer(const Question *q)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			rc;
	bool		isnull;
	Datum		met;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rc = SPI_execute_plan(plan_of(q->query), NULL, NULL, true, 2);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not execute the query: %s", SPI_result_code_string(rc));
	if (SPI_processed != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg(SPI_processed == 0 ? "the query returns no row" : "the query returns more than one row")));
	MemoryContextSwitchTo(cxt);
	met = bcd_column_datum(0, 1, &isnull);
	q->answer->met = !isnull && DatumGetBool(met);
	q->answer->known = !isnull;
	q->answer->found = bcd_column_text(0, 2);
	if (isnull)
		q->answer->trouble = pstrdup("the query does not say whether it is met: it returns null");
	SPI_finish();
}

/* Is this error a person's wish to stop, and not the limit, or made up by the code? */
static bool
is_wish_to_stop(const ErrorData *error)
{
	return !bcd_time_limit_reached(&limit) && error->sqlerrcode == ERRCODE_QUERY_CANCELED &&
		error->funcname && strcmp(error->funcname, "ProcessInterrupts") == 0;
}

static void
ask(void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	Question   *q = arg;
	BcdRights	rights;

	XactReadOnly = true;
	asking = true;
	bcd_time_limit_begin(&limit, LIMIT_MS, GRACE_MS);
	PG_TRY();
	{
		bcd_become(&rights, q->role, true);
		(void) set_config_option("lock_timeout", LOCK_PATIENCE, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		read_answer(q);
		bcd_become_again(&rights);
		if (bcd_time_limit_reached(&limit))
			ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED), errmsg("the query took too long")));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		asking = false;
		bcd_time_limit_end(&limit);
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		if (is_wish_to_stop(error))
			PG_RE_THROW();
		FlushErrorState();
		if (bcd_time_limit_reached(&limit) && error->sqlerrcode == ERRCODE_QUERY_CANCELED)
			error->message = psprintf("it took longer than %d seconds", LIMIT_MS / 1000);
		/* a cancel that the code has made up is an error like any other */
		error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
		ReThrowError(error);
	}
	PG_END_TRY();
	asking = false;
	bcd_time_limit_end(&limit);
}

/* Asks a query; the answer is in the current memory context. */
void
bcd_own_query(Oid role, const char *query, BcdAnswer *answer)
{
	Question	question = {role, query, answer};
	ErrorData  *error;

	memset(answer, 0, sizeof(*answer));
	if (asking)
		answer->trouble = pstrdup("it was not asked, since another criterion asks for this");
	else if (!bcd_role_exists(role))
		answer->trouble = pstrdup("the role that made it does not exist any more: make it again with bcdelta.criterion()");
	if (answer->trouble)
		return;
	prepare_process();
	error = bcd_attempt_undone(ask, &question);
	if (error == NULL)
		return;
	memset(answer, 0, sizeof(*answer));
	answer->trouble = psprintf("its query fails: %s", error->message);
}

static void
check(void *arg)
{
	BcdRights	rights;

	XactReadOnly = true;
	bcd_become(&rights, GetUserId(), true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	(void) plan_of(arg);
	SPI_finish();
	bcd_become_again(&rights);
}

/* Raises an error unless a query of the current user can answer; does not ask it. */
void
bcd_own_query_check(const char *query)
{
	ErrorData  *error = bcd_attempt_undone(check, unconstify(char *, query));

	if (error == NULL)
		return;
	if (error->hint == NULL && (error->sqlerrcode == ERRCODE_UNDEFINED_TABLE || error->sqlerrcode == ERRCODE_UNDEFINED_FUNCTION))
		error->hint = pstrdup("Name each table and function with its schema: a criterion does not depend on anybody's search_path.");
	ReThrowError(error);
}
