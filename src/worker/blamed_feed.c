/*
 * blamed_feed.c
 *		Feeds whose code took the last worker down.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/guc.h"
#include "feed/mapping_guard.h"
#include "tables/feed_crashes.h"
#include "tables/feed_state.h"
#include "worker/blamed_feed.h"

/*
 * If a feed's code crashed the previous worker, records that. Returns false if
 * it cannot be recorded now because a session has locked the feed's row; until
 * then, the feed's code is not run (mapping_guard.c).
 */
bool
bcd_blame_feed(void)
{
	BcdBlame	blame;
	char	   *what;
	int64		crashes;

	if (!bcd_guard_blamed(&blame))
		return true;
	if (bcd_feed_is_locked(blame.feed_id))
		return false;
	what = psprintf("%s%s%s", blame.how, blame.key ? ", the last time for row " : "",
					blame.key ? blame.key : "");
	crashes = bcd_feed_crashed(blame.feed_id, blame.feed);
	if (crashes == 0)
		return true;
	ereport(WARNING,
			(errmsg("feed \"%s\": its code took the bcdelta worker down: %s", blame.feed, what)));
	if (bcd_crash_limit > 0 && crashes >= bcd_crash_limit)
		bcd_feed_pause(blame.feed,
					   psprintf("its code took the bcdelta worker down %d times: %s; fix it, then SELECT bcdelta.resume(%s)",
								(int) crashes, what, quote_literal_cstr(blame.feed)));
	return true;
}
