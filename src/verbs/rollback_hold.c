/*
 * rollback_hold.c
 *		What a rollback with after => 'hold' leaves behind: adjustments, which
 *		end when the source changes.
 *
 * The row in the source still has the value that was undone.  It is held as long
 * as it is that: a field for itself, and a record that was hidden, shown,
 * deleted or made again as a whole.  The field of a row that has been corrected
 * in the meantime is free at once.
 */
#include "postgres.h"

#include "engine/engine.h"
#include "feed/feed.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/conflict.h"
#include "verbs/rollback.h"

/* Holds a field, or the record; source_value: what the row has, value: what the store has. */
static void
hold(const BcdItem *item, const char *field, Jsonb *source_value, Jsonb *value)
{
	const BcdRun *run = item->lane->run;
	BcdNewAdjustment adjustment = {.feed = item->lane->feed->name,.key = item->key,.field = field,.until = "source changes"};

	if (item->lane->feed->adjusted)
		bcd_holds_end_older(adjustment.feed, item->key, field, run->run_id);
	if (!run->rollback->holds)
		return;
	adjustment.source_value = source_value;
	adjustment.value = value;
	adjustment.by = run->rollback->role;
	adjustment.reason = psprintf("rollback " INT64_FORMAT, run->run_id);
	adjustment.by_run = run->run_id;
	(void) bcd_adjustment_insert(&adjustment);
}

static void
hold_field(const char *name, JsonbValue *value, void *arg)
{
	const BcdItem *item = arg;
	const BcdUndoUnit *unit = item->unit;
	const BcdResource *r = item->lane->feed->resource;
	const BcdField *field = bcd_resource_field(r, name);

	if (!bcd_feed_maps(item->lane->feed, name) || !bcd_payload_has(unit->after, name) ||
		field->flags & (BCD_F_FIXED | BCD_F_PLACE) || (r->id == NULL && bcd_is_address_field(r, name)))
		return;
	hold(item, name, bcd_payload_value(unit->after, name), bcd_payload_value(bcd_payload_set(NULL, name, value), name));
}

/* What an item was to undo is undone: its row is held from now on, if that is wanted. */
void
bcd_rollback_hold(BcdItem *item)
{
	const BcdUndoUnit *unit = item->unit;

	if (unit->whole)
		hold(item, BCD_WHOLE_RECORD, unit->gone ? NULL : unit->after, NULL);
	else
		bcd_payload_each(unit->held, hold_field, item);
}
