/*
 * pause.c
 *		pause and resume: a person stops a feed, and lets it go on.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/watch.h"
#include "fold/key_respell.h"
#include "functions/args.h"
#include "store/store.h"

PG_FUNCTION_INFO_V1(bcdelta_pause);
PG_FUNCTION_INFO_V1(bcdelta_resume);

/* How the reason of a pause begins that a person made */
#define PAUSED_BY	"paused by "

static BcdStatement pause_feed = {
	"UPDATE bcdelta.feed SET state = 'paused', paused_reason = $2 WHERE feed = $1",
	2, {TEXTOID, TEXTOID}
};

/* bcdelta.pause(feed) */
Datum
bcdelta_pause(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	Datum		args[2];
	BcdRights	rights;

	bcd_check_writable("bcdelta.pause()");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "pause");
	args[0] = PG_GETARG_DATUM(0);
	args[1] = CStringGetTextDatum(psprintf(PAUSED_BY "%s", GetUserNameFromId(GetUserId(), false)));
	bcd_spi_begin(&rights);
	(void) bcd_execute(&pause_feed, args, NULL);
	bcd_spi_end(&rights);
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}

static BcdStatement adopt_schedules = {
	"UPDATE bcdelta.schedule AS s SET home = $2, last_error = NULL FROM bcdelta.feed AS f"
	" WHERE f.feed = $1 AND f.home <> $2 AND s.home = f.home"
	" AND (s.feed = f.feed OR (s.feed IS NULL AND s.server = f.server))",
	2, {TEXTOID, TEXTOID}
};

static BcdStatement adopt_feed = {
	"UPDATE bcdelta.feed SET home = $2 WHERE feed = $1", 2, {TEXTOID, TEXTOID}
};

static BcdStatement resume_feed = {
	"UPDATE bcdelta.feed SET state = 'active', paused_reason = NULL, home = $2, store = $3,"
	" resumed_at = clock_timestamp(), crashes = 0, crashed_at = NULL WHERE feed = $1",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * The store that the feed is going to be of: raises an error when that is
 * another one than that of its links, unless the caller says it is the same.
 */
static char *
store_after(const BcdFeed *feed, bool same_store)
{
	if (feed->store == NULL || feed->server_store == NULL ||
		strcmp(feed->store, feed->server_store) == 0)
		return feed->store;
	if (feed->has_links && !same_store)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the links of feed \"%s\" belong to another store", feed->name),
				 errdetail("They are to records of store %s, and server \"%s\" leads to store %s.",
						   feed->store, feed->server, feed->server_store),
				 errhint("SELECT bcdelta.unlink(%s) forgets them. With the server's options put back the feed goes on; if it is the same store under another address, SELECT bcdelta.resume(%s, same_store => true).",
						 quote_literal_cstr(feed->name), quote_literal_cstr(feed->name))));
	/* what is under way there must not be taken for this store's */
	bcd_links_take(feed->feed_id);
	return feed->server_store;
}

/*
 * Lets a feed go on, after checking it.  In a copy of the database this
 * declares the copy to be the source, of the schedules that came along too.
 */
static void
resume(const char *name, bool same_store)
{
	BcdFeed    *feed = bcd_feed_read(name, false);
	Datum		args[3];
	char		nulls[] = "   ";
	char	   *store;
	BcdRights	rights;

	bcd_feed_check_owner(feed, "resume");
	bcd_respell(feed);
	bcd_feed_free(feed);
	feed = bcd_feed_load(name, false);
	(void) bcd_store_check(feed->server, feed->owner);
	store = store_after(feed, same_store);
	bcd_watch_resume(feed);
	args[0] = CStringGetTextDatum(name);
	args[1] = CStringGetTextDatum(bcd_home());
	nulls[2] = store ? ' ' : 'n';
	args[2] = store ? CStringGetTextDatum(store) : (Datum) 0;
	bcd_spi_begin(&rights);
	(void) bcd_execute(&adopt_schedules, args, NULL);
	/* it may have been untracked this moment */
	if (bcd_execute(&resume_feed, args, nulls) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\" does not exist", feed->name)));
	bcd_spi_end(&rights);
	bcd_feed_free(feed);
}

/* One of the feeds of a server */
typedef struct Candidate
{
	char	   *feed;
	char	   *decision;		/* a person's who paused it, or NULL */
	bool		same_store;
	bool		done;
} Candidate;

static BcdStatement select_feeds = {
	"SELECT feed, CASE WHEN state = 'paused' AND pg_catalog.starts_with(paused_reason, $2)"
	" THEN paused_reason END FROM bcdelta.feed WHERE server = $1 ORDER BY feed_id",
	2, {NAMEOID, TEXTOID}
};

/* The feeds of a server, in the current memory context. */
static List *
feeds_of(const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *list = NIL;
	Datum		args[2];
	BcdRights	rights;
	uint64		n;
	uint64		i;

	args[0] = DirectFunctionCall1(namein, CStringGetDatum(server));
	args[1] = CStringGetTextDatum(PAUSED_BY);
	bcd_spi_begin(&rights);
	n = bcd_execute(&select_feeds, args, NULL);
	for (i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Candidate  *c = palloc0(sizeof(Candidate));

		c->feed = bcd_column_text(i, 1);
		c->decision = bcd_column_text(i, 2);
		list = lappend(list, c);
		MemoryContextSwitchTo(old);
	}
	bcd_spi_end(&rights);
	return list;
}

/* In a copy, what a person paused stays so, too, but it is at home here. */
static void
take_over(const BcdFeed *feed)
{
	Datum		args[2];
	BcdRights	rights;

	bcd_feed_check_owner(feed, "resume");
	args[0] = CStringGetTextDatum(feed->name);
	args[1] = CStringGetTextDatum(bcd_home());
	bcd_spi_begin(&rights);
	(void) bcd_execute(&adopt_schedules, args, NULL);
	(void) bcd_execute(&adopt_feed, args, NULL);
	bcd_spi_end(&rights);
}

static void
try_resume(void *arg)
{
	Candidate  *c = arg;
	BcdFeed    *feed = bcd_feed_read(c->feed, true);

	if (feed == NULL || !feed->paused)
		return;
	if (c->decision == NULL)
	{
		resume(c->feed, c->same_store);
		c->done = true;
		return;
	}
	if (feed->halt == BCD_HALT_COPY)
		take_over(feed);
	ereport(NOTICE,
			(errmsg("feed \"%s\" stays paused: %s", c->feed, c->decision)));
}

/* What cannot go on says why, and the others go on. */
static void
resume_all(const char *server, bool same_store)
{
	ErrorData  *first = NULL;
	bool		any = false;
	ListCell   *lc;

	foreach(lc, feeds_of(server))
	{
		Candidate  *c = lfirst(lc);
		ErrorData  *error;

		c->same_store = same_store;
		error = bcd_attempt(try_resume, c);
		if (error)
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("feed \"%s\" stays paused: %s", c->feed, error->message),
					 error->detail ? errdetail_internal("%s", error->detail) : 0,
					 error->hint ? errhint("%s", error->hint) : 0));
		if (error && first == NULL)
			first = error;
		any |= c->done;
	}
	if (first && !any)
		ReThrowError(first);
}

/* bcdelta.resume(feed, server, same_store) */
Datum
bcdelta_resume(PG_FUNCTION_ARGS)
{
	char	   *feed = bcd_arg_text(fcinfo, 0);
	char	   *server = bcd_arg_name(fcinfo, 1);

	bcd_check_writable("bcdelta.resume()");
	bcd_check_not_null(fcinfo, 2, "same_store");
	if (feed && server)
		(void) bcd_target(feed, server);
	if (feed)
		resume(feed, PG_GETARG_BOOL(2));
	else
		resume_all(bcd_target(NULL, server), PG_GETARG_BOOL(2));
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}
