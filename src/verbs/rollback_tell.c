/*
 * rollback_tell.c
 *		What a rollback says of a field or a record, and what decides that.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/rollback_field.h"
#include "tables/undo.h"
#include "verbs/rollback.h"

/* Records what a rollback found and decided for a field, or a record as a whole. */
void
bcd_rollback_tell(BcdItem *item, const char *field, Jsonb *now, Jsonb *becomes, const char *verdict, const char *reason)
{
	const BcdLane *lane = item->lane;
	BcdRollbackField f = {item->key, bcd_store_id_after(item), bcd_item_address(item), field, now, becomes, verdict, reason};

	bcd_rollback_field_insert(lane->run->run_id, lane->feed->name, &f);
}

/* Why somebody else's value is kept: a later run of ours may have written it. */
const char *
bcd_rollback_reason(const BcdItem *item, const char *field)
{
	const BcdFeed *feed = item->lane->feed;
	int64		run_id = bcd_undo_later(feed->name, feed->feed_id,
										bcd_is_keyed(item) ? bcd_item_address(item) : psprintf(INT64_FORMAT, item->store_id),
										item->unit->last_id, item->unit->last_run, field);

	return run_id != 0 ? psprintf("run " INT64_FORMAT " has written it since; rollback_since() undoes both", run_id) :
		"somebody else has changed it since";
}

/* Has a payload a value that the store has, or what stands for it? */
bool
bcd_rollback_has(Jsonb *payload, const BcdField *field, const cJSON *got)
{
	JsonbValue	v;

	return payload && getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), &v) &&
		bcd_payload_agrees_noted(field, &v, got);
}

/* Has a field one of the values that we have written? */
bool
bcd_rollback_is_ours(const BcdUndoUnit *unit, const BcdField *field, const cJSON *got)
{
	ListCell   *lc;

	foreach(lc, unit->afters)
		if (bcd_rollback_has(lfirst(lc), field, got))
		return true;
	return false;
}

/* Ends an item for which nothing is sent. */
void
bcd_rollback_nothing(BcdItem *item, int kept)
{
	item->unit->kept |= kept > 0;
	bcd_decide_done(item, item->unit->sent && kept == 0 ? BCD_UPDATED : BCD_UNCHANGED, BCD_LINK_KEEP);
	item->decision.conflicts = kept;
}

/* Ends an item of which nothing can be undone. */
void
bcd_rollback_impossible(BcdItem *item, const char *reason)
{
	bcd_rollback_tell(item, NULL, NULL, NULL, "impossible", reason);
	bcd_rollback_nothing(item, 1);
	item->decision.error = MemoryContextStrdup(item->cxt, reason);
}
