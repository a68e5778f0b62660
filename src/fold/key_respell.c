/*
 * key_respell.c
 *		Rewrites keys after the type of a key column has changed.
 *
 * To a trigger, ALTER TABLE changes no row, but the new type may print the
 * same value differently: '2026-11-02' becomes '2026-11-02 00:00:00+00'. The
 * keys in links and pending rows would then match no row, and their rows would
 * look new. So the feed stays paused until resume() has rewritten the keys.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
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
#include "tables/adjustment.h"
#include "tables/feed.h"
#include "tables/link_move.h"
#include "tables/move.h"
#include "tables/pending.h"
#include "tables/pending_mark.h"

/* Number of keys that are processed together */
#define PORTION		10000

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

/*
 * Returns a key as the new types spell it; a value that they do not accept can
 * belong to no row.
 */
static const char *
spelled(const BcdFeed *feed, const char *key)
{
	Spelling	spelling = {feed, key, NULL};
	ErrorData  *error = bcd_attempt(spell, &spelling);

	if (error && ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
		ReThrowError(error);
	return error ? key : spelling.now;
}

/* Rewrites some keys. */
static void
respell_portion(const BcdFeed *feed, List *keys)
{
	List	   *old = NIL;
	List	   *new = NIL;
	Datum		old_keys;
	Datum		new_keys;
	ListCell   *lc;

	foreach(lc, keys)
	{
		char	   *key = lfirst(lc);
		const char *now = spelled(feed, key);

		if (strcmp(now, key) == 0)
			continue;
		old = lappend(old, key);
		new = lappend(new, unconstify(char *, now));
	}
	if (old == NIL)
		return;
	old_keys = bcd_text_array(old);
	new_keys = bcd_text_array(new);
	bcd_links_respell(feed->name, old_keys, new_keys);
	bcd_adjustments_respell(feed->name, old_keys, new_keys);
	bcd_pending_respell(feed->name, old_keys, new_keys);
	bcd_moves_respell(feed->name, old_keys, new_keys);
}

static void
respell_all(const BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta respell",
											  ALLOCSET_DEFAULT_SIZES);
	char	   *last = NULL;
	int			n;

	do
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		List	   *keys = bcd_links_keys_in_use(feed->name, last, PORTION);

		n = list_length(keys);
		if (n > 0)
			last = MemoryContextStrdup(old, llast(keys));
		respell_portion(feed, keys);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		CHECK_FOR_INTERRUPTS();
	} while (n == PORTION);
	MemoryContextDelete(cxt);
}

/*
 * Requests that are under way must be able to find their rows by their keys.
 */
static void
check_in_flight(const BcdFeed *feed)
{
	if (bcd_pending_any_in_flight(feed->name))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("rows of feed \"%s\" are being pushed", feed->name),
				 errdetail("The type of a key column was changed, so all keys have to be rewritten."),
				 errhint("Wait for the end of the run.")));
}

static bool
may_differ(Oid type, Oid now)
{
	return type != now &&
		!(SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) && bcd_keytext_alike(type, now));
}

/*
 * Rewrites the keys of a feed from bcd_feed_read(), if the types of its key
 * columns are no longer those that the keys were written with. Does nothing
 * for a feed whose source is gone.
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
	/* until then, no run may claim rows by their old keys */
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
