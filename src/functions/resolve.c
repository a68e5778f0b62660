/*
 * resolve.c
 *		bcdelta.set_conflict() and bcdelta.resolve(): which value is kept if a
 *		field was changed in the source and in the store.
 *
 * resolve() writes down what was decided, and marks the row; the next push
 * carries it out (conflicts.c).
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
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/policy.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/feed_args.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/conflict.h"
#include "tables/feed.h"
#include "tables/link.h"
#include "tables/link_write.h"
#include "tables/pending.h"

PG_FUNCTION_INFO_V1(bcdelta_set_conflict);
PG_FUNCTION_INFO_V1(bcdelta_resolve);

static const char *const choices[] = {"source", "store", "value", NULL};

/* Returns the names of the fields that a feed maps. */
static char *
mapped_fields(const BcdFeed *feed)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < feed->nfields; i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" : ", ", feed->fields[i].field->name);
	return names.data;
}

/* Raises an error unless a field can have a policy of its own. */
static void
check_field(const BcdFeed *feed, const char *name)
{
	const BcdField *field = bcd_resource_field(feed->resource, name);
	char	   *placed = bcd_placed_flaw(feed, name);

	if (field == NULL || !bcd_feed_maps(feed, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\" does not map the field \"%s\"", feed->name, name),
				 errdetail("It never writes the field, so the store's value is kept anyway."),
				 errhint("It maps %s.", mapped_fields(feed))));
	if (field->flags & BCD_F_WRITE_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" cannot have a policy", name),
				 errdetail("The store does not show its value, so a change there cannot be noticed.")));
	if (feed->resource->id == NULL && bcd_is_address_field(feed->resource, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" cannot have a policy", name),
				 errdetail("It identifies the record: with another value, it would be another record.")));
	if (!bcd_field_has_policy(feed, name))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("field \"%s\" cannot have a policy", name),
				 placed ? errdetail("%s", placed) :
				 errdetail("The store is sent differences of it, so what others have changed stays."),
				 placed ? errhint(BCD_PLACED_HINT) : 0));
	if (BCD_IS_COLLECTION(field))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("field \"%s\" cannot have a policy", name),
				 errdetail("Collections are kept by difference: elements that the source did not change are not written.")));
}

/* bcdelta.set_conflict(feed, field, policy) */
Datum
bcdelta_set_conflict(PG_FUNCTION_ARGS)
{
	char	   *field = bcd_arg_text(fcinfo, 1);
	char	   *policy = bcd_arg_text(fcinfo, 2);
	BcdFeed    *feed;
	BcdRights	rights;
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *detail;

	bcd_check_writable("bcdelta.set_conflict()");
	bcd_check_not_null(fcinfo, 0, "feed");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "alter");
	if (policy)
		bcd_check_on_conflict(policy, "policy", feed->resource);
	if (field && policy)
	{
		check_field(feed, field);
		bcd_policy_advise_counted(feed, field, policy);
	}
	else if (policy)
		bcd_policy_advise(feed, policy);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	detail = bcd_feed_set_policy(feed->name, field, policy);
	bcd_spi_end(&rights);
	bcd_decided("set_conflict", feed->name, NULL, NULL, detail);
	bcd_feed_free(feed);
	PG_RETURN_VOID();
}

/* Raises an error if a conflict is not open any more. */
static void
check_open(int64 conflict_id, const BcdOpenConflict *c)
{
	if (strcmp(c->state, "open") == 0)
		return;
	if (strcmp(c->state, "obsolete") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("conflict " INT64_FORMAT " is over", conflict_id),
				 c->replaced_by ? errdetail("A value has changed since; conflict " INT64_FORMAT " has replaced it.", c->replaced_by) :
				 errdetail("Source and store agree, or only one of them has changed.")));
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("conflict " INT64_FORMAT " has been resolved already", conflict_id),
			 c->decided_by ? errdetail("%s has chosen \"%s\".", c->decided_by, c->state) :
			 errdetail("The policy of the feed has chosen \"%s\".", c->state)));
}

/* Returns the value that was given, as a mapping's would be. */
static Jsonb *
checked_value(const BcdFeed *feed, const char *name, Jsonb *value)
{
	const BcdField *field = bcd_resource_field(feed->resource, name);
	JsonbValue	v;
	char	   *flaw;

	bcd_jsonb_value(value, &v);
	flaw = field ? bcd_payload_normalize(field, &v) : NULL;
	if (flaw)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the value cannot be written: %s", flaw)));
	return JsonbValueToJsonb(&v);
}

static void
mark(const BcdFeed *feed, const char *key)
{
	BcdChanges *changes = bcd_changes_begin(feed->feed_id);

	bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(key));
	bcd_changes_end(changes);
}

/* Locks an open conflict; its owner is checked. In the caller's context. */
static BcdFeed *
take(int64 conflict_id, BcdOpenConflict *c)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	BcdFeed    *feed;
	bool		found;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	found = bcd_conflict_take(conflict_id, c);
	bcd_spi_end(&rights);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no conflict " INT64_FORMAT, conflict_id),
				 errhint("bcdelta.review lists the conflicts that are open.")));
	feed = bcd_feed_load(c->feed, false);
	bcd_feed_check_owner(feed, "resolve conflicts of");
	check_open(conflict_id, c);
	return feed;
}

/* bcdelta.resolve(conflict_id, choice, value, note) */
Datum
bcdelta_resolve(PG_FUNCTION_ARGS)
{
	char	   *choice = bcd_arg_text(fcinfo, 1);
	char	   *note = bcd_arg_text(fcinfo, 3);
	Jsonb	   *value = PG_ARGISNULL(2) ? NULL : PG_GETARG_JSONB_P(2);
	BcdOpenConflict c;
	BcdFeed    *feed;
	BcdRights	rights;
	bool		whole;

	bcd_check_writable("bcdelta.resolve()");
	bcd_check_not_null(fcinfo, 0, "conflict_id");
	bcd_check_not_null(fcinfo, 1, "choice");
	bcd_check_word(choice, "choice", choices);
	if ((strcmp(choice, "value") == 0) != (value != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("choice \"value\", and no other, needs argument \"value\"")));
	feed = take(PG_GETARG_INT64(0), &c);
	whole = strcmp(c.field, BCD_WHOLE_RECORD) == 0;
	if (value && whole)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("conflict " INT64_FORMAT " is about the record as a whole", PG_GETARG_INT64(0)),
				 errhint("Choose \"source\" or \"store\".")));
	if (value)
		value = checked_value(feed, c.field, value);
	bcd_links_take(feed->feed_id);
	bcd_spi_begin(&rights);
	if (bcd_pending_is_in_flight(feed->name, c.key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", c.key, feed->name),
				 errhint("Try again after the run has ended.")));
	bcd_conflict_decide(PG_GETARG_INT64(0), choice, value, GetUserNameFromId(GetSessionUserId(), true), note);
	if (!whole)
		bcd_link_forget_field(feed->name, c.key, c.field);
	else if (strcmp(c.kind, "gone") == 0 && strcmp(choice, "source") == 0)
		bcd_link_forget_payload(feed->name, c.key, feed->resource); /* so that the row needs
																	 * something */
	mark(feed, c.key);
	bcd_spi_end(&rights);
	bcd_decided("resolve", feed->name, c.key, note,
				bcd_detail_text(bcd_detail_text(bcd_payload_set_integer(NULL, "conflict_id", PG_GETARG_INT64(0)),
												"field", whole ? "the record" : c.field), "choice", choice));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
