/*
 * adjust_found.c
 *		adjust_found(): declares differences that a verify has found as meant.
 *
 * The condition is evaluated with the rights of the caller, who has to own the
 * feeds of all differences of the run, since a condition sees their values.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/repair.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/discrepancy.h"
#include "tables/feed.h"
#include "tables/link.h"
#include "tables/pending.h"

PG_FUNCTION_INFO_V1(bcdelta_adjust_found);

/* A difference that the condition accepts */
typedef struct Found
{
	char	   *feed;
	char	   *key;
	char	   *field;
	char	   *source_value;
	char	   *store_value;
} Found;

/* Returns the differences that satisfy a condition (NULL: all), in order. */
static List *
select_found(int64 run_id, const char *condition)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *list = NIL;
	bool		read_only = XactReadOnly;
	BcdRights	rights;
	Datum		rows;
	Oid			type;
	uint64		i;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	rows = bcd_discrepancies_by_field(run_id, &type);
	bcd_spi_end(&rights);
	if (rows == (Datum) 0)
		return NIL;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	bcd_become(&rights, GetUserId(), true);
	/* functions in the condition must not write; an error restores this */
	XactReadOnly = true;
	if (SPI_execute_with_args(psprintf("SELECT discrepancy.feed, discrepancy.key, discrepancy.field, discrepancy.source_value,"
									   " discrepancy.store_value FROM unnest($1) AS discrepancy WHERE (%s\n)",
									   condition ? condition : "true"),
							  1, &type, &rows, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not evaluate the condition");
	XactReadOnly = read_only;
	bcd_become_again(&rights);
	MemoryContextSwitchTo(cxt);
	for (i = 0; i < SPI_processed; i++)
	{
		Found	   *found = palloc(sizeof(Found));

		found->feed = bcd_column_text(i, 1);
		found->key = bcd_column_text(i, 2);
		found->field = bcd_column_text(i, 3);
		found->source_value = bcd_column_text(i, 4);
		found->store_value = bcd_column_text(i, 5);
		list = lappend(list, found);
	}
	SPI_finish();
	return list;
}

typedef struct Parsing
{
	char	   *text;
	Jsonb	   *value;
} Parsing;

static void
parse(void *arg)
{
	Parsing    *p = arg;

	p->value = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(p->text)));
}

/*
 * Returns the value that a difference shows as text, or NULL if the text does
 * not tell: then the value is read.
 */
static Jsonb *
value_of(const BcdField *field, char *text)
{
	Parsing		p = {text, NULL};
	JsonbValue	v;

	if (BCD_IS_COLLECTION(field) || field->type == BCD_ANY || text == NULL || strcmp(text, "null") == 0)
		return NULL;
	if (field->type != BCD_STRING && field->type != BCD_DATETIME)
		return bcd_attempt(parse, &p) ? NULL : p.value;
	v.type = jbvString;
	v.val.string.val = text;
	v.val.string.len = strlen(text);
	return JsonbValueToJsonb(&v);
}

/*
 * Makes one adjustment; returns false if the field has one, or can have none.
 */
static bool
adjust(const BcdFeed *feed, const Found *found, int64 run_id, const char *reason)
{
	const BcdField *field = bcd_resource_field(feed->resource, found->field);
	BcdNewAdjustment adjustment = {.feed = feed->name,.key = found->key,.field = found->field,.until = "always"};
	MemoryContext cxt = CurrentMemoryContext;
	BcdLinkRow	link;
	BcdRights	rights;
	Jsonb	   *detail;
	int64		id = 0;

	if (field == NULL || !bcd_feed_maps(feed, found->field) || bcd_adjustable_flaw(feed, found->field))
		return false;
	adjustment.value = value_of(field, found->store_value);
	adjustment.source_value = value_of(field, found->source_value);
	adjustment.reason = reason;
	adjustment.by = GetUserNameFromId(GetSessionUserId(), false);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	if (bcd_pending_is_in_flight(feed->name, found->key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", found->key, feed->name),
				 errhint("Try again after the run has ended; bcdelta.cancel() stops it.")));
	if (bcd_link_read(feed->name, found->key, &link))
		id = bcd_adjustment_insert(&adjustment);
	bcd_spi_end(&rights);
	if (id == 0)
		return false;
	detail = bcd_detail_text(bcd_payload_set_integer(NULL, "adjustment_id", id), "field", found->field);
	(void) bcd_decided("adjust", feed->name, found->key, reason, bcd_payload_set_integer(detail, "run_id", run_id));
	return true;
}

/* Prepares for adjustments of a feed's rows. */
static BcdFeed *
begin_feed(const char *name)
{
	BcdFeed    *feed = bcd_feed_load(name, true);
	BcdRights	rights;

	if (feed == NULL)
		return NULL;
	bcd_links_add(feed->feed_id);
	bcd_spi_begin(&rights);
	if (!bcd_adjustments_any(feed->name))
		bcd_feed_is_new_version(feed->feed_id);
	bcd_spi_end(&rights);
	return feed;
}

/* Raises an error unless the caller owns the feeds of a run's differences. */
static void
check_owner(int64 run_id)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *names;
	ListCell   *lc;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	bcd_check_verify(run_id);
	MemoryContextSwitchTo(cxt);
	/* the condition sees all of them */
	names = bcd_discrepancy_feeds(run_id, true);
	bcd_spi_end(&rights);
	foreach(lc, names)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), true);

		/* nobody owns the differences of a feed that was dropped */
		if (feed)
			bcd_feed_check_owner(feed, "adjust rows of");
		else if (!superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("feed \"%s\" of run " INT64_FORMAT " no longer exists", (char *) lfirst(lc), run_id),
					 errhint("Verify again.")));
	}
}

/* bcdelta.adjust_found(run_id, condition, reason): returns the number. */
Datum
bcdelta_adjust_found(PG_FUNCTION_ARGS)
{
	int64		run_id;
	char	   *condition;
	char	   *reason = bcd_arg_text(fcinfo, 2);
	BcdFeed    *feed = NULL;
	const char *name = NULL;
	int64		n = 0;
	ListCell   *lc;

	bcd_check_writable("bcdelta.adjust_found()");
	bcd_check_not_null(fcinfo, 0, "run_id");
	run_id = PG_GETARG_INT64(0);
	if (reason)
		bcd_check_reason(reason, "reason");
	else
		reason = psprintf("found by verify " INT64_FORMAT, run_id);
	condition = bcd_arg_text(fcinfo, 1);
	if (condition)
		bcd_condition_check(condition);
	check_owner(run_id);
	foreach(lc, select_found(run_id, condition))
	{
		Found	   *found = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (name == NULL || strcmp(found->feed, name) != 0)
		{
			name = found->feed;
			feed = begin_feed(name);
		}
		n += feed && adjust(feed, found, run_id, reason);
	}
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(n);
}
