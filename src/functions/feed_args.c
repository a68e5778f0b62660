/*
 * feed_args.c
 *		Argument checks for track() and alter_feed().
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/jsonb.h"

#include "feed/policy.h"
#include "functions/args.h"
#include "functions/feed_args.h"

static const char *const on_deletes[] = {"ignore", "hide", "delete", NULL};
static const char *const on_conflicts[] = {"source", "store", "newest", "review", NULL};

/* Returns an argument that must be a JSON object. */
Jsonb *
bcd_object_argument(FunctionCallInfo fcinfo, int n, const char *name)
{
	Jsonb	   *jsonb = PG_GETARG_JSONB_P(n);

	if (!JB_ROOT_IS_OBJECT(jsonb))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is not a JSON object", name)));
	return jsonb;
}

/* Raises an error unless a feed of this resource can have this on_conflict. */
void
bcd_check_on_conflict(const char *value, const char *argument, const BcdResource *resource)
{
	bcd_check_word(value, argument, on_conflicts);
	bcd_policy_check(resource, value);
}

/* Raises an error unless a feed of this resource can have this on_delete. */
void
bcd_check_on_delete(const char *value, const BcdResource *resource)
{
	bcd_check_word(value, "on_delete", on_deletes);
	if (strcmp(value, "hide") == 0 && resource->hidden_by == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_delete \"hide\" is not possible for resource %s", resource->name),
				 errdetail("Records of resource %s cannot be hidden.", resource->name),
				 errhint("Use \"ignore\" or \"delete\".")));
}

/* Returns argument "filter", or NULL if it is null or empty. */
char *
bcd_filter_argument(FunctionCallInfo fcinfo, int n)
{
	char	   *filter = bcd_arg_text(fcinfo, n);

	return filter && filter[strspn(filter, " \t\r\n")] ? filter : NULL;
}
