/*
 * why.c
 *		bcdelta.why(): what a push would do with each field of a row, and which
 *		rule says so.
 *
 * It goes by what is known of the record. If the caller wants that, the record
 * is read, and each field is answered as a push would decide that has read it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "engine/link_base.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/policy.h"
#include "functions/args.h"
#include "functions/why_read.h"
#include "payload/payload.h"
#include "payload/set_merge.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/conflict.h"
#include "tables/link.h"

#define WHY_COLUMNS	7

PG_FUNCTION_INFO_V1(bcdelta_why);

/* What is known of a row and its record */
typedef struct Known
{
	const BcdFeed *feed;
	Jsonb	   *wanted;
	Jsonb	   *payload;		/* of the link, as far as it is known */
	BcdLinkRow	link;
	BcdCurrentConflicts conflicts;
	List	   *adjustments;
	const cJSON *record;		/* as it was read, or NULL */
	bool		gone;			/* it was not found */
} Known;

/* The answer for one field */
typedef struct Answer
{
	const char *owner;
	const char *decision;
	const char *reason;
	Jsonb	   *store;			/* a payload with the store's value, or NULL */
} Answer;

static const BcdAdjustment *
adjustment_of(const Known *k, const char *field)
{
	ListCell   *lc;

	foreach(lc, k->adjustments)
	{
		const BcdAdjustment *a = lfirst(lc);

		if (strcmp(a->field, field) == 0 && !bcd_adjustment_is_over(k->feed, a, k->wanted))
			return a;
	}
	return NULL;
}

#define DIFFERED	"they differed when the row was linked, and the source has not changed it since"

/* Both sides have changed a field, or it is not known which (both: in words). */
static void
answer_by_policy(const Known *k, const BcdField *field, const char *both, bool found, Answer *a)
{
	BcdPolicy	policy = bcd_policy_of(k->feed, field->name);

	a->decision = policy == BCD_POLICY_STORE ? "keep" : policy == BCD_POLICY_REVIEW ? "hold" : "send";
	if (policy == BCD_POLICY_NEWEST)
		a->reason = psprintf("%s: it is kept if the store's change is newer", both);
	else if (policy == BCD_POLICY_REVIEW)
		a->reason = psprintf("%s: it is left to a person", both);
	else if (policy == BCD_POLICY_SOURCE || !bcd_is_set(field) || found)
		a->reason = psprintf("%s: the policy is %s", both, bcd_policy_name(policy));
	if (policy == BCD_POLICY_SOURCE || !bcd_is_set(field) || found)
		return;
	a->decision = "send";
	a->reason = "both sides have changed it: what either has added or removed stays so";
}

/* Source and store differed when the row was linked, and only the store may have changed since. */
static bool
is_untouched(const Known *k, const char *field)
{
	return bcd_policy_of(k->feed, field) != BCD_POLICY_SOURCE &&
		bcd_untouched_since_link(k->feed->resource, k->link.found, k->wanted, field);
}

/* A field whose values differ, or are not known to agree. */
static void
answer_changed(const Known *k, const char *field, Answer *a)
{
	BcdPolicy	policy = bcd_policy_of(k->feed, field);
	bool		unknown = !bcd_payload_has(k->payload, field);

	a->decision = "send";
	if (is_untouched(k, field))
		answer_by_policy(k, bcd_resource_field(k->feed->resource, field), DIFFERED, true, a);
	else if (policy == BCD_POLICY_SOURCE)
		a->reason = unknown ? "it is not known what the store holds" : "the source has changed it";
	else if (!unknown && bcd_is_set(bcd_resource_field(k->feed->resource, field)))
		a->reason = "the source has changed it; what the store has added or removed stays so";
	else
		a->reason = psprintf("%s; if the store has changed it, too, it is %s",
							 unknown ? "it is not known what the store holds" : "the source has changed it",
							 policy == BCD_POLICY_STORE ? "kept" : policy == BCD_POLICY_NEWEST ? "kept if it is newer" : "left to a person");
}

/* The record was deleted in the store. */
static void
answer_gone(const Known *k, Answer *a)
{
	char	   *state = bcd_payload_text(k->conflicts.states, BCD_WHOLE_RECORD);

	a->owner = strcmp(state, "open") == 0 ? "review" : state;
	a->decision = strcmp(state, "open") == 0 ? "hold" : strcmp(state, "store") == 0 ? "keep" : "send";
	a->reason = bcd_payload_text(k->conflicts.words, BCD_WHOLE_RECORD);
}

static void
answer(const Known *k, const char *field, Answer *a)
{
	const BcdAdjustment *record = adjustment_of(k, "");
	const BcdAdjustment *adjustment = record ? record : adjustment_of(k, field);
	char	   *state = k->conflicts.states ? bcd_payload_text(k->conflicts.states, field) : NULL;
	char	   *whole = NULL;
	bool		handled = bcd_payload_has(k->payload, field) && bcd_payload_same(k->wanted, k->payload, field);

	if (state == NULL && k->conflicts.kinds)
		whole = bcd_payload_text(k->conflicts.kinds, BCD_WHOLE_RECORD);
	a->owner = bcd_policy_name(bcd_policy_of(k->feed, field));
	a->store = handled ? k->payload : NULL;
	if (adjustment)
	{
		JsonbValue	v;

		a->owner = "store";
		a->decision = adjustment->by_run != 0 ? "hold" : "keep";
		a->reason = adjustment->words;
		a->store = NULL;
		if (adjustment->value)
		{
			bcd_jsonb_value(adjustment->value, &v);
			a->store = bcd_payload_set(NULL, field, &v);
		}
	}
	else if (state && handled)
	{
		bool		open = strcmp(state, "open") == 0;

		a->owner = open ? "review" : "store";
		a->decision = open ? "hold" : "keep";
		a->reason = bcd_payload_text(k->conflicts.words, field);
		a->store = strcmp(state, "value") == 0 ? k->conflicts.value : k->conflicts.store;
	}
	else if (whole && strcmp(whole, "gone") == 0)
		answer_gone(k, a);
	else if (!bcd_payload_has(k->wanted, field))
	{
		a->decision = "keep";
		a->reason = "the source has no value";
	}
	else if (k->link.address == NULL)
	{
		a->decision = "send";
		a->reason = "the row has no record yet, as far as is known";
	}
	else if (handled)
	{
		a->decision = "same";
		a->reason = "the source has not changed it since the last push";
	}
	else
		answer_changed(k, field, a);
}

/* An adjustment says which value is meant: does the store still have it? */
static void
answer_adjusted(const BcdField *field, const BcdAdjustment *adjustment, const cJSON *got, Answer *a)
{
	JsonbValue	meant;

	if (adjustment->value == NULL)
		return;
	bcd_jsonb_value(adjustment->value, &meant);
	if (!bcd_payload_agrees(field, &meant, got))
		a->reason = psprintf("%s; the store has another value by now", a->reason);
}

/* The record was read: what does that change in the answer for a field? */
static void
answer_read(const Known *k, const BcdField *field, Answer *a)
{
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(k->record, field->name);
	const BcdAdjustment *adjustment = adjustment_of(k, field->name);
	Jsonb	   *base = bcd_payload_merge(k->link.remembered, k->payload);

	a->store = NULL;
	/* the sum of all locations says nothing about one of them */
	if (got == NULL || field->flags & BCD_F_WRITE_ONLY || bcd_facet_is_placed(bcd_resource_facet_of(k->feed->resource, field), k->feed->options_json))
		return;
	a->store = bcd_payload_from_json(field->name, got);
	if (adjustment)
		answer_adjusted(field, adjustment, got, a);
	if (strcmp(a->owner, "store") == 0 || strcmp(a->decision, "hold") == 0 || BCD_IS_COLLECTION(field) || !bcd_payload_has(k->wanted, field->name))
		return;					/* decided */
	if (bcd_payload_is_in_record(k->wanted, field, got))
	{
		a->decision = "same";
		a->reason = "source and store agree";
	}
	else if (bcd_payload_is_in_record(k->link.sent, field, got))
		a->reason = "the store has what an update without a known outcome has written";
	else if (bcd_payload_has(base, field->name) && bcd_payload_same(k->wanted, base, field->name))
	{
		a->owner = "store";
		a->decision = "keep";
		a->reason = "the store has changed it, and the source has not";
	}
	else if (is_untouched(k, field->name))
		answer_by_policy(k, field, DIFFERED, true, a);
	else if (bcd_payload_is_in_record(base, field, got))
		a->reason = "the source has changed it, and the store has not";
	else if (!bcd_payload_has(base, field->name))
		answer_by_policy(k, field, "it is not known what both had", true, a);
	else
		answer_by_policy(k, field, "both sides have changed it", false, a);
}

static Datum
value_of(Jsonb *payload, const char *field, bool *isnull)
{
	Jsonb	   *value = payload && bcd_payload_has(payload, field) ? bcd_payload_value(payload, field) : NULL;

	*isnull = value == NULL;
	return value ? JsonbPGetDatum(value) : (Datum) 0;
}

static void
put_field(BcdRows *rows, const Known *k, const BcdField *field)
{
	Answer		a = {0};
	Datum		values[WHY_COLUMNS];
	bool		nulls[WHY_COLUMNS] = {false};

	answer(k, field->name, &a);
	if (k->record)
		answer_read(k, field, &a);
	else if (k->gone)
	{
		a.store = NULL;
		a.reason = psprintf("%s; the record is not in the store any more", a.reason);
	}
	values[0] = CStringGetTextDatum(field->name);
	values[1] = value_of(k->wanted, field->name, &nulls[1]);
	values[2] = value_of(k->payload, field->name, &nulls[2]);
	values[3] = value_of(a.store, field->name, &nulls[3]);
	values[4] = CStringGetTextDatum(a.owner);
	values[5] = CStringGetTextDatum(a.decision);
	values[6] = CStringGetTextDatum(a.reason);
	bcd_rows_put(rows, values, nulls);
}

/* Reads what our tables know of a row into the current memory context. */
static void
read_known(Known *k, const char *key)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	if (bcd_link_read_ahead(k->feed->name, k->feed->feed_id, key, false, &k->link))
		k->payload = k->link.payload;
	MemoryContextSwitchTo(cxt);
	if (k->link.address)
		bcd_conflicts_of(k->feed->name, k->link.address, &k->conflicts);
	MemoryContextSwitchTo(cxt);
	if (k->feed->adjusted)
		k->adjustments = bcd_adjustments_of(k->feed->name, key);
	bcd_spi_end(&rights);
}

/* Raises an error if the server leads to another store than that of the links. */
static void
check_store(const BcdFeed *feed)
{
	if (feed->halt == BCD_HALT_STORE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("records of feed \"%s\" cannot be read", feed->name),
				 errdetail("The feed is paused: %s.", feed->paused_reason)));
}

/* Reads the record, if there is one. */
static void
read_record(Known *k)
{
	if (k->link.address == NULL)
		return;
	k->record = bcd_why_read(k->feed, k->link.store_id);
	k->gone = k->record == NULL;
}

/* Raises an error unless the row can be explained field by field. */
static void
check_found(const BcdFeed *feed, const char *key, const BcdRow *row)
{
	if (row->state == BCD_ROW_FOUND)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NO_DATA_FOUND),
			 errmsg("row %s of feed \"%s\" cannot be explained", key, feed->name),
			 row->state == BCD_ROW_MISSING ? errdetail("There is no such row, or it does not satisfy the filter.") :
			 row->message ? errdetail("%s", row->message) :
			 errdetail("It waits for row %s of feed \"%s\".", row->waits_key, row->waits_feed)));
}

/* bcdelta.why(feed, key, read) */
Datum
bcdelta_why(PG_FUNCTION_ARGS)
{
	Known		k = {0};
	BcdFeed    *feed;
	BcdRows		rows;
	BcdRow		row;
	MemoryContext cxt;
	char	   *key;
	bool		read;
	int			guc_level;
	int			i;

	bcd_check_not_null(fcinfo, 0, "feed");
	bcd_check_not_null(fcinfo, 1, "key");
	read = !PG_ARGISNULL(2) && PG_GETARG_BOOL(2);
	bcd_rows_begin(fcinfo, &rows);
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "explain rows of");
	key = bcd_key_given(feed, bcd_arg_text(fcinfo, 1));
	k.feed = feed;
	if (read)
		check_store(feed);
	read_known(&k, key);
	guc_level = NewGUCNestLevel();
	bcd_pin_settings();
	cxt = CurrentMemoryContext;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	MemoryContextSwitchTo(cxt);
	bcd_feed_row(feed, key, &row);
	MemoryContextSwitchTo(cxt);
	SPI_finish();
	AtEOXact_GUC(false, guc_level);
	check_found(feed, key, &row);
	k.wanted = row.payload;
	if (read)
		read_record(&k);
	for (i = 0; i < feed->nfields; i++)
		put_field(&rows, &k, feed->fields[i].field);
	bcd_feed_free(feed);
	return (Datum) 0;
}
