/*
 * pause_log.c
 *		Saying in the server's log that feeds were paused.
 *
 * Nobody may be looking when the worker pauses a feed, and schedules go on
 * without it.  So whatever pauses one says so, once: a statement that does it
 * returns the feeds that were active before, and why they are paused now.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/db.h"
#include "feed/pause_log.h"

/*
 * The last result's n rows are feeds, null for those that were paused before,
 * and the reasons why they are paused.
 */
void
bcd_pauses_tell(uint64 n)
{
	uint64		i;

	for (i = 0; i < n; i++)
	{
		char	   *feed = bcd_column_text(i, 1);
		char	   *reason = bcd_column_text(i, 2);

		if (feed == NULL)
			continue;
		ereport(WARNING,
				(errmsg("bcdelta: feed \"%s\" was paused: %s", feed, reason),
				 errhint("When the reason is gone, SELECT bcdelta.resume(%s).",
						 quote_literal_cstr(feed))));
	}
}
