/*
 * stage_change.c
 *		What follows for feeds from another stage of the cutover, or another
 *		rule for one.
 *
 * Rows that were not pushed, or not as a whole, because the store owned them,
 * are pushed when it does not, so that nothing is lost in between.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/db.h"
#include "capture/change.h"
#include "feed/feed.h"
#include "feed/stage_change.h"
#include "payload/counted.h"
#include "payload/task.h"
#include "tables/feed.h"
#include "tables/feed_authority.h"
#include "tables/link.h"
#include "tables/link_write.h"
#include "tables/stage.h"
#include "tables/stock_level.h"

/* Is there this rule, or one like it for the record as a whole? */
static bool
is_among(List *rules, const BcdFeedRule *r, bool or_whole)
{
	ListCell   *lc;

	foreach(lc, rules)
	{
		const BcdFeedRule *other = lfirst(lc);

		if (other->feed_id == r->feed_id && strcmp(other->owner, r->owner) == 0 &&
			(strcmp(other->field, r->field) == 0 || (or_whole && other->field[0] == '\0')))
			return true;
	}
	return false;
}

/*
 * The store does not own all that it did. A linked row may have been pushed
 * without that, at this stage or an earlier one.
 */
static void
mark_linked(const BcdFeedRule *r)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdChanges *changes;
	List	   *keys = bcd_link_keys(r->feed);
	ListCell   *lc;

	MemoryContextSwitchTo(cxt);
	changes = bcd_changes_begin(r->feed_id);
	foreach(lc, keys)
	{
		bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(lfirst(lc)));
		CHECK_FOR_INTERRUPTS();
	}
	bcd_changes_end(changes);
	MemoryContextSwitchTo(cxt);
}

/*
 * Quantities are not sent as differences any more, unless an option of the feed
 * says so: what is known is what the row counted, not what the store has.
 */
static void
end_counting(const BcdFeedRule *r)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdFeed    *feed = bcd_feed_read(r->feed, false);
	const BcdFacet *facet = bcd_counting_facet(feed->resource, bcd_counting_options(feed->resource, NULL));

	MemoryContextSwitchTo(cxt);
	if (facet && bcd_counting_facet(feed->resource, feed->options_json) == NULL)
	{
		bcd_links_forget_field(r->feed, facet->changes_of);
		bcd_stock_levels_delete(r->feed);
		mark_linked(r);
	}
	bcd_feed_free(feed);
	MemoryContextSwitchTo(cxt);
}

/*
 * Does what follows from other rules.  Rows that are in review since the store
 * owned them as a whole are given back by the next run.
 */
void
bcd_rules_follow(const char *server, List *before)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *now = bcd_feed_rules(server);
	int32		marked = 0;
	int32		changed = 0;
	ListCell   *lc;

	MemoryContextSwitchTo(cxt);
	foreach(lc, before)
	{
		const BcdFeedRule *r = lfirst(lc);

		if (strcmp(r->owner, "store") == 0 && r->feed_id != marked && !is_among(now, r, true))
		{
			mark_linked(r);
			marked = r->feed_id;
		}
		if (strcmp(r->owner, "relative") == 0 && !is_among(now, r, false))
			end_counting(r);
	}
	foreach(lc, list_concat_copy(before, now))
	{
		const BcdFeedRule *r = lfirst(lc);

		if (r->feed_id == changed || (is_among(now, r, false) && is_among(before, r, false)))
			continue;
		bcd_feed_is_new_version(changed = r->feed_id);
	}
	MemoryContextSwitchTo(cxt);
}

/*
 * Sets the stage of a store (NULL: none), and does what follows.  SPI must be
 * connected.
 */
void
bcd_stage_change(const char *server, const char *stage, const char *by, const char *note)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *before = bcd_feed_rules(server);

	MemoryContextSwitchTo(cxt);
	bcd_stage_set(server, stage, by, note);
	MemoryContextSwitchTo(cxt);
	bcd_rules_follow(server, before);
}
