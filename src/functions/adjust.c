/*
 * adjust.c
 *		bcdelta.adjust(), bcdelta.unadjust(): values of the store that are
 *		meant.
 *
 * The session does not talk to the store. So what the store holds is not known
 * here; after the commit, the worker verifies the row, which reads it.  From the commit on,
 * no run overwrites the field: runs read the adjustments of each row that they
 * claim, if their feed has any.  The first adjustment of a feed makes a new
 * version of it, so that runs in progress notice.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/key.h"
#include "feed/mapping.h"
#include "feed/policy.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/feed.h"
#include "tables/link.h"
#include "tables/pending.h"

PG_FUNCTION_INFO_V1(bcdelta_adjust);
PG_FUNCTION_INFO_V1(bcdelta_unadjust);

/* An argument "until" that is a time */
typedef struct UntilTime
{
	char	   *text;
	TimestampTz at;
} UntilTime;

static void
read_time(void *arg)
{
	UntilTime  *until = arg;

	until->at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(until->text),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* Reads argument "until", which is two words or a time to come. */
static void
read_until(char *text, BcdNewAdjustment *adjustment)
{
	UntilTime	until = {text, 0};

	if (strcmp(text, "always") == 0 || strcmp(text, "source changes") == 0)
	{
		adjustment->until = text;
		return;
	}
	if (bcd_attempt(read_time, &until) != NULL || TIMESTAMP_NOT_FINITE(until.at))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for argument \"until\": \"%s\"", text),
				 errhint("It is 'always', 'source changes' or a time, such as '2030-01-31 18:00'.")));
	if (until.at <= GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"until\" is in the past: %s", timestamptz_to_str(until.at)),
				 errhint("Without an adjustment, the source's values are written to the store.")));
	adjustment->until = "time";
	adjustment->ends_at = until.at;
}

/* Raises an error unless a field of a feed's rows can be adjusted. */
static void
check_field(const BcdFeed *feed, const char *name)
{
	char	   *flaw;

	if (bcd_resource_field(feed->resource, name) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("resource %s has no field \"%s\"", feed->resource->name, name),
				 errhint("The fields of %s are: %s.", feed->resource->name, bcd_resource_field_names(feed->resource))));
	if (!bcd_feed_maps(feed, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\" does not map field \"%s\"", feed->name, name),
				 errdetail("It never writes the field, so the store's value is kept anyway.")));
	flaw = bcd_adjustable_flaw(feed, name);
	if (flaw)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("field \"%s\" of feed \"%s\" cannot be adjusted", name, feed->name),
				 errdetail("%s", flaw),
				 bcd_placed_flaw(feed, name) ? errhint(BCD_PLACED_HINT) : 0));
}

/* Raises an error unless the row exists, is linked and is not being pushed. */
static void
check_row(BcdFeed *feed, const char *key)
{
	BcdRights	rights;
	BcdLinkRow	link;

	bcd_spi_begin(&rights);
	if (!bcd_feed_exists(feed, key))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the source of feed \"%s\" has no row %s", feed->name, key),
				 errhint("SELECT key FROM bcdelta.link WHERE feed = %s lists the rows that have a record.", quote_literal_cstr(feed->name))));
	bcd_spi_end(&rights);
	bcd_spi_begin(&rights);
	if (!bcd_link_read(feed->name, key, &link))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row %s of feed \"%s\" has no record in the store", key, feed->name),
				 errhint("Push or link the row first.")));
	if (bcd_pending_is_in_flight(feed->name, key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", key, feed->name),
				 errhint("Try again after the run has ended; bcdelta.cancel() stops it.")));
	bcd_spi_end(&rights);
}

/*
 * Returns the value that the mapping gives, as it is in a payload, or NULL if
 * it gives none.
 */
static Jsonb *
source_value(BcdFeed *feed, const char *key, const char *field, bool needed)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *value = NULL;
	BcdRow		row;
	int			guc_level = NewGUCNestLevel();

	bcd_mapping_check(feed);
	bcd_pin_settings();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	bcd_feed_look_at_row(feed, key, &row);
	if (row.state != BCD_ROW_FOUND && needed)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the source's value of field \"%s\" of row %s is not known", field, key),
				 row.message ? errdetail_internal("%s", row.message) : 0,
				 errhint("Use another argument \"until\" than 'source changes'.")));
	/* the row does not outlive SPI */
	MemoryContextSwitchTo(cxt);
	if (row.state == BCD_ROW_FOUND)
		value = bcd_payload_value(row.payload, field);
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	return value;
}

/* Inserts the adjustment, and lets runs in progress know. */
static int64
insert(BcdFeed *feed, BcdNewAdjustment *adjustment)
{
	BcdRights	rights;
	int64		id;

	bcd_spi_begin(&rights);
	if (!bcd_adjustments_any(feed->name))
		bcd_feed_is_new_version(feed->feed_id);
	id = bcd_adjustment_insert(adjustment);
	if (id == 0)
	{
		char	   *words = bcd_adjustment_words(feed->name, adjustment->key, adjustment->field);

		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("field \"%s\" of row %s of feed \"%s\" is adjusted already",
						adjustment->field, adjustment->key, feed->name),
				 words ? errdetail_internal("%s", words) : 0,
				 errhint("SELECT bcdelta.unadjust(%s, %s, %s) ends that adjustment.", quote_literal_cstr(feed->name),
						 quote_literal_cstr(adjustment->key), quote_literal_cstr(adjustment->field))));
	}
	bcd_spi_end(&rights);
	return id;
}

/* bcdelta.adjust(feed, key, field, reason, until): returns its number. */
Datum
bcdelta_adjust(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"feed", "key", "field"};
	BcdNewAdjustment adjustment = {0};
	BcdFeed    *feed;
	Jsonb	   *detail;
	int64		id;
	int			i;

	bcd_check_writable("bcdelta.adjust()");
	for (i = 0; i < lengthof(names); i++)
		bcd_check_not_null(fcinfo, i, names[i]);
	bcd_check_reason(bcd_arg_text(fcinfo, 3), "reason");
	bcd_check_not_null(fcinfo, 4, "until");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "adjust rows of");
	bcd_feed_free(feed);
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	read_until(bcd_arg_text(fcinfo, 4), &adjustment);
	adjustment.feed = feed->name;
	adjustment.field = bcd_arg_text(fcinfo, 2);
	check_field(feed, adjustment.field);
	adjustment.key = bcd_key_given(feed, bcd_arg_text(fcinfo, 1));
	adjustment.reason = bcd_arg_text(fcinfo, 3);
	adjustment.by = GetUserNameFromId(GetSessionUserId(), false);
	/* a claim that does not see the adjustment yet would overwrite the field */
	bcd_links_add(feed->feed_id);
	check_row(feed, adjustment.key);
	adjustment.source_value = source_value(feed, adjustment.key, adjustment.field,
										   strcmp(adjustment.until, "source changes") == 0);
	id = insert(feed, &adjustment);
	detail = bcd_detail_text(bcd_payload_set_integer(NULL, "adjustment_id", id), "field", adjustment.field);
	bcd_decided("adjust", feed->name, adjustment.key, adjustment.reason,
				bcd_detail_text(detail, "until", bcd_arg_text(fcinfo, 4)));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(id);
}

/*
 * Ends the adjustment of a field, and makes the next push write it; returns
 * false if there is none.
 */
static bool
end(const BcdFeed *feed, const char *key, const char *field, BcdEndedAdjustment *ended)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	bool		found;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	found = bcd_adjustment_end(feed->name, key, field, ended);
	if (found && bcd_pending_is_in_flight(feed->name, key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", key, feed->name),
				 errhint("Try again after the run has ended; bcdelta.cancel() stops it.")));
	if (found)
		bcd_adjustment_ended(feed->feed_id, ended);
	bcd_spi_end(&rights);
	return found;
}

/* bcdelta.unadjust(feed, key, field, reason) */
Datum
bcdelta_unadjust(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"feed", "key", "field"};
	char	   *key = bcd_arg_text(fcinfo, 1);
	char	   *field = bcd_arg_text(fcinfo, 2);
	char	   *reason = bcd_arg_text(fcinfo, 3);
	BcdEndedAdjustment ended;
	BcdFeed    *feed;
	int			i;

	bcd_check_writable("bcdelta.unadjust()");
	for (i = 0; i < lengthof(names); i++)
		bcd_check_not_null(fcinfo, i, names[i]);
	if (reason)
		bcd_check_reason(reason, "reason");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "adjust rows of");
	bcd_links_take(feed->feed_id);
	/* works even if the source no longer exists */
	if (!end(feed, key, field, &ended))
	{
		bcd_feed_free(feed);
		feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
		key = bcd_key_given(feed, key);
		if (!end(feed, key, field, &ended))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("field \"%s\" of row %s of feed \"%s\" is not adjusted", field, key, feed->name),
					 errhint("SELECT key, field FROM bcdelta.adjustment WHERE feed = %s AND state <> 'ended' lists the adjustments.",
							 quote_literal_cstr(feed->name))));
	}
	bcd_decided("unadjust", feed->name, ended.key, reason,
				bcd_detail_text(bcd_payload_set_integer(NULL, "adjustment_id", ended.id), "field", field));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
