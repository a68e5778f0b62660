/*
 * pause.c
 *		pause() and resume().
 */
#include "postgres.h"

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
#include "feed/row_security.h"
#include "feed/watch.h"
#include "fold/key_respell.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "store/store.h"
#include "tables/cutover.h"
#include "tables/feed_state.h"
#include "tables/schedule.h"
#include "tables/table_names.h"

PG_FUNCTION_INFO_V1(bcdelta_pause);
PG_FUNCTION_INFO_V1(bcdelta_resume);

/* The reason begins with this if a user has paused the feed */
#define PAUSED_BY	"paused by "

/* bcdelta.pause(feed, reason) */
Datum
bcdelta_pause(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	char	   *why = PG_NARGS() > 1 ? bcd_arg_text(fcinfo, 1) : NULL;
	char	   *reason;
	BcdRights	rights;

	bcd_check_writable("bcdelta.pause()");
	bcd_check_not_null(fcinfo, 0, "feed");
	if (why)
		bcd_check_reason(why, "reason");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "pause");
	reason = psprintf(PAUSED_BY "%s%s%s", GetUserNameFromId(GetUserId(), false), why ? ": " : "", why ? why : "");
	bcd_spi_begin(&rights);
	bcd_feed_stop(feed->name, reason);
	bcd_spi_end(&rights);
	bcd_decided("pause", feed->name, NULL, why, NULL);
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_VOID();
}

/*
 * Returns the store that the feed will belong to. Raises an error if its links
 * belong to a different one, unless the caller confirms that it is the same
 * store.
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
				 errdetail("They belong to records of store %s, but server \"%s\" leads to store %s.",
						   feed->store, feed->server, feed->server_store),
				 errhint("SELECT bcdelta.unlink(%s) forgets them. If the server's options are restored, the feed resumes. If it is the same store under another address, use SELECT bcdelta.resume(%s, same_store => true).",
						 quote_literal_cstr(feed->name), quote_literal_cstr(feed->name))));
	/* requests under way must not be mistaken for requests to this store */
	bcd_links_take(feed->feed_id);
	return feed->server_store;
}

/*
 * Resumes a feed, after checking it. In a copy of the database, this makes the
 * copy the home of the feed and of the schedules that came along.
 */
static void
resume(const char *name, bool same_store)
{
	BcdFeed    *feed = bcd_feed_read(name, false);
	char	   *store;
	char	   *was = NULL;
	BcdRights	rights;

	bcd_feed_check_owner(feed, "resume");
	if (feed->paused)
		was = psprintf("it was paused: %s", feed->paused_reason ? feed->paused_reason : "no reason is given");
	bcd_respell(feed);
	bcd_feed_free(feed);
	feed = bcd_feed_load(name, false);
	(void) bcd_store_check(feed->server, feed->owner);
	store = store_after(feed, same_store);
	bcd_check_row_security(feed->source, feed->owner, feed->on_delete);
	bcd_watch_resume(feed);
	bcd_spi_begin(&rights);
	bcd_schedules_adopt(name, bcd_home());
	bcd_cutovers_adopt(name, bcd_home());
	/* it may have been untracked just now */
	if (!bcd_feed_resume(name, bcd_home(), store))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\" does not exist", feed->name)));
	/* who resumes a paused feed may not have seen that a table was replaced */
	if (was == NULL)
	{
		bcd_feed_name_accept(name);
		bcd_child_names_accept(name);
	}
	bcd_spi_end(&rights);
	bcd_decided("resume", name, NULL, was, NULL);
	bcd_feed_free(feed);
}

/* One of the feeds of a server */
typedef struct Candidate
{
	char	   *feed;
	char	   *decision;		/* reason given by the user who paused it, or
								 * NULL */
	bool		same_store;
	bool		done;
} Candidate;

/* Returns the feeds of a server, in the current memory context. */
static List *
feeds_of(const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *list = NIL;
	List	   *feeds;
	List	   *decisions;
	ListCell   *feed;
	ListCell   *decision;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_feeds_paused_by(server, PAUSED_BY, &decisions);
	bcd_spi_end(&rights);
	forboth(feed, feeds, decision, decisions)
	{
		Candidate  *c = palloc0(sizeof(Candidate));

		c->feed = lfirst(feed);
		c->decision = lfirst(decision);
		list = lappend(list, c);
	}
	return list;
}

/*
 * In a copy, makes this database the home of a feed that a user has paused,
 * but leaves it paused.
 */
static void
take_over(const BcdFeed *feed)
{
	BcdRights	rights;

	bcd_feed_check_owner(feed, "resume");
	bcd_spi_begin(&rights);
	bcd_schedules_adopt(feed->name, bcd_home());
	bcd_cutovers_adopt(feed->name, bcd_home());
	bcd_feed_set_home(feed->name, bcd_home());
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

/*
 * Resumes the feeds of a server; for each that cannot be resumed, reports why.
 */
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
