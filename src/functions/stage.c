/*
 * stage.c
 *		stage() and set_authority(): who owns what at which stage of the
 *		cutover.
 *
 * Rows that were not pushed, or not as a whole, because the store owned them,
 * are marked as soon as it does not, so that nothing is lost in between.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "capture/change.h"
#include "feed/policy.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/authority.h"
#include "tables/feed_authority.h"
#include "tables/link.h"
#include "tables/pending.h"
#include "tables/stage.h"
#include "worker/calls.h"

PG_FUNCTION_INFO_V1(bcdelta_stage);
PG_FUNCTION_INFO_V1(bcdelta_set_authority);

static const char *const stages[] = {"prepare", "freeze", "live", "watch", "closed", NULL};
static const char *const owners[] = {"feed", "source", "store", "newest", "review", "relative", NULL};

static bool
is_withheld(List *withheld, const BcdWithheld *w)
{
	ListCell   *lc;

	foreach(lc, withheld)
	{
		const BcdWithheld *other = lfirst(lc);

		if (other->feed_id == w->feed_id && (other->field[0] == '\0' || strcmp(other->field, w->field) == 0))
			return true;
	}
	return false;
}

static void
mark(const BcdWithheld *w, List *keys)
{
	BcdChanges *changes = bcd_changes_begin(w->feed_id);
	ListCell   *lc;

	foreach(lc, keys)
	{
		bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(lfirst(lc)));
		CHECK_FOR_INTERRUPTS();
	}
	bcd_changes_end(changes);
}

/*
 * What the store owned before, and does not any more, is pushed.  A row that
 * was withheld as a whole, and is not any more, may be withheld in part.
 */
static void
release(const char *server, List *before)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *now;
	ListCell   *lc;

	now = bcd_withheld(server);
	MemoryContextSwitchTo(cxt);
	foreach(lc, before)
	{
		const BcdWithheld *w = lfirst(lc);
		List	   *keys;

		if (is_withheld(now, w))
			continue;
		/* a linked row may have been pushed without the field */
		keys = w->field[0] == '\0' ? bcd_pending_withheld(w->feed) : bcd_link_keys(w->feed);
		MemoryContextSwitchTo(cxt);
		if (keys != NIL)
			mark(w, keys);
	}
	bcd_feeds_are_new_versions(server);
	MemoryContextSwitchTo(cxt);
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
	List	   *before;

	bcd_check_writable("bcdelta.stage()");
	bcd_check_not_null(fcinfo, 0, "server");
	if (stage)
		bcd_check_word(stage, "stage", stages);
	if (note)
		bcd_check_reason(note, "note");
	server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	before = bcd_withheld(server);
	MemoryContextSwitchTo(cxt);
	bcd_stage_set(server, stage, by, note);
	MemoryContextSwitchTo(cxt);
	release(server, before);
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
	server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	whole = bcd_authority_of(server, stage, resource);
	MemoryContextSwitchTo(cxt);
	if (field && owner && whole && strcmp(whole, "store") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("at stage %s the store owns %s as a whole", stage, resource),
				 errhint("Give the resource another owner first, without a field.")));
	before = bcd_withheld(server);
	MemoryContextSwitchTo(cxt);
	bcd_authority_set(server, stage, resource, field, owner, by, note);
	MemoryContextSwitchTo(cxt);
	release(server, before);
	bcd_spi_end(&rights);
	detail = bcd_detail_text(bcd_detail_text(NULL, "stage", stage), "resource", resource);
	detail = bcd_detail_text(bcd_detail_text(detail, "field", field), "owner", owner ? owner : "default");
	bcd_decided_on("set_authority", server, NULL, NULL, note, detail);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
