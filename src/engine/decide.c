/*
 * decide.c
 *		Decisions: what will become of an item.
 *
 * The code that reads replies makes them and changes nothing else; settle.c
 * commits them.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/stage.h"
#include "payload/payload.h"
#include "resource/resource.h"

static BcdItemRecord
record_now(const BcdItem *item)
{
	BcdItemRecord r = {
		.store_id = item->store_id,
		.linked = item->linked,
		.looked_up = item->looked_up,
		.unsure = item->unsure,
		.known = item->known,
		.remembered = item->remembered,
		.sent = item->sent,
		.was = item->was,
		.kept = item->kept,
		.image = item->image,
		.aside = item->aside,
		.doubt = item->doubt,
		.in_doubt = item->in_doubt,
	};

	return r;
}

/* Returns an item's record as it will be after its decision. */
BcdItemRecord
bcd_record_after(const BcdItem *item)
{
	return item->decision.has_record ? item->decision.record : record_now(item);
}

/* The same, to be changed by the decision. */
BcdItemRecord *
bcd_decide_record(BcdItem *item)
{
	BcdDecision *d = &item->decision;

	if (!d->has_record)
		d->record = record_now(item);
	d->has_record = true;
	return &d->record;
}

/*
 * Makes an item's decision void, except for what was found out about its
 * record.
 */
void
bcd_decide_anew(BcdItem *item)
{
	BcdDecision *d = &item->decision;
	BcdDecision before = *d;

	memset(d, 0, sizeof(*d));
	d->has_record = before.has_record;
	d->record = before.record;
	d->exchanged = before.exchanged;
}

/* Decides that the item is finished. */
void
bcd_decide_done(BcdItem *item, BcdOutcome outcome, BcdLinkAction link)
{
	BcdDecision *d = &item->decision;
	const char *held = d->judged ? d->held : item->held;

	d->made = true;
	d->leaves = true;
	d->outcome = outcome;
	d->link = link;
	d->pending = BCD_PENDING_DONE;
	if (held)
	{
		d->pending = BCD_PENDING_REVIEW;
		d->error = MemoryContextStrdup(item->cxt, psprintf("changed in the source and in the store, see bcdelta.review: %s", held));
	}
}

/*
 * Decides that the item fails: it stays as it is until its row changes or a
 * user calls retry().
 */
void
bcd_decide_failed(BcdItem *item, BcdOutcome outcome, char *error)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = true;
	d->outcome = outcome;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_FAIL;
	d->error = error;
}

/* A single record was refused, because of its row or of the mapping. */
void
bcd_decide_refused(BcdItem *item, char *text)
{
	bcd_decide_failed(item, BCD_FAILED, text);
	item->decision.refused = true;
}

/* The record with the item's natural key is linked to another row. */
void
bcd_decide_taken(BcdItem *item, int64 store_id, const char *other)
{
	char	   *text = psprintf("%s \"%s\" belongs to record " INT64_FORMAT
								" of the store, which is linked to source row %s",
								bcd_resource_key(item->lane->feed->resource, item->natural_index),
								item->natural, store_id, other);

	bcd_decide_failed(item, BCD_FAILED, MemoryContextStrdup(item->cxt, text));
}

/*
 * The record that was found for an item was found for another one, too, maybe
 * by what no two siblings have in common.
 */
void
bcd_decide_taken_by(BcdItem *item, int64 store_id, const BcdItem *other)
{
	const char *same_by = item->lane->feed->resource->same_by;

	if (same_by && strcmp(bcd_folded(item->natural), bcd_folded(other->natural)) != 0)
		bcd_decide_failed(item, BCD_INVALID,
						  MemoryContextStrdup(item->cxt, psprintf("%s: source row %s has the same", same_by, other->key)));
	else
		bcd_decide_taken(item, store_id, other->key);
}

/* Decides that the item is tried again later; its row is read again then. */
void
bcd_decide_wait(BcdItem *item, int64 delay_ms, char *error)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = true;
	d->outcome = BCD_RETRY;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_WAIT;
	d->delay_ms = delay_ms;
	d->error = error;
}

/*
 * The record of a row that is gone is hidden now.  If the feed deletes such
 * records after a while, the row waits until then: it has had an attempt, and
 * its link says since when.
 */
void
bcd_decide_hidden(BcdItem *item)
{
	const BcdFeed *feed = item->lane->feed;
	BcdDecision *d = &item->decision;

	if (feed->on_delete != BCD_DELETE_DELETE || feed->options.delete_after == 0 || !item->lane->run->kind->claims || !d->leaves)
		return;
	d->pending = BCD_PENDING_WAIT;
	d->delay_ms = feed->options.delete_after * 1000;
	if (d->outcome == BCD_UNCHANGED && item->written_ms < d->delay_ms)
		d->delay_ms -= item->written_ms;
	d->afresh = true;
	d->attempted = d->outcome == BCD_NO_OUTCOME;
}

/*
 * Decides that the item moves to another stage for the same reason; records
 * nothing.
 */
void
bcd_decide_stage(BcdItem *item, BcdStage stage)
{
	BcdDecision *d = &item->decision;

	d->made = true;
	d->leaves = false;
	d->next = stage;
	d->lookup_reason = d->exchanged ? BCD_REASON_RECORD : item->lookup_reason;
	d->natural = NULL;
	d->purpose = item->purpose;
	/* the order of a batch is the order in which keys become free */
	d->follows = item->follows && !BCD_IS_FACET(stage);
	d->outcome = BCD_NO_OUTCOME;
	d->link = BCD_LINK_KEEP;
	d->pending = BCD_PENDING_KEEP;
}

/* Do the replies to an item's create not name the record? */
bool
bcd_is_created_silently(const BcdItem *item)
{
	const BcdEndpoint *create = item->lane->feed->resource->facets->create.endpoint;

	return create && create->reply->records == NULL;
}

/*
 * Returns how many items a request may have together with one that has failed
 * this many times: it may be the cause why all failed.  So these items come
 * back in ever smaller groups, and finally alone.
 */
int
bcd_item_group(const BcdLane *lane, int attempts)
{
	if (attempts == 0)
		return INT_MAX;
	if (attempts + 1 >= lane->run->store->options->max_attempts)
		return 1;
	return Max(BCD_PAGE_LIMIT >> Min(2 * attempts, 8), 1);
}

/*
 * The same for a claimed item.  That the store has accepted its create, and
 * lists the record later, counts as an attempt, but does not speak against it.
 */
int
bcd_claimed_group(const BcdItem *item)
{
	bool		accepted = item->attempts == 1 && item->lost_create && bcd_is_created_silently(item);

	return accepted && item->lane->run->store->options->max_attempts > 2 ? INT_MAX : bcd_item_group(item->lane, item->attempts);
}
