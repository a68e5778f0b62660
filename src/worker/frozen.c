/*
 * frozen.c
 *		Feeds whose source is not to be changed any more.
 *
 * They are shown in shared memory. A transaction that captures a change looks
 * there, without a lock, and tells who made the change if it should not have
 * been made.  While no worker shows anything, changes are counted all the same.
 */
#include "postgres.h"

#include "nodes/pg_list.h"

#include "base/shmem.h"
#include "tables/stage.h"
#include "worker/frozen.h"

/* Shows which feeds these are; in a transaction. */
void
bcd_frozen_look(BcdWorkerSlot *slot)
{
	uint64		bits[BCD_FEED_BITS / 64] = {0};
	List	   *feeds = bcd_stage_frozen_feeds();
	ListCell   *lc;

	foreach(lc, feeds)
		bcd_feed_bit_set(bits, lfirst_int(lc));
	if (memcmp(bits, slot->frozen, sizeof(bits)) != 0)
		memcpy(slot->frozen, bits, sizeof(bits));
}
