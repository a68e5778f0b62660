/*
 * stage.c
 *		stage() and set_authority(): who owns what at which stage of the
 *		cutover.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "feed/stage_change.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/stage.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/authority.h"
#include "tables/feed.h"
#include "tables/feed_authority.h"
#include "worker/calls.h"

PG_FUNCTION_INFO_V1(bcdelta_stage);
PG_FUNCTION_INFO_V1(bcdelta_set_authority);

static const char *const stages[] = {"prepare", "freeze", "live", "watch", "closed", NULL};
static const char *const owners[] = {"feed", "source", "store", "newest", "review", "relative", NULL};

/* Raises an error unless the current user may act for the owners of all feeds of a server. */
void
bcd_check_owners(const char *server, const char *doing)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *feeds;
	ListCell   *lc;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_feeds_of(server, NULL);
	bcd_spi_end(&rights);
	foreach(lc, feeds)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), true);

		if (feed == NULL)
			continue;
		bcd_feed_check_owner(feed, doing);
		bcd_feed_free(feed);
	}
}

/*
 * Returns the server that is meant.  Raises an error unless the role may use it,
 * and may alter all of its feeds, since their policies are overruled.
 */
char *
bcd_own_server(FunctionCallInfo fcinfo)
{
	char	   *server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));

	bcd_check_owners(server, "overrule the policies of");
	return server;
}

static char *
role_name(void)
{
	return GetUserNameFromId(GetSessionUserId(), true);
}

/* bcdelta.stage(server, stage, note) */
Datum
bcdelta_stage(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *server;
	char	   *stage = bcd_arg_text(fcinfo, 1);
	char	   *note = bcd_arg_text(fcinfo, 2);
	char	   *by = role_name();
	BcdRights	rights;

	bcd_check_writable("bcdelta.stage()");
	bcd_check_not_null(fcinfo, 0, "server");
	if (stage)
		bcd_check_word(stage, "stage", stages);
	if (note)
		bcd_check_reason(note, "note");
	server = bcd_own_server(fcinfo);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	bcd_stage_change(server, stage, by, note);
	bcd_spi_end(&rights);
	bcd_decided_on("stage", server, NULL, NULL, note, bcd_detail_text(NULL, "stage", stage ? stage : "none"));
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}

/* Raises an error unless the field can have this owner. */
static void
check_field(const BcdResource *r, const char *name, const char *owner)
{
	const BcdField *field = bcd_resource_field(r, name);

	if (field == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("resource %s has no field \"%s\"", r->name, name),
				 errhint("Its fields are %s.", bcd_resource_field_names(r))));
	if (strcmp(owner, "feed") == 0 || strcmp(owner, "source") == 0)
		return;
	if (field->flags & BCD_F_WRITE_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" cannot have the owner \"%s\"", name, owner),
				 errdetail("The store does not show its value, so a change there cannot be noticed.")));
	if (BCD_IS_COLLECTION(field) && strcmp(owner, "store") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("field \"%s\" cannot have the owner \"%s\"", name, owner),
				 errdetail("Collections are kept by difference: elements that the source did not change are not written.")));
}

/* Raises an error unless records of a resource, or a field, can have this owner. */
static void
check_owner(const BcdResource *r, const char *field, const char *owner)
{
	bcd_check_word(owner, "owner", owners);
	if (strcmp(owner, "newest") == 0 || strcmp(owner, "review") == 0)
		bcd_policy_check(r, owner);
	if (strcmp(owner, "relative") == 0 && (field || bcd_counting_options(r, NULL) == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the owner \"relative\" is not possible for %s%s%s", r->name, field ? "." : "", field ? field : ""),
				 errdetail("Differences are sent of the stock of resource inventory, as a whole.")));
	if (field)
		check_field(r, field, owner);
}

/* bcdelta.set_authority(server, stage, resource, owner, field, note) */
Datum
bcdelta_set_authority(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *server;
	char	   *stage = bcd_arg_text(fcinfo, 1);
	char	   *resource = bcd_arg_text(fcinfo, 2);
	char	   *owner = bcd_arg_text(fcinfo, 3);
	char	   *field = bcd_arg_text(fcinfo, 4);
	char	   *note = bcd_arg_text(fcinfo, 5);
	char	   *by = role_name();
	const BcdResource *r;
	BcdRights	rights;
	List	   *before;
	char	   *whole;
	bool		existed;
	Jsonb	   *detail;

	bcd_check_writable("bcdelta.set_authority()");
	bcd_check_not_null(fcinfo, 0, "server");
	bcd_check_not_null(fcinfo, 1, "stage");
	bcd_check_not_null(fcinfo, 2, "resource");
	bcd_check_word(stage, "stage", stages);
	if (note)
		bcd_check_reason(note, "note");
	r = bcd_resource_find(resource);
	if (r == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown resource \"%s\"", resource)));
	if (owner)
		check_owner(r, field, owner);
	server = bcd_own_server(fcinfo);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	whole = bcd_authority_of(server, stage, resource);
	MemoryContextSwitchTo(cxt);
	if (field && owner && whole && strcmp(whole, "store") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("at stage %s the store owns %s as a whole", stage, resource),
				 errhint("Give the resource another owner first, without a field.")));
	before = bcd_feed_rules(server);
	MemoryContextSwitchTo(cxt);
	existed = bcd_authority_set(server, stage, resource, field, owner, by, note);
	MemoryContextSwitchTo(cxt);

	/*
	 * the rule of a field that has ceased to exist can be removed; a mistyped
	 * name is an error
	 */
	if (field && !owner && !existed)
		check_field(r, field, "source");
	bcd_rules_follow(server, before);
	bcd_spi_end(&rights);
	detail = bcd_detail_text(bcd_detail_text(NULL, "stage", stage), "resource", resource);
	detail = bcd_detail_text(bcd_detail_text(detail, "field", field), "owner", owner ? owner : "default");
	bcd_decided_on("set_authority", server, NULL, NULL, note, detail);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
