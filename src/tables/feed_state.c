/*
 * feed_state.c
 *		bcdelta.feed: whether feeds are pushed, from where, and to which
 *		store.
 *
 * When the worker pauses a feed, nobody may be watching, and schedules go on
 * without the feed. Everything that pauses one therefore says so in the
 * server's log, once: the statement returns the feeds that were active before,
 * and the reason why they are paused now. A session that has a feed's row
 * locked is about to change the feed's state itself, and the worker never
 * waits for such a lock.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/probe.h"
#include "tables/event.h"
#include "tables/feed_state.h"
#include "tables/journal.h"

static BcdStatement select_states = {
	"SELECT feed, server, home, store, state = 'active', coalesce(paused_reason, '')"
	" FROM bcdelta.feed ORDER BY feed_id",
	0, {0}
};

/*
 * Returns the states of all feeds as BcdFeedState structs, in the current
 * memory context.
 */
List *
bcd_feed_states(void)
{
	uint64		n = bcd_select(&select_states, NULL, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		BcdFeedState *state = palloc(sizeof(BcdFeedState));

		state->feed = bcd_column_text(i, 1);
		state->server = bcd_column_text(i, 2);
		state->home = bcd_column_text(i, 3);
		state->store = bcd_column_text(i, 4);
		state->active = bcd_column_bool(i, 5);
		state->paused_reason = bcd_column_text(i, 6);
		list = lappend(list, state);
	}
	return list;
}

static BcdStatement select_state = {
	"SELECT state = 'active', coalesce(paused_reason, 'it is paused') FROM bcdelta.feed WHERE feed_id = $1",
	1, {INT4OID}
};

/*
 * Returns why a feed is no longer pushed (it is paused or untracked), or NULL
 * if it is.
 */
char *
bcd_feed_halted(int32 feed_id)
{
	Datum		arg = Int32GetDatum(feed_id);

	if (bcd_select(&select_state, &arg, NULL) == 0)
		return "it was untracked";
	return bcd_column_bool(0, 1) ? NULL : bcd_column_text(0, 2);
}

static BcdStatement select_paused = {
	"SELECT pg_catalog.string_agg(pg_catalog.quote_ident(feed), ', ' ORDER BY feed),"
	" pg_catalog.string_agg(pg_catalog.concat_ws(': ', pg_catalog.quote_ident(feed), paused_reason),"
	"  E'\\n' ORDER BY feed)"
	" FROM bcdelta.feed WHERE server = $1 AND state = 'paused'",
	1, {NAMEOID}
};

/*
 * Returns the names of a server's paused feeds as one text, and sets *reasons
 * to the reasons as another. Returns NULL if no feed is paused.
 */
char *
bcd_feeds_paused(const char *server, char **reasons)
{
	Datum		arg = bcd_name_datum(server);

	(void) bcd_query_newest(&select_paused, &arg, NULL, 1);
	*reasons = bcd_column_text(0, 2);
	return bcd_column_text(0, 1);
}

static BcdStatement select_paused_by = {
	"SELECT feed, CASE WHEN state = 'paused' AND pg_catalog.starts_with(paused_reason, $2)"
	" THEN paused_reason END FROM bcdelta.feed WHERE server = $1 ORDER BY feed_id",
	2, {NAMEOID, TEXTOID}
};

/*
 * Returns the feeds of a server. *reasons has an entry for each: the reason
 * why the feed is paused if that begins with the prefix, and NULL otherwise.
 */
List *
bcd_feeds_paused_by(const char *server, const char *prefix, List **reasons)
{
	Datum		args[2];
	uint64		n;

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(prefix);
	n = bcd_select(&select_paused_by, args, NULL);
	*reasons = bcd_column_list(n, 2);
	return bcd_column_list(n, 1);
}

/*
 * Logs the feeds in the last result's n rows, which are null for feeds that
 * were paused before, with the reasons why they are paused now, and writes
 * them into the journal.  Those with one reason are logged together.
 */
static void
log_paused(uint64 n)
{
	List	   *feeds = bcd_column_list(n, 1);
	List	   *reasons = bcd_column_list(n, 2);
	StringInfoData names;
	StringInfoData calls;
	int			i;
	int			gathered = 0;

	initStringInfo(&names);
	initStringInfo(&calls);
	for (i = 0; i < (int) n; i++)
	{
		char	   *feed = list_nth(feeds, i);
		char	   *reason = list_nth(reasons, i);

		if (feed)
		{
			bcd_events_expected = true;
			bcd_journal_auto("pause", feed, NULL, reason, NULL);
			appendStringInfo(&names, "%s\"%s\"", gathered ? ", " : "", feed);
			appendStringInfo(&calls, "%sbcdelta.resume(%s)", gathered ? ", " : "", quote_literal_cstr(feed));
			gathered++;
		}
		if (gathered == 0 || (i + 1 < (int) n && strcmp(list_nth(reasons, i + 1), reason) == 0))
			continue;
		ereport(WARNING,
				(gathered == 1 ? errmsg("bcdelta: feed %s was paused: %s", names.data, reason) :
				 errmsg("bcdelta: feeds %s were paused: %s", names.data, reason),
				 errhint("Fix the cause, then run SELECT %s.", calls.data)));
		resetStringInfo(&names);
		resetStringInfo(&calls);
		gathered = 0;
	}
}

#define UNLESS_LOCKED \
	" AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = $1 FOR NO KEY UPDATE SKIP LOCKED)"

static BcdStatement pause_feed = {
	"UPDATE bcdelta.feed SET state = 'paused', paused_reason = $2"
	" WHERE feed = $1 AND state <> 'paused'" UNLESS_LOCKED " RETURNING feed, paused_reason",
	2, {TEXTOID, TEXTOID}
};

/* Pauses a feed; one that is paused already keeps its reason. */
void
bcd_feed_pause(const char *feed, const char *reason)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(reason);
	log_paused(bcd_execute(&pause_feed, args, NULL));
}

/*
 * A reason that is added to another one is logged, too: whoever resumes the feed
 * has to do something about both.
 */
static BcdStatement pause_also = {
	"WITH p AS (UPDATE bcdelta.feed SET state = 'paused',"
	"  paused_reason = CASE WHEN state = 'paused' THEN concat_ws('; and then: ', paused_reason, $2) ELSE $2 END"
	"  WHERE (state <> 'paused' OR pg_catalog.strpos(coalesce(paused_reason, ''), $2) = 0)"
	"  AND feed IN (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = ANY ($1) FOR NO KEY UPDATE SKIP LOCKED) RETURNING feed)"
	" SELECT p.feed, $2 FROM p ORDER BY p.feed",
	2, {TEXTARRAYOID, TEXTOID}
};

/*
 * Pauses feeds, an array of texts, for what a run has met; one that is paused
 * already, by a rollback for example, is paused for both reasons.
 */
void
bcd_feeds_pause_also(Datum feeds, const char *reason)
{
	Datum		args[2];

	args[0] = feeds;
	args[1] = CStringGetTextDatum(reason);
	log_paused(bcd_select(&pause_also, args, NULL));
}

/* These statements also replace the reason of a feed that is paused already */
#define IF_NOT_LOCKED \
	"(SELECT feed_id, state FROM bcdelta.feed WHERE feed_id = $1 FOR NO KEY UPDATE SKIP LOCKED) AS l"

#define RETURNING_FEED \
	" WHERE f.feed_id = l.feed_id" \
	" RETURNING CASE WHEN l.state <> f.state THEN f.feed END, f.paused_reason"

static BcdStatement pause_id = {
	"UPDATE bcdelta.feed AS f SET state = 'paused', paused_reason = $2"
	" FROM " IF_NOT_LOCKED RETURNING_FEED,
	2, {INT4OID, TEXTOID}
};

/* Pauses a feed, and replaces the reason of one that is paused already. */
void
bcd_feed_pause_id(int32 feed_id, const char *reason)
{
	Datum		args[2];

	args[0] = Int32GetDatum(feed_id);
	args[1] = CStringGetTextDatum(reason);
	log_paused(bcd_execute(&pause_id, args, NULL));
}

static BcdStatement pause_for_key = {
	"UPDATE bcdelta.feed AS f SET state = 'paused', paused_reason = format("
	" 'a key column of table %s (%s) was renamed or dropped, so changes since %s are not known row by row;"
	" untrack and track the feed with its new key, or give the column its name back; then resume and mark_all',"
	" source, array_to_string(key, ', '), $2)"
	" FROM " IF_NOT_LOCKED RETURNING_FEED,
	2, {INT4OID, TIMESTAMPTZOID}
};

/* Returns false if another session is about to pause or resume the feed. */
bool
bcd_feed_pause_for_key(int32 feed_id, TimestampTz since)
{
	Datum		args[2];
	uint64		n;

	args[0] = Int32GetDatum(feed_id);
	args[1] = TimestampTzGetDatum(since);
	n = bcd_execute(&pause_for_key, args, NULL);
	log_paused(n);
	return n > 0;
}

/* The same for a table that the feed depends on, if it still does */
static BcdStatement pause_for_parent_key = {
	"UPDATE bcdelta.feed AS f SET"
	" state = CASE WHEN d.child IS NULL THEN f.state ELSE 'paused' END,"
	" paused_reason = CASE WHEN d.child IS NULL THEN f.paused_reason ELSE format("
	"  'a parent key column of table %s (%s) was renamed or dropped, so changes since %s are not known row by row;"
	" end this dependency with bcdelta.depends(feed, child, NULL) and begin one with the new column,"
	" or give the column its name back; then resume and mark_all',"
	"  d.child, array_to_string(d.parent_key, ', '), $2) END"
	" FROM " IF_NOT_LOCKED
	" LEFT JOIN bcdelta.dependency AS d ON d.dependency_id = $3" RETURNING_FEED,
	3, {INT4OID, TIMESTAMPTZOID, INT4OID}
};

bool
bcd_feed_pause_for_parent_key(int32 feed_id, int32 dependency_id, TimestampTz since)
{
	Datum		args[3];
	uint64		n;

	args[0] = Int32GetDatum(feed_id);
	args[1] = TimestampTzGetDatum(since);
	args[2] = Int32GetDatum(dependency_id);
	n = bcd_execute(&pause_for_parent_key, args, NULL);
	log_paused(n);
	return n > 0;
}

static BcdStatement stop_feed = {
	"UPDATE bcdelta.feed SET state = 'paused', paused_reason = $2 WHERE feed = $1",
	2, {TEXTOID, TEXTOID}
};

/*
 * Pauses a feed for a user, whose reason replaces any other, and who can wait
 * for a lock.
 */
void
bcd_feed_stop(const char *feed, const char *reason)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(reason);
	(void) bcd_execute(&stop_feed, args, NULL);
}

static BcdStatement go_on = {
	"UPDATE bcdelta.feed SET state = 'active', paused_reason = NULL"
	" WHERE feed = $1 AND state = 'paused' AND paused_reason = $2" UNLESS_LOCKED,
	2, {TEXTOID, TEXTOID}
};

/*
 * Resumes a feed that is paused for this reason. Returns false if it is not.
 */
bool
bcd_feed_go_on(const char *feed, const char *paused_reason)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(paused_reason);
	if (bcd_execute(&go_on, args, NULL) == 0)
		return false;
	bcd_events_expected = true;
	bcd_journal_auto("resume", feed, NULL, psprintf("it was paused: %s", paused_reason), NULL);
	return true;
}

static BcdStatement resume_feed = {
	"UPDATE bcdelta.feed SET state = 'active', paused_reason = NULL, home = $2, store = $3,"
	" resumed_at = clock_timestamp(), crashes = 0, crashed_at = NULL, merged = '{}' WHERE feed = $1",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Resumes a feed for a user. Returns false if there is no such feed any more.
 */
bool
bcd_feed_resume(const char *feed, const char *home, const char *store)
{
	Datum		args[3];
	char		nulls[] = "   ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(home);
	args[2] = bcd_text_or_null(store, &nulls[2]);
	return bcd_execute(&resume_feed, args, nulls) > 0;
}

static const BcdProbe of_store = {"feed", "feed_feed_id_key", "feed_id", "store"};

/* Returns whether the feed exists and its links are those of this store. */
bool
bcd_feed_is(int32 feed_id, const char *store)
{
	return bcd_probe(&of_store, Int32GetDatum(feed_id), store);
}

static BcdStatement set_store = {
	"UPDATE bcdelta.feed SET store = $2 WHERE feed = $1 AND store IS DISTINCT FROM $2",
	2, {TEXTOID, TEXTOID}
};

/* Assigns a feed that has no store yet to this store. */
void
bcd_feed_settle_in(const char *feed, const char *store)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(store);
	(void) bcd_execute(&set_store, args, NULL);
}

static BcdStatement forget_store = {
	"UPDATE bcdelta.feed SET store = NULL, merged = '{}', state = CASE WHEN $2 IS NULL THEN state ELSE 'paused' END,"
	" paused_reason = coalesce($2, paused_reason) WHERE feed = $1",
	2, {TEXTOID, TEXTOID}
};

/*
 * Detaches a feed from its store, because its links were forgotten; pauses it
 * if a reason is given.
 */
void
bcd_feed_forget_store(const char *feed, const char *paused_reason)
{
	Datum		args[2];
	char		nulls[] = "  ";

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(paused_reason, &nulls[1]);
	(void) bcd_execute(&forget_store, args, nulls);
}

static BcdStatement select_homes = {
	"SELECT home FROM bcdelta.feed WHERE home <> $1 UNION SELECT home FROM bcdelta.schedule WHERE home <> $1",
	1, {TEXTOID}
};

/*
 * Returns the homes of feeds and schedules other than this one, in the current
 * memory context.
 */
List *
bcd_feed_homes(const char *but)
{
	Datum		arg = CStringGetTextDatum(but);

	return bcd_column_list(bcd_select(&select_homes, &arg, NULL), 1);
}

static BcdStatement set_home = {
	"UPDATE bcdelta.feed SET home = $2 WHERE feed = $1", 2, {TEXTOID, TEXTOID}
};

void
bcd_feed_set_home(const char *feed, const char *home)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(home);
	(void) bcd_execute(&set_home, args, NULL);
}

static BcdStatement move_home = {
	"UPDATE bcdelta.feed SET home = $1 WHERE home = $2", 2, {TEXTOID, TEXTOID}
};

void
bcd_feeds_move_home(const char *from, const char *to)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(to);
	args[1] = CStringGetTextDatum(from);
	(void) bcd_execute(&move_home, args, NULL);
}

static BcdStatement disown = {
	"UPDATE bcdelta.feed SET owner = 0 WHERE feed IN (SELECT f.feed FROM bcdelta.feed AS f"
	"  WHERE f.owner <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = f.owner)"
	"  FOR NO KEY UPDATE SKIP LOCKED) RETURNING feed",
	0, {0}
};

/* Removes the OIDs of dropped roles; returns the feeds that had them. */
List *
bcd_feeds_disown(void)
{
	return bcd_column_list(bcd_select(&disown, NULL, NULL), 1);
}

static BcdStatement merge_facet = {
	"UPDATE bcdelta.feed SET merged = merged || $2 WHERE feed = $1 AND NOT $2 = ANY (merged)",
	2, {TEXTOID, TEXTOID}
};

/* From now on, sends a facet of a feed's records together with the records. */
void
bcd_feed_merge_facet(const char *feed, const char *facet, const char *reason)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(facet);
	if (bcd_execute(&merge_facet, args, NULL) > 0)
		ereport(LOG,
				(errmsg("feed \"%s\" sends %s with the records: %s", feed, facet, reason)));
}

static BcdStatement any_of = {
	"SELECT FROM bcdelta.feed WHERE server = $1 AND resource = ANY ($2) LIMIT 1",
	2, {NAMEOID, TEXTARRAYOID}
};

/* Does any feed of a server feed one of these resources (text[])? */
bool
bcd_feed_any_of(const char *server, Datum resources)
{
	Datum		args[] = {bcd_name_datum(server), resources};

	return bcd_execute(&any_of, args, NULL) > 0;
}

static BcdStatement lock_feed = {
	"SELECT FROM bcdelta.feed WHERE feed = $1 FOR UPDATE", 1, {TEXTOID}
};

/* Waits for changes of a feed's rows that are being folded, and prevents others. */
void
bcd_feed_row_lock(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&lock_feed, &arg, NULL);
}
