/*
 * verify_adjusted.c
 *		Adjusted fields in a verify.
 *
 * An adjusted field that differs from the source is no difference, so the row
 * is compared as if it wanted what the store has.  What is compared instead is
 * the store's value with the one that was declared: if somebody has changed it
 * since, the adjustment is broken, which is a discrepancy of kind conflict,
 * with the declared value as pushed_value.  An adjustment whose value is not
 * known yet gets it here.
 *
 * Runs of mode "adjusted", which the worker requests by itself, do nothing else
 * than that: a look at one field must neither report others, nor let the next
 * push of the row correct them.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/journal.h"
#include "verbs/verify_adjusted.h"

/*
 * Makes the row want what the record has of its adjusted fields; returns the
 * adjustments that count.  A collection is not wanted at all, since what is
 * known of its elements depends on those that are wanted.
 */
List *
bcd_verify_adjusted(BcdItem *item, const cJSON *record)
{
	const BcdFeed *feed = item->lane->feed;
	Jsonb	   *wanted = item->wanted;
	List	   *counts = NIL;
	ListCell   *lc;

	if (!feed->adjusted || wanted == NULL || item->gone)
		return NIL;
	foreach(lc, bcd_adjustments_of(feed->name, item->key))
	{
		BcdAdjustment *a = lfirst(lc);
		const cJSON *got = cJSON_GetObjectItemCaseSensitive(record, a->field);
		const BcdField *field = bcd_resource_field(feed->resource, a->field);

		if (field == NULL || !bcd_feed_maps(feed, a->field) || bcd_adjustment_is_over(feed, a, wanted))
			continue;
		counts = lappend(counts, a);
		item->wanted = bcd_payload_without(item->wanted, a->field);
		if (!bcd_payload_is_nothing(got) && !BCD_IS_COLLECTION(field))
			item->wanted = bcd_payload_merge(item->wanted, bcd_payload_from_json(a->field, got));
	}
	return counts;
}

/* Returns the fields of a payload that are not adjusted. */
Jsonb *
bcd_verify_unadjusted(Jsonb *payload, List *adjusted)
{
	ListCell   *lc;

	foreach(lc, adjusted)
		payload = bcd_payload_without(payload, ((BcdAdjustment *) lfirst(lc))->field);
	return payload;
}

/*
 * Compares the record with what the adjustments declare; returns those that
 * are broken.
 */
List *
bcd_verify_watch(BcdItem *item, const cJSON *record, List *adjusted)
{
	List	   *broken = NIL;
	ListCell   *lc;

	foreach(lc, adjusted)
	{
		BcdAdjustment *a = lfirst(lc);
		const BcdField *field = bcd_resource_field(item->lane->feed->resource, a->field);
		const cJSON *got = cJSON_GetObjectItemCaseSensitive(record, a->field);
		JsonbValue	declared;

		if (a->value == NULL)
		{
			bcd_adjustment_read(a->id, bcd_adjusted_value(field, got));
			continue;
		}
		/* held, but not shown as it was written, or sold by the store */
		if (bcd_adjustable_flaw(item->lane->feed, a->field) || (a->by_run != 0 && (field->flags & BCD_F_COUNTED)))
			continue;
		bcd_jsonb_value(a->value, &declared);
		if (!bcd_payload_agrees(field, &declared, got))
			broken = lappend(broken, a);
		else if (a->broken)
			(void) bcd_adjustment_set_broken(a->id, false);
	}
	return broken;
}

/* An adjustment was reported as broken. */
void
bcd_verify_broken(const BcdItem *item, const BcdAdjustment *adjustment)
{
	if (bcd_adjustment_set_broken(adjustment->id, true))
		(void) bcd_journal_auto("adjustment broken", item->lane->feed->name, item->key,
								psprintf("the store has another value of field \"%s\" than was declared", adjustment->field),
								bcd_payload_set_integer(NULL, "adjustment_id", adjustment->id));
}

/* In mode adjusted: reads the record of a row, if there is any. */
void
bcd_verify_wants_value(BcdItem *item)
{
	if (item->linked && item->wanted)
		bcd_decide_stage(item, BCD_READ);
	else
		bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
}

/* In mode adjusted: the record was read; NULL: it is gone. */
void
bcd_verify_value_read(BcdItem *item, const cJSON *record)
{
	if (record)
		(void) bcd_verify_watch(item, record, bcd_verify_adjusted(item, record));
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
}
