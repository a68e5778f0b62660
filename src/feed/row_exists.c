/*
 * row_exists.c
 *		Is the row of a key still in the source, and does it satisfy the filter?
 *
 * The worker is about to remove a record from the store if not, so a row that
 * cannot be looked for counts as existing: its error is reported when it is
 * read.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping_guard.h"
#include "feed/row.h"
#include "feed/row_security.h"

typedef struct Existence
{
	BcdFeed    *feed;
	const char *key;
	bool		found;
} Existence;

static void
find_row(void *arg)
{
	Existence  *e = arg;
	BcdFeed    *feed = e->feed;
	Datum	   *values = bcd_key_parse(feed, e->key);

	if (feed->plans[BCD_PLAN_EXISTS] == NULL)
		feed->plans[BCD_PLAN_EXISTS] = bcd_row_plan(feed, psprintf("SELECT FROM %s WHERE %s", bcd_feed_from(feed),
																   bcd_key_condition(feed)));
	e->found = SPI_execute_plan(feed->plans[BCD_PLAN_EXISTS], values, NULL, true, 1) == SPI_OK_SELECT &&
		SPI_processed > 0;
	if (!e->found)
		bcd_row_check_hidden(feed);
}

static void
find_row_guarded(void *arg)
{
	Existence  *e = arg;

	bcd_guard_run(e->feed, e->key, 1, find_row, e);
}

/* A key that the types of the columns no longer accept has no row. */
static bool
is_in_source(BcdFeed *feed, const char *key, ErrorData **held_up)
{
	Existence	e = {feed, key, false};
	ErrorData  *error = bcd_attempt(find_row_guarded, &e);

	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
	{
		if (MyBackendType != B_BG_WORKER || bcd_row_error_passes(error->sqlerrcode))
			*held_up = error;
		return true;
	}
	return error == NULL && e.found;
}

/*
 * With a filter, one query usually answers both questions, and for rows that
 * are expected, it may answer them for several rows.  If an error in it
 * prevents that, the row counts as existing if it is there; if the error is
 * temporary, *held_up is set to it.
 */
static bool
exists(BcdFeed *feed, const char *key, ErrorData **held_up)
{
	BcdRow		row = {BCD_ROW_FOUND};

	*held_up = NULL;
	if (feed->filter || bcd_row_is_expected(feed, key, true))
	{
		bcd_row_try_filter(feed, key, &row);
		if (row.state == BCD_ROW_FOUND || row.state == BCD_ROW_MISSING)
			return row.state == BCD_ROW_FOUND;
	}
	if (!is_in_source(feed, key, held_up))
		return false;
	if (row.state == BCD_ROW_HELD_UP && *held_up == NULL)
		*held_up = row.error;
	return true;
}

bool
bcd_feed_exists(BcdFeed *feed, const char *key)
{
	ErrorData  *error;
	bool		found = exists(feed, key, &error);

	if (error)
		ReThrowError(error);
	return found;
}

/*
 * The same outside a claim, for callers that can try again: *held_up is the
 * reason if it cannot be determined now, else NULL.
 */
bool
bcd_feed_look_for(BcdFeed *feed, const char *key, char **held_up)
{
	ErrorData  *error = NULL;
	bool		found = true;

	*held_up = NULL;
	if (!bcd_feed_try_lock(feed))
		*held_up = bcd_row_locked_words(feed);
	else
		found = exists(feed, key, &error);
	if (error)
		*held_up = error->message;
	return found;
}
