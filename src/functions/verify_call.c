/*
 * verify_call.c
 *		verify(): checks its arguments and requests the run.
 *
 * A condition is somebody's SQL that the worker will evaluate with the rights
 * of the feed's owner, so only the owner may give one. It is planned here
 * first: most mistakes are then errors before there is a run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/key_list.h"
#include "functions/args.h"
#include "functions/run_functions.h"
#include "tables/feed.h"
#include "worker/call_detail.h"
#include "worker/calls.h"

PG_FUNCTION_INFO_V1(bcdelta_verify);

static const char *const modes[] = {"count", "sample", "full", "changed", "keys", "where", NULL};

/* Returns an array of texts, each once. */
static ArrayType *
array_of(List *texts)
{
	return DatumGetArrayTypeP(bcd_text_array(texts));
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/*
 * The keys that were given, in the spelling of the feed, each once. Raises an
 * error if one of them cannot be a key of the feed.
 */
static ArrayType *
keys_given(const char *feed_name, ArrayType *given)
{
	BcdFeed    *feed = bcd_feed_load(feed_name, false);
	List	   *list = NIL;
	Datum	   *elements;
	bool	   *nulls;
	char	  **keys;
	int			n;
	int			i;

	deconstruct_array(given, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"keys\" must not be empty")));
	keys = palloc(sizeof(char *) * n);
	for (i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("key of feed \"%s\" must not be null", feed->name)));
		keys[i] = bcd_key_given(feed, TextDatumGetCString(elements[i]));
		CHECK_FOR_INTERRUPTS();
	}
	qsort(keys, n, sizeof(char *), by_text);
	for (i = 0; i < n; i++)
		if (i == 0 || strcmp(keys[i], keys[i - 1]) != 0)
			list = lappend(list, keys[i]);
	bcd_feed_free(feed);
	return array_of(list);
}

/* An error in a condition tells whose columns it is about. */
static void
tell_source(void *source)
{
	errcontext("condition on the columns of %s", (char *) source);
}

/*
 * Checks a condition on the rows of a feed by planning it as the feed's owner;
 * nothing is executed.
 */
static ArrayType *
condition_given(const char *feed_name, const char *condition)
{
	BcdFeed    *feed = bcd_feed_load(feed_name, false);
	BcdRights	rights;
	ErrorContextCallback context = {error_context_stack, tell_source, bcd_feed_from(feed)};
	SPIPlanPtr	plan;

	bcd_feed_check_owner(feed, "verify rows by a condition of");
	bcd_condition_check(condition);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	bcd_become(&rights, feed->owner, true);
	error_context_stack = &context;
	plan = SPI_prepare(bcd_keylist_query(feed, condition), 0, NULL);
	error_context_stack = context.previous;
	if (plan == NULL)
		elog(ERROR, "could not prepare the condition: %s", SPI_result_code_string(SPI_result));
	SPI_freeplan(plan);
	bcd_become_again(&rights);
	SPI_finish();
	bcd_feed_free(feed);
	return array_of(list_make1(pstrdup(condition)));
}

/* Raises an error unless the arguments fit together. */
static void
check_arguments(const char *mode, bool keys, bool condition)
{
	if (keys && strcmp(mode, "keys") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"keys\" cannot be used in mode \"%s\"", mode),
				 errhint("Omit argument \"mode\".")));
	if (condition && strcmp(mode, "where") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"condition\" cannot be used in mode \"%s\"", mode),
				 errhint("Use mode => 'where'.")));
	if ((strcmp(mode, "keys") == 0 && !keys) || (strcmp(mode, "where") == 0 && !condition))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"%s\" needs argument \"%s\"", mode, keys || strcmp(mode, "keys") == 0 ? "keys" : "condition")));
}

/* The feed whose rows keys or a condition select: it may be the only one. */
static char *
feed_of(const char *feed, const char *server)
{
	BcdRights	rights;
	MemoryContext cxt = CurrentMemoryContext;
	List	   *feeds;
	char	   *only;

	if (feed)
		return pstrdup(feed);
	bcd_spi_begin(&rights);
	feeds = bcd_feeds_of(server, NULL);
	only = list_length(feeds) == 1 ? MemoryContextStrdup(cxt, linitial(feeds)) : NULL;
	bcd_spi_end(&rights);
	if (only == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"feed\" is needed with keys or a condition"),
				 errdetail("Server \"%s\" does not have exactly one feed.", server)));
	return only;
}

/* bcdelta.verify(feed, server, mode, sample, keys, condition): returns the run. */
Datum
bcdelta_verify(PG_FUNCTION_ARGS)
{
	char	   *feed = bcd_arg_text(fcinfo, 0);
	char	   *condition = bcd_arg_text(fcinfo, 5);
	bool		has_keys = !PG_ARGISNULL(4);
	ArrayType  *only = NULL;
	char	   *mode;
	BcdCall		call;

	bcd_check_writable("bcdelta.verify()");
	bcd_check_not_null(fcinfo, 2, "mode");
	bcd_check_not_null(fcinfo, 3, "sample");
	mode = bcd_arg_text(fcinfo, 2);
	bcd_check_word(mode, "mode", modes);
	/* keys alone say what is meant */
	if (has_keys && strcmp(mode, "full") == 0)
		mode = "keys";
	check_arguments(mode, has_keys, condition != NULL);
	if (PG_GETARG_INT32(3) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"sample\" must be greater than zero"),
				 errdetail("It is the number of rows of each feed that mode \"sample\" compares.")));
	bcd_prepare_call(&call, BCD_CALL_VERIFY, feed, bcd_arg_name(fcinfo, 1));
	strlcpy(call.mode, mode, sizeof(call.mode));
	call.sample = PG_GETARG_INT32(3);
	bcd_call_check_worker();
	if (has_keys || condition)
	{
		feed = feed_of(feed, NameStr(call.server));
		strlcpy(call.feed, feed, sizeof(call.feed));
		only = has_keys ? keys_given(feed, PG_GETARG_ARRAYTYPE_P(4)) : condition_given(feed, condition);
	}
	bcd_call_with(&call, only);
	PG_RETURN_DATUM(bcd_run_datum(call.run_id));
}
