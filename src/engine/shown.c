/*
 * shown.c
 *		What is known of whether records are shown.
 *
 * If a feed hides the records of rows that are gone, its links remember which
 * ones the store has shown to be visible, although no row says so.  What hiding
 * them overwrites is known then, as it is of mapped fields, and only others have
 * to be read before (push_gone.c).
 *
 * Only that a record is shown is remembered here.  A link that says that one is
 * hidden means that we have hidden it: it is shown again when its row comes back.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/shown.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Does a feed hide records, and do its rows not say whether they are hidden? */
static bool
hides(const BcdFeed *feed)
{
	return feed->resource->hidden_by && !bcd_feed_maps(feed, feed->resource->hidden_by) &&
		(feed->on_delete == BCD_DELETE_HIDE || feed->options.delete_after > 0);
}

/* Does a record that was read say that it is hidden (or shown)? */
static bool
says(const BcdResource *r, const cJSON *record, bool hidden)
{
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(record, r->hidden_by);

	return cJSON_IsBool(got) && (cJSON_IsTrue(got) == r->hidden_when) == hidden;
}

static bool
is_known_shown(const BcdResource *r, Jsonb *payload)
{
	char	   *shown = payload && r->hidden_by ? bcd_payload_text(payload, r->hidden_by) : NULL;

	return shown && strcmp(shown, r->hidden_when ? "false" : "true") == 0;
}

/*
 * Adds to what is known of a record of an existing row that it is shown, if a
 * reply (NULL: there was none) says so.
 */
Jsonb *
bcd_with_shown(const BcdItem *item, Jsonb *known, const cJSON *record)
{
	const BcdResource *r = item->lane->feed->resource;

	if (item->wanted == NULL || !hides(item->lane->feed) || !says(r, record, false))
		return known;
	return bcd_payload_set_bool(known, r->hidden_by, !r->hidden_when);
}

/* The same after an update, which may have shown a record that was hidden */
Jsonb *
bcd_with_shown_written(const BcdItem *item, Jsonb *known)
{
	const BcdResource *r = item->lane->feed->resource;

	if (!hides(item->lane->feed) || !(is_known_shown(r, item->body) || is_known_shown(r, item->known)))
		return known;
	return bcd_payload_set_bool(known, r->hidden_by, !r->hidden_when);
}

/*
 * The feed of an item was altered.  If its rows say now which records are
 * hidden, what the store once showed must not count as known.
 */
void
bcd_item_forget_shown(BcdItem *item)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *known = bcd_record_after(item).known;
	MemoryContext old;

	if (!is_known_shown(r, known))
		return;
	old = MemoryContextSwitchTo(item->cxt);
	bcd_decide_record(item)->known = bcd_payload_without(known, r->hidden_by);
	MemoryContextSwitchTo(old);
}

/*
 * A verify has found that a record agrees with its row.  If somebody has hidden
 * it since it was last seen, which no row says, that is noted.
 */
void
bcd_decide_agrees(BcdItem *item, const cJSON *record)
{
	bool		hidden = hides(item->lane->feed) && is_known_shown(item->lane->feed->resource, item->known) && says(item->lane->feed->resource, record, true);

	if (hidden)
		bcd_item_forget_shown(item);
	bcd_decide_done(item, BCD_UNCHANGED, hidden ? BCD_LINK_PUT : BCD_LINK_KEEP);
}
