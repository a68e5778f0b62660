/*
 * key_respell.c
 *		Keys are spelled anew where the type of a key column was changed.
 *
 * ALTER TABLE changes no row in the eyes of a trigger, but another type may
 * print another text: '2026-11-02' becomes '2026-11-02 00:00:00+00'.  What links
 * and pending rows are known by would be nobody's, and their rows new ones.  So
 * the feed stands still until resume() has brought them to the new spelling.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "capture/key_text.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/key.h"
#include "fold/key_respell.h"
#include "tables/feed.h"
#include "tables/move.h"
#include "tables/pending_mark.h"

/* Keys that are looked at together */
#define PORTION		10000

static BcdStatement any_in_flight = {
	"SELECT 1 FROM bcdelta.pending WHERE feed = $1 AND state = 'in_flight'",
	1, {TEXTOID}
};

/* The next keys behind $2, or the first ones, from one of the tables */
#define SOME(column, source) \
	" (SELECT " column " FROM " source " AND " column " >= coalesce($2, '') AND " column " IS DISTINCT FROM $2" \
	"  ORDER BY " column " LIMIT $3)"

static BcdStatement next_keys = {
	"SELECT key FROM ("
	SOME("key", "bcdelta.link WHERE feed = $1")
	" UNION" SOME("key", "bcdelta.pending WHERE feed = $1 AND key <> '[null]'")
	" UNION" SOME("waits_key", "bcdelta.pending WHERE waits_feed = $1")
	" UNION" SOME("key", "bcdelta.move WHERE feed_id = (SELECT feed_id FROM bcdelta.feed WHERE feed = $1)")
	" UNION" SOME("moved_from", "bcdelta.move WHERE feed_id = (SELECT feed_id FROM bcdelta.feed WHERE feed = $1)")
	") AS k (key) ORDER BY key LIMIT $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};

static BcdStatement respell_links = {
	"UPDATE bcdelta.link AS l SET key = u.new FROM unnest($2, $3) AS u (old, new)"
	" WHERE l.feed = $1 AND l.key = u.old",
	3, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID}
};

typedef struct Spelling
{
	const BcdFeed *feed;
	const char *key;
	char	   *now;
} Spelling;

static void
spell(void *arg)
{
	Spelling   *spelling = arg;

	spelling->now = bcd_key_given(spelling->feed, spelling->key);
}

/* A key as the present types have it; one that they do not take is nobody's. */
static const char *
spelled(const BcdFeed *feed, const char *key)
{
	Spelling	spelling = {feed, key, NULL};
	ErrorData  *error = bcd_attempt(spell, &spelling);

	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	return error ? key : spelling.now;
}

/* Spells some keys anew, which SPI has read. */
static void
respell_portion(const BcdFeed *feed, uint64 n)
{
	Datum		args[3];
	Datum	   *old = palloc(sizeof(Datum) * n);
	Datum	   *new = palloc(sizeof(Datum) * n);
	char	  **keys = palloc(sizeof(char *) * n);
	int			changed = 0;
	uint64		i;

	for (i = 0; i < n; i++)
		keys[i] = bcd_column_text(i, 1);
	for (i = 0; i < n; i++)
	{
		const char *now = spelled(feed, keys[i]);

		if (strcmp(now, keys[i]) == 0)
			continue;
		old[changed] = CStringGetTextDatum(keys[i]);
		new[changed++] = CStringGetTextDatum(now);
	}
	if (changed == 0)
		return;
	args[0] = CStringGetTextDatum(feed->name);
	args[1] = bcd_array(TEXTOID, old, NULL, changed);
	args[2] = bcd_array(TEXTOID, new, NULL, changed);
	(void) bcd_execute(&respell_links, args, NULL);
	bcd_pending_respell(feed->name, args[1], args[2]);
	bcd_moves_respell(feed->name, args[1], args[2]);
}

static void
respell_all(const BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta respell",
											  ALLOCSET_DEFAULT_SIZES);
	char	   *last = NULL;
	uint64		n;

	do
	{
		Datum		args[3];
		MemoryContext old = MemoryContextSwitchTo(cxt);

		args[0] = CStringGetTextDatum(feed->name);
		args[1] = last ? CStringGetTextDatum(last) : (Datum) 0;
		args[2] = Int64GetDatum(PORTION);
		n = bcd_execute(&next_keys, args, last ? "   " : " n ");
		MemoryContextSwitchTo(old);
		if (n > 0)
			last = bcd_column_text(n - 1, 1);
		MemoryContextSwitchTo(cxt);
		if (n > 0)
			respell_portion(feed, n);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		CHECK_FOR_INTERRUPTS();
	} while (n == PORTION);
	MemoryContextDelete(cxt);
}

/* What a request under way is for must be found under its key. */
static void
check_in_flight(const BcdFeed *feed)
{
	Datum		arg = CStringGetTextDatum(feed->name);

	if (bcd_query(&any_in_flight, &arg, NULL, 1) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("rows of feed \"%s\" are being pushed", feed->name),
				 errdetail("The type of a column of its key was changed, and all its keys are to be spelled anew."),
				 errhint("Wait for the end of the run.")));
}

static bool
may_differ(Oid type, Oid now)
{
	return type != now &&
		!(SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) && bcd_keytext_alike(type, now));
}

/*
 * Spells the keys of a feed from bcd_feed_read() anew, if the types of its key
 * columns are others than by which they are spelled.  Does nothing for a feed
 * whose source is gone.
 */
void
bcd_respell(BcdFeed *feed)
{
	bool		differ = false;
	bool		same = true;
	Datum	   *types;
	int			n;
	int			i;
	Datum		key_types;
	BcdRights	rights;

	if (get_rel_name(feed->source) == NULL || !bcd_role_exists(feed->owner))
		return;
	bcd_feed_look_up(feed, true);
	deconstruct_array(DatumGetArrayTypeP(feed->key_types), REGTYPEOID, sizeof(Oid), true,
					  TYPALIGN_INT, &types, NULL, &n);
	for (i = 0; i < Min(n, feed->nkeys); i++)
	{
		same = same && DatumGetObjectId(types[i]) == feed->keys[i].type;
		differ = differ || may_differ(DatumGetObjectId(types[i]), feed->keys[i].type);
		types[i] = ObjectIdGetDatum(feed->keys[i].type);
	}
	if (same)
		return;
	key_types = bcd_array(REGTYPEOID, types, NULL, n);
	/* a run must not claim rows by their old keys meanwhile */
	bcd_links_take(feed->feed_id);
	bcd_spi_begin(&rights);
	if (differ)
	{
		check_in_flight(feed);
		respell_all(feed);
	}
	bcd_feed_set_key_types(feed->name, key_types);
	bcd_spi_end(&rights);
}
