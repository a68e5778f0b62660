/*
 * depends.c
 *		bcdelta.depends(): marks rows of a feed when other tables change.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/shmem.h"
#include "feed/feed.h"
#include "feed/watch.h"
#include "functions/args.h"
#include "functions/decided.h"

PG_FUNCTION_INFO_V1(bcdelta_depends);

/* Returns the columns in argument "parent_key", without duplicates. */
static Datum
parent_key_argument(FunctionCallInfo fcinfo)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(2);
	Datum	   *names;
	int			n;
	int			i;
	int			j;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"parent_key\" is not a list of column names")));
	deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, &names, NULL, &n);
	if (n > INDEX_MAX_KEYS || (n == 0 && !PG_ARGISNULL(3)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"parent_key\" names %d columns", n)));
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			if (strcmp(NameStr(*DatumGetName(names[i])), NameStr(*DatumGetName(names[j]))) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("parent key column \"%s\" is named twice",
								NameStr(*DatumGetName(names[i])))));
	return PointerGetDatum(construct_array(names, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* The arguments for the journal */
static Jsonb *
dependency_detail(FunctionCallInfo fcinfo)
{
	Oid			child = PG_GETARG_OID(1);
	char	   *name = get_rel_name(child);
	Jsonb	   *detail;

	name = name ? quote_qualified_identifier(get_namespace_name(get_rel_namespace(child)), name) :
		psprintf("%u", child);
	detail = bcd_detail_text(NULL, "child", name);
	if (!PG_ARGISNULL(2))
	{
		Oid			output;
		bool		varlena;

		getTypeOutputInfo(NAMEARRAYOID, &output, &varlena);
		detail = bcd_detail_text(detail, "parent_key", OidOutputFunctionCall(output, PG_GETARG_DATUM(2)));
	}
	return bcd_detail_text(detail, "lookup", bcd_arg_text(fcinfo, 3));
}

/*
 * bcdelta.depends(feed, child, parent_key, lookup)
 *
 * A null parent_key ends the feed's dependency on the child. This works even
 * if the source, the owner or the child no longer exist.
 */
Datum
bcdelta_depends(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;

	bcd_check_writable("bcdelta.depends()");
	bcd_check_not_null(fcinfo, 0, "feed");
	bcd_check_not_null(fcinfo, 1, "child");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "change");
	if (PG_ARGISNULL(2))
		bcd_watch_forget(feed, PG_GETARG_OID(1));
	else
	{
		bcd_feed_free(feed);
		feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
		bcd_watch_child(feed, PG_GETARG_OID(1), parent_key_argument(fcinfo), bcd_arg_text(fcinfo, 3));
	}
	bcd_decided("depends", feed->name, NULL, NULL, dependency_detail(fcinfo));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
