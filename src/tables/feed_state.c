/*
 * feed_state.c
 *		The worker's part in the state of feeds.
 *
 * It writes down what feed_halt.c says, once, so that bcdelta.feed tells it, too,
 * and the log.  A feed that was paused because its server leads to another
 * store goes on by itself when the server leads back: nothing was done, so
 * there is nothing to decide.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/feed_halt.h"
#include "feed/pause_log.h"
#include "store/store_identity.h"
#include "tables/feed_state.h"

static BcdStatement select_feeds = {
	"SELECT feed, server, home, store, state = 'active', coalesce(paused_reason, '')"
	" FROM bcdelta.feed ORDER BY feed_id",
	0, {0}
};

/* Somebody who is about to change the row has decided on it */
#define UNLESS_LOCKED \
	" AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = $1 FOR NO KEY UPDATE SKIP LOCKED)"

static BcdStatement halt_feed = {
	"UPDATE bcdelta.feed SET state = 'paused', paused_reason = $2"
	" WHERE feed = $1 AND state = 'active'" UNLESS_LOCKED " RETURNING feed, paused_reason",
	2, {TEXTOID, TEXTOID}
};
static BcdStatement go_on = {
	"UPDATE bcdelta.feed SET state = 'active', paused_reason = NULL"
	" WHERE feed = $1 AND state = 'paused' AND paused_reason = $2" UNLESS_LOCKED,
	2, {TEXTOID, TEXTOID}
};

/* A feed that may have to be paused, or to go on */
typedef struct Suspect
{
	char	   *feed;
	bool		active;
	char	   *paused_reason;	/* as it is in the table */
} Suspect;

static bool
is_paused_for_store(const Suspect *s)
{
	return !s->active && bcd_halt_is_over(s->paused_reason);
}

/* The feeds whose home or store is not what it was, in the current context. */
static List *
suspects(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *home = bcd_home();
	uint64		n = bcd_execute(&select_feeds, NULL, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Suspect    *s = palloc(sizeof(Suspect));
		char	   *store = bcd_column_text(i, 4);
		char	   *present = bcd_server_identity(bcd_column_text(i, 2));

		s->feed = bcd_column_text(i, 1);
		s->active = bcd_column_bool(i, 5);
		s->paused_reason = bcd_column_text(i, 6);
		if ((s->active && (strcmp(bcd_column_text(i, 3), home) != 0 ||
						   (store && present && strcmp(store, present) != 0))) ||
			is_paused_for_store(s))
			list = lappend(list, s);
		MemoryContextSwitchTo(old);
	}
	return list;
}

/* Writes down what is to become of one of them. */
static void
judge(void *arg)
{
	const Suspect *s = arg;
	BcdFeed    *feed = bcd_feed_read(s->feed, true);
	Datum		args[2];

	if (feed == NULL)
		return;
	args[0] = CStringGetTextDatum(s->feed);
	if (feed->halt != BCD_NO_HALT)
	{
		args[1] = CStringGetTextDatum(feed->paused_reason);
		bcd_pauses_tell(bcd_execute(&halt_feed, args, NULL));
	}
	else if (is_paused_for_store(s) && feed->server_store)
	{
		args[1] = CStringGetTextDatum(s->paused_reason);
		if (bcd_execute(&go_on, args, NULL) > 0)
			ereport(LOG,
					(errmsg("bcdelta: feed \"%s\" goes on: server \"%s\" leads to store %s again",
							feed->name, feed->server, feed->server_store)));
	}
	bcd_feed_free(feed);
}

static BcdStatement select_homes = {
	"SELECT home FROM bcdelta.feed WHERE home <> $1 UNION SELECT home FROM bcdelta.schedule WHERE home <> $1",
	1, {TEXTOID}
};
static BcdStatement move_feeds = {
	"UPDATE bcdelta.feed SET home = $1 WHERE home = $2", 2, {TEXTOID, TEXTOID}
};
static BcdStatement move_schedules = {
	"UPDATE bcdelta.schedule SET home = $1 WHERE home = $2", 2, {TEXTOID, TEXTOID}
};

/* A standby that was promoted is the home of what its primary pushed. */
static void
move_home(void *arg)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(bcd_home());
	args[1] = CStringGetTextDatum((char *) arg);
	(void) bcd_execute(&move_feeds, args, NULL);
	(void) bcd_execute(&move_schedules, args, NULL);
}

static void
move_homes(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		home = CStringGetTextDatum(bcd_home());
	uint64		n = bcd_execute(&select_homes, &home, NULL);
	List	   *homes = NIL;
	ListCell   *lc;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		homes = lappend(homes, bcd_column_text(i, 1));
		MemoryContextSwitchTo(old);
	}
	foreach(lc, homes)
	{
		char	   *home = lfirst(lc);

		if (bcd_home_trouble(home) == NULL && bcd_attempt(move_home, home) == NULL)
			ereport(LOG,
					(errmsg("bcdelta: this promoted standby goes on with what was pushed from \"%s\"",
							home)));
	}
}

/*
 * Pauses the feeds that may not be pushed from here, or to that store, and
 * lets those go on that may again.  In a transaction of the worker's.
 */
void
bcd_feeds_halt(void)
{
	ListCell   *lc;

	move_homes();
	foreach(lc, suspects())
		(void) bcd_attempt(judge, lfirst(lc));
}

static BcdStatement set_store = {
	"UPDATE bcdelta.feed SET store = $2 WHERE feed = $1 AND store IS DISTINCT FROM $2",
	2, {TEXTOID, TEXTOID}
};

/* A feed that knows nothing of a store yet is going to be that store's. */
void
bcd_feed_settle_in(const char *feed, const char *store)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(store);
	(void) bcd_execute(&set_store, args, NULL);
}

static const BcdProbe feed_of_store = {"feed", "feed_feed_id_key", "feed_id", "store"};

/* Is there still this feed, and are its links those of this store? */
bool
bcd_feed_is(int32 feed_id, const char *store)
{
	return bcd_probe(&feed_of_store, Int32GetDatum(feed_id), store);
}

static bool servers_changed = false;

static void
note_change(Datum arg, int cacheid, uint32 hashvalue)
{
	servers_changed = true;
}

/* Was a server altered, dropped or made since this was asked last? */
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
