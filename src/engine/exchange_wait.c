/*
 * exchange_wait.c
 *		Items that wait for a row whose record has what they need.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_wait.h"

/* How long rows wait for another one, and how often before they wait longer */
#define WAIT_MS				1000
#define WAIT_ATTEMPTS		2
#define WAIT_SLOWEST		5

/*
 * Returns an error that says who has a key and, if known, why it is not given
 * up; in the item's memory context.
 */
char *
bcd_is_still_that_of(BcdItem *item, const char *field, const char *value, const char *feed,
					 const char *key, const char *why)
{
	bool		elsewhere = strcmp(feed, item->lane->feed->name) != 0;
	char	   *text = psprintf("%s \"%s\" still belongs to row %s%s%s%s in the store%s%s",
								field, value, key, elsewhere ? " of feed \"" : "",
								elsewhere ? feed : "", elsewhere ? "\"" : "",
								why ? ", " : "", why ? why : "");

	return MemoryContextStrdup(item->cxt, text);
}

/* Notes which row an item waits for. */
void
bcd_note_waits(BcdItem *item, const char *feed, const char *key)
{
	item->decision.waits_feed = MemoryContextStrdup(item->cxt, feed);
	item->decision.waits_key = MemoryContextStrdup(item->cxt, key);
}

/* Decides that an item waits for a row, for so many times the shortest time at least. */
void
bcd_wait_for_row(BcdItem *item, const char *feed, const char *key, char *text, int least)
{
	bcd_decide_wait(item, WAIT_MS * Max(Min(item->attempts, WAIT_SLOWEST) - WAIT_ATTEMPTS, least), text);
	bcd_note_waits(item, feed, key);
}

/*
 * Decides that an item waits until the row with this key gives up what it
 * needs.  Rows that wait come back together (pending_wait.c), less often over
 * time.
 */
void
bcd_decide_wait_for(BcdItem *item, const char *field, const char *value, const char *feed, const char *key)
{
	bcd_wait_for_row(item, feed, key, bcd_is_still_that_of(item, field, value, feed, key, NULL), 1);
}

/*
 * The record of an item was read, and is this row's from now on.  If it had
 * given something up, it has that back if it agrees with the row; if the row is
 * given up instead, that is restored first (exchange_aside.c).
 */
void
bcd_decide_link_read(BcdItem *item)
{
	BcdDecision *d = &item->decision;
	bool		agrees = d->leaves && (d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_REVIEW);

	if (item->aside && d->leaves && !agrees)
		return;
	d->link = BCD_LINK_PUT;
	d->back |= item->aside && agrees;
}
