/*
 * args.c
 *		Checks that several SQL functions need: arguments, rights, recovery.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/extension.h"
#include "feed/feed.h"
#include "functions/args.h"
#include "store/store.h"

/*
 * Longest name of a feed or schedule, in bytes: the space for it in shared
 * memory
 */
#define MAX_LABEL	255

/* Raises an error on a standby or in a read-only transaction. */
void
bcd_check_writable(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", function),
				 errhint("This server is a standby: call it on the primary, or promote this server first.")));
	PreventCommandIfReadOnly(function);
}

/* Raises an error if argument n, counted from 0, is null. */
void
bcd_check_not_null(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

/* Returns a text argument, or NULL if it is null. */
char *
bcd_arg_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/* Returns a name argument, or NULL if it is null. */
char *
bcd_arg_name(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(n)));
}

/* Raises an error unless value is one of the allowed words. */
void
bcd_check_word(const char *value, const char *argument, const char *const *allowed)
{
	StringInfoData words;
	int			i;

	initStringInfo(&words);
	for (i = 0; allowed[i]; i++)
	{
		if (strcmp(allowed[i], value) == 0)
			return;
		appendStringInfo(&words, "%s\"%s\"", i ? ", " : "", allowed[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for argument \"%s\": \"%s\"", argument, value),
			 errhint("Allowed values are: %s.", words.data)));
}

/* Raises an error unless value has words for the journal. */
void
bcd_check_reason(const char *value, const char *argument)
{
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", argument)));
	if (value[strspn(value, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", argument)));
}

/* Raises an error unless value may name a feed or a schedule. */
void
bcd_check_label(const char *value, const char *argument)
{
	size_t		len = strlen(value);

	if (len < 1 || len > MAX_LABEL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("the name in argument \"%s\" has %zu bytes", argument, len),
				 errdetail("Names must be between 1 and %d bytes long.", MAX_LABEL)));
}

/*
 * Returns the server for a function that is given a feed, a server, both or
 * neither (either may be NULL); with neither it is the only store there is.
 * Raises an error unless the caller may use the server.
 */
char *
bcd_target(const char *feed, const char *server)
{
	char	   *result;

	if (feed)
	{
		BcdFeed    *found = bcd_feed_read(feed, false);

		if (server && strcmp(found->server, server) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("feed \"%s\" does not belong to server \"%s\"", feed, server),
					 errdetail("Its server is \"%s\".", found->server),
					 errhint("A feed implies its server: omit argument \"server\".")));
		result = pstrdup(found->server);
		bcd_feed_free(found);
	}
	else
		result = server ? pstrdup(server) : bcd_store_only_one(GetUserId(), NULL);
	(void) bcd_store_check(result, GetUserId());
	return result;
}

/*
 * Begins the result of a set-returning function: rows are collected and
 * returned all at once.
 */
void
bcd_rows_begin(FunctionCallInfo fcinfo, BcdRows *rows)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &rows->desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rows->desc = CreateTupleDescCopy(rows->desc);
	rows->store = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0,
										false, work_mem);
	MemoryContextSwitchTo(old);
	info->returnMode = SFRM_Materialize;
	info->setResult = rows->store;
	info->setDesc = rows->desc;
}

void
bcd_rows_put(BcdRows *rows, Datum *values, bool *nulls)
{
	tuplestore_putvalues(rows->store, rows->desc, values, nulls);
}

/* May the caller read a view, or some of its columns? */
bool
bcd_is_reader(const char *view)
{
	Oid			table = view ? bcd_table_oid(view) : InvalidOid;

	return OidIsValid(table) &&
		(pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck_all(table, GetUserId(), ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK);
}

/*
 * Raises an error unless the caller may read the view for which a function was
 * made, or another one that uses it (NULL: none).
 *
 * In a view, PostgreSQL checks the right to execute a function against the
 * user who reads the view. Rights on each function would thus have to be
 * granted in addition to those on the view. Instead, everyone may execute the
 * functions, and this check protects them. The right to read some columns of
 * the view is enough.
 */
void
bcd_check_reader(const char *view, const char *other, const char *function)
{
	if (bcd_is_reader(view) || bcd_is_reader(other))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied for function %s", function),
			 errdetail("It requires the right to read the view bcdelta.%s.", view)));
}

/* Raises an error unless a condition is a single SQL expression. */
void
bcd_condition_check(const char *condition)
{
	if (condition[strspn(condition, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"condition\" must not be empty"),
				 errhint("It is an SQL expression, such as 'price > 100'; 'true' selects everything.")));
	bcd_expression_check(condition, "the condition");
}
