/*
 * status.c
 *		The functions behind the view status.
 *
 * Only readers of a view may call them, because they report on the feeds of
 * all users. The objects that they examine may be broken in any way; instead
 * of raising an error, they describe the problem in words.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/extension.h"
#include "base/roles.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "feed/feed.h"
#include "feed/watch.h"
#include "functions/args.h"
#include "functions/trouble.h"
#include "tables/tally.h"
#include "worker/worker_words.h"

PG_FUNCTION_INFO_V1(bcdelta_worker_store);
PG_FUNCTION_INFO_V1(bcdelta_own_tally);
PG_FUNCTION_INFO_V1(bcdelta_worker_state);
PG_FUNCTION_INFO_V1(bcdelta_home);
PG_FUNCTION_INFO_V1(bcdelta_feed_state);
PG_FUNCTION_INFO_V1(bcdelta_feed_trouble);
PG_FUNCTION_INFO_V1(bcdelta_feed_capture);

#define STORE_COLUMNS		6

static void
put_store(BcdRows *rows, const BcdStoreState *s)
{
	Datum		values[STORE_COLUMNS] = {0};
	bool		nulls[STORE_COLUMNS] = {false};

	values[0] = ObjectIdGetDatum(s->serverid);
	nulls[1] = nulls[2] = s->quota <= 0;
	values[1] = Int64GetDatum(s->quota);
	values[2] = Int64GetDatum(s->quota_left);
	nulls[3] = s->blocked_until <= GetCurrentTimestamp();
	values[3] = TimestampTzGetDatum(s->blocked_until);
	values[4] = Int32GetDatum(s->in_flight);
	nulls[5] = s->trouble[0] == '\0';
	if (!nulls[5])
		values[5] = CStringGetTextDatum(s->trouble);
	bcd_rows_put(rows, values, nulls);
}

/*
 * bcdelta.worker_store(): returns the stores that this database's worker talks
 * to.
 */
Datum
bcdelta_worker_store(PG_FUNCTION_ARGS)
{
	BcdStoreState *stores;
	BcdRows		rows;
	int			n;
	int			i;

	bcd_check_reader("status", NULL, "worker_store");
	bcd_rows_begin(fcinfo, &rows);
	n = bcd_stores_shown(&stores);
	for (i = 0; i < n; i++)
		put_store(&rows, &stores[i]);
	return (Datum) 0;
}

/* bcdelta.own_tally(): returns what this transaction adds to bcdelta.tally. */
Datum
bcdelta_own_tally(PG_FUNCTION_ARGS)
{
	BcdRows		rows;
	const char *feed;
	const char *what;
	int64		n;
	int			i;

	bcd_rows_begin(fcinfo, &rows);
	for (i = 0; bcd_tally_nth(i, &feed, &what, &n); i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(feed);
		values[1] = CStringGetTextDatum(what);
		values[2] = Int64GetDatum(n);
		bcd_rows_put(&rows, values, nulls);
	}
	return (Datum) 0;
}

/* bcdelta.worker_state() */
Datum
bcdelta_worker_state(PG_FUNCTION_ARGS)
{
	bool		starting;
	char	   *words = bcd_worker_words(&starting);

	if (words == NULL)
		words = bcd_worker_waits();
	PG_RETURN_TEXT_P(cstring_to_text(words ? words : "running"));
}

/* bcdelta.home() */
Datum
bcdelta_home(PG_FUNCTION_ARGS)
{
	bcd_check_reader("status", NULL, "home");
	PG_RETURN_TEXT_P(cstring_to_text(bcd_home()));
}

typedef struct StateLook
{
	char	   *name;
	BcdFeed    *feed;
} StateLook;

static void
read_feed(void *arg)
{
	StateLook  *look = arg;

	look->feed = bcd_feed_read(look->name, true);
}

/* bcdelta.feed_state(feed): returns null for a feed that cannot be read. */
Datum
bcdelta_feed_state(PG_FUNCTION_ARGS)
{
	StateLook	look = {bcd_arg_text(fcinfo, 0), NULL};
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	TupleDesc	desc;

	bcd_check_reader("status", "metrics", "feed_state");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (bcd_attempt(read_feed, &look) == NULL && look.feed)
	{
		const BcdFeed *feed = look.feed;

		nulls[0] = false;
		values[0] = CStringGetTextDatum(feed->paused ? "paused" : "active");
		nulls[1] = feed->paused_reason == NULL;
		if (feed->paused_reason)
			values[1] = CStringGetTextDatum(feed->paused_reason);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static void
add_trouble(StringInfo troubles, const char *trouble)
{
	if (trouble)
		appendStringInfo(troubles, "%s%s", troubles->len ? "; " : "", trouble);
}

/* Returns the role that pushes this feed. */
static Oid
look_at_owner(const BcdFeed *feed, StringInfo troubles)
{
	if (bcd_role_exists(feed->owner))
		return feed->owner;
	add_trouble(troubles, psprintf("its owner no longer exists: a superuser has to assign another one with UPDATE bcdelta.feed SET owner = 'role' WHERE feed = %s",
								   quote_literal_cstr(feed->name)));
	return InvalidOid;
}

/* Checks the store, and whether the owner can use it. */
static void
look_at_server(const BcdFeed *feed, Oid owner, StringInfo troubles)
{
	ForeignServer *server = GetForeignServerByName(feed->server, true);

	if (server == NULL)
		add_trouble(troubles, psprintf("server \"%s\" does not exist", feed->server));
	else if (OidIsValid(owner) && bcd_server_aclcheck(server->serverid, owner) != ACLCHECK_OK)
		add_trouble(troubles, psprintf("%s has no USAGE on server \"%s\"",
									   feed->owner_name, feed->server));
	else if (OidIsValid(owner) &&
			 !SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(owner),
									ObjectIdGetDatum(server->serverid)) &&
			 !SearchSysCacheExists2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
									ObjectIdGetDatum(server->serverid)))
		add_trouble(troubles, psprintf("%s has no user mapping, and therefore no access token, for server \"%s\"",
									   feed->owner_name, feed->server));
}

static void
look_up_key(void *feed)
{
	bcd_feed_look_up(feed, false);
}

/* Checks the key's columns. Returns false if the table is gone. */
static bool
look_at_source(BcdFeed *feed, StringInfo troubles)
{
	int			before = troubles->len;
	ErrorData  *error = NULL;
	Datum	   *names;
	int			n;
	int			i;

	if (get_rel_name(feed->source) == NULL)
	{
		add_trouble(troubles, psprintf("its source table no longer exists: SELECT bcdelta.untrack(%s)",
									   quote_literal_cstr(feed->name)));
		return false;
	}
	deconstruct_array(DatumGetArrayTypeP(feed->key_names), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &names, NULL, &n);
	for (i = 0; i < n; i++)
		if (get_attnum(feed->source, NameStr(*DatumGetName(names[i]))) == InvalidAttrNumber)
			add_trouble(troubles, psprintf("key column \"%s\" of its source no longer exists",
										   NameStr(*DatumGetName(names[i]))));
	if (troubles->len == before && bcd_role_exists(feed->owner))
		error = bcd_attempt(look_up_key, feed);
	if (error)
		add_trouble(troubles, psprintf("%s%s%s", error->message, error->hint ? ": " : "",
									   error->hint ? error->hint : ""));
	return true;
}

/* Returns whether a reason already explains how to resume the feed. */
static bool
explains_resume(const char *words)
{
	return strstr(words, "bcdelta.resume(") != NULL;
}

/* Does the last sentence of a reason ask for that, without saying how? */
static bool
asks_to_resume(const char *words, int len)
{
	while (len > 0 && words[len - 1] != '.')
		len--;
	return strstr(words + len, "resume") != NULL;
}

/* Is this what the view shows as the trouble of the feed's store? */
static bool
is_trouble_of_store(const BcdFeed *feed, const char *words)
{
	Oid			server = get_foreign_server_oid(feed->server, true);
	BcdStoreState state = {0};
	int			i;

	if (bcd_shared == NULL)
		return false;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->stores[i].dbid == MyDatabaseId && bcd_shared->stores[i].serverid == server)
			state = bcd_shared->stores[i];
	LWLockRelease(bcd_shared->lock);
	/* it may have been cut off */
	return state.trouble[0] && strncmp(words, state.trouble, strlen(state.trouble)) == 0;
}

/*
 * Reports whether a user has to resume the feed. A cause that has been
 * reported already, or is about to be, is not repeated.
 */
static void
look_at_state(const BcdFeed *feed, StringInfo troubles)
{
	const char *reason = feed->paused_reason ? feed->paused_reason : "no reason is given";
	char	   *resume = psprintf("SELECT bcdelta.resume(%s)", quote_literal_cstr(feed->name));
	int			len = strlen(reason);

	if (!feed->paused || feed->halt != BCD_NO_HALT)
		return;
	if (troubles->len > 0)
	{
		if (!explains_resume(troubles->data))
			add_trouble(troubles, psprintf("after fixing this, %s", resume));
		return;
	}
	if (is_trouble_of_store(feed, reason))
	{
		add_trouble(troubles, psprintf("it is paused, and %s resumes it when this is settled", resume));
		return;
	}
	while (len > 0 && reason[len - 1] == '.')
		len--;
	add_trouble(troubles, psprintf("%s%.*s", strncmp(reason, "paused ", 7) == 0 ? "" : "it is paused: ", len, reason));
	if (explains_resume(reason))
		return;
	if (asks_to_resume(reason, len))
		appendStringInfo(troubles, ": %s", resume);
	else
		add_trouble(troubles, psprintf("%s resumes it", resume));
}

typedef struct Inspection
{
	char	   *feed;
	StringInfoData troubles;
} Inspection;

/* Checks everything about a feed. */
static void
inspect(void *arg)
{
	Inspection *inspection = arg;
	StringInfo	troubles = &inspection->troubles;
	BcdFeed    *feed = bcd_feed_read(inspection->feed, true);
	ListCell   *cell;
	Oid			owner;

	if (feed == NULL)
		return;
	if (feed->halt != BCD_NO_HALT)
		add_trouble(troubles, feed->paused_reason);
	owner = look_at_owner(feed, troubles);
	look_at_server(feed, owner, troubles);
	if (look_at_source(feed, troubles))
	{
		foreach(cell, bcd_watch_troubles(feed))
			add_trouble(troubles, lfirst(cell));
		/* otherwise the reason is known, or resume() will check the mapping */
		if (OidIsValid(owner) && !feed->paused && troubles->len == 0)
			add_trouble(troubles, bcd_trouble_mapping(feed));
	}
	look_at_state(feed, troubles);
	add_trouble(troubles, bcd_trouble_deferred(feed));
	bcd_feed_free(feed);
}

/* Checks only whether changes of the feed's tables are captured. */
static void
inspect_capture(void *arg)
{
	Inspection *inspection = arg;
	BcdFeed    *feed = bcd_feed_read(inspection->feed, true);
	ListCell   *cell;

	if (feed == NULL)
		return;
	if (look_at_source(feed, &inspection->troubles))
		foreach(cell, bcd_watch_troubles(feed))
			add_trouble(&inspection->troubles, lfirst(cell));
	bcd_feed_free(feed);
}

/* Returns in words what an inspection finds, with errors, or null. */
static Datum
inspected(FunctionCallInfo fcinfo, void (*work) (void *arg), const char *function)
{
	Inspection	inspection;
	ErrorData  *error;

	bcd_check_reader("status", NULL, function);
	inspection.feed = bcd_arg_text(fcinfo, 0);
	initStringInfo(&inspection.troubles);
	error = bcd_attempt(work, &inspection);
	if (error)
		add_trouble(&inspection.troubles, error->message);
	if (inspection.troubles.len == 0)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(inspection.troubles.data));
}

/*
 * bcdelta.feed_trouble(feed): returns, in words, what keeps the feed from
 * capturing or pushing, or null if nothing does.
 *
 * Errors are reported in the same way: the view has to show them together with
 * the state of other feeds.
 */
Datum
bcdelta_feed_trouble(PG_FUNCTION_ARGS)
{
	return inspected(fcinfo, inspect, "feed_trouble");
}

/*
 * bcdelta.feed_capture(feed): the same for what keeps changes from being
 * captured, and nothing else.
 */
Datum
bcdelta_feed_capture(PG_FUNCTION_ARGS)
{
	return inspected(fcinfo, inspect_capture, "feed_capture");
}
