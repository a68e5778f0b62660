/*
 * another_writer.c
 *		Is another server pushing to the same store?
 *
 * An old primary that is still running after a failover, or a copy that
 * somebody has resumed, pushes the same rows.  So our rows find their changes
 * in the store already, written after the rows had changed, and not by us.  A
 * person who edits the store rarely does that, so a few such twins say enough.
 * What was written before this worker started is no sign of it: a primary may
 * have written it before it failed.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "engine/another_writer.h"
#include "engine/newest.h"
#include "payload/payload.h"

/* Twins are forgotten this long after the last of them. */
#define MEMORY		USECS_PER_HOUR

/* Clocks are known to the second. */
#define TOLERANCE	(3 * USECS_PER_SEC)

/* A field that the policy keeps from being written makes no twin. */
static bool
agrees(const BcdItem *item, const cJSON *record)
{
	const BcdResource *resource = item->lane->feed->resource;
	Jsonb	   *changes = bcd_payload_changes(resource, item->wanted, bcd_payload_known(resource, item->wanted, record));

	return changes == NULL || bcd_payload_count(changes) == 0;
}

/*
 * The row of an item agrees with its record, although it was not known to.
 * Called while that is decided, so a row may be counted again after an error.
 */
void
bcd_note_twin(const BcdItem *item, const cJSON *record)
{
	BcdStore   *store = item->lane->run->store;
	TimestampTz at;

	if (item->wanted == NULL || item->lost_create || item->sent || item->remembered || item->unsure || item->attempts > 0 ||
		TIMESTAMP_NOT_FINITE(item->captured_at) || !bcd_store_changed_at(&store->clock, record, &at))
		return;
	if (at < Max(item->captured_at, bcd_engine.started_at) + TOLERANCE || !agrees(item, record))
		return;
	if (store->twin_at < GetCurrentTimestamp() - MEMORY)
		store->twins = 0;
	store->twins++;
	store->twin_at = GetCurrentTimestamp();
}

void
bcd_show_twins(const BcdStore *store, BcdStoreState *s)
{
	s->twins = store->twins;
	s->twin_at = store->twin_at;
}
