/*
 * feed_name.c
 *		bcdelta.feed: the name of the source.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/table_names.h"

/* Describes a row of the last result, of a statement BCD_SELECT_TAKEN(). */
char *
bcd_words_of_taken(int row)
{
	return psprintf("table %s has been renamed, and another table is called %s now: changes of that one are not captured;"
					" let a feed follow it, or accept the names by bcdelta.resume(), which does that if the feed is not paused",
					bcd_column_text(row, 1), bcd_column_text(row, 2));
}

static BcdStatement select_taken = {
	BCD_SELECT_TAKEN("bcdelta.feed", "source", "source_name"), 1, {TEXTOID}
};

/* Returns a text if another table has taken the name of a feed's source. */
List *
bcd_feed_name_taken(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_execute(&select_taken, &arg, NULL) > 0 ? list_make1(bcd_words_of_taken(0)) : NIL;
}

static BcdStatement accept_name = {
	BCD_ACCEPT_NAMES("bcdelta.feed", "source", "source_name"), 1, {TEXTOID}
};

void
bcd_feed_name_accept(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&accept_name, &arg, NULL);
}
