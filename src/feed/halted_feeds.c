/*
 * halted_feeds.c
 *		Pauses feeds that must not be pushed from this database, or to this
 *		store.
 *
 * The worker records the result of feed_halt.c once, in bcdelta.feed and in
 * the log. A feed that was paused because its server leads to another store
 * resumes by itself when the server leads back: nothing was sent, so there is
 * nothing to decide.
 */
#include "postgres.h"

#include "utils/inval.h"
#include "utils/syscache.h"

#include "base/attempt.h"
#include "base/roles.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/feed_halt.h"
#include "feed/halted_feeds.h"
#include "store/store_identity.h"
#include "tables/cutover.h"
#include "tables/feed_state.h"
#include "tables/schedule.h"

static bool
is_paused_for_store(const BcdFeedState *s)
{
	return !s->active && bcd_halt_is_over(s->paused_reason);
}

/* Has its home or its store changed? */
static bool
is_suspect(const BcdFeedState *s)
{
	char	   *present = bcd_server_identity(s->server);

	return is_paused_for_store(s) ||
		(s->active && (strcmp(s->home, bcd_home()) != 0 ||
					   (s->store && present && strcmp(s->store, present) != 0)));
}

/* Records the new state of one of them. */
static void
judge(void *arg)
{
	const BcdFeedState *s = arg;
	BcdFeed    *feed = bcd_feed_read(s->feed, true);

	if (feed == NULL)
		return;
	if (feed->halt != BCD_NO_HALT)
		bcd_feed_pause(s->feed, feed->paused_reason);
	else if (is_paused_for_store(s) && feed->server_store &&
			 bcd_feed_go_on(s->feed, s->paused_reason))
		ereport(LOG,
				(errmsg("bcdelta: feed \"%s\" resumes: server \"%s\" leads to store %s again",
						feed->name, feed->server, feed->server_store)));
	bcd_feed_free(feed);
}

/* A promoted standby becomes the home of the feeds that its primary pushed. */
static void
move_home(void *arg)
{
	bcd_feeds_move_home(arg, bcd_home());
	bcd_schedules_move_home(arg, bcd_home());
	bcd_cutovers_move_home(arg, bcd_home());
}

static void
move_homes(void)
{
	ListCell   *lc;

	foreach(lc, bcd_feed_homes(bcd_home()))
	{
		char	   *home = lfirst(lc);

		if (bcd_home_trouble(home) == NULL && bcd_attempt(move_home, home) == NULL && !bcd_home_is_here(home))
			ereport(LOG,
					(errmsg("bcdelta: this promoted standby continues to push the feeds that were pushed from \"%s\"",
							home)));
	}
}

/*
 * Pauses the feeds that must not be pushed from here, or to this store, and
 * resumes those that may be pushed again.  In a transaction of the worker's.
 */
void
bcd_feeds_halt(void)
{
	ListCell   *lc;

	move_homes();
	foreach(lc, bcd_feed_states())
		if (is_suspect(lfirst(lc)))
		(void) bcd_attempt(judge, lfirst(lc));
}

/*
 * Clears the OIDs of dropped roles before they can be reused, by another role
 * here or where a dump is restored.  Pauses the feeds.
 */
void
bcd_disown(void)
{
	ListCell   *lc;

	bcd_schedules_disown();
	bcd_cutovers_disown();
	foreach(lc, bcd_feeds_disown())
		bcd_feed_pause(lfirst(lc), psprintf("its owner no longer exists. %s", bcd_owner_hint(lfirst(lc))));
}

static bool servers_changed = false;

static void
note_change(Datum arg, int cacheid, uint32 hashvalue)
{
	servers_changed = true;
}

/* Has a server been altered, dropped or created since the last call? */
bool
bcd_servers_changed(void)
{
	static bool registered = false;
	bool		changed = servers_changed;

	if (!registered)
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, note_change, (Datum) 0);
	registered = true;
	servers_changed = false;
	return changed;
}
