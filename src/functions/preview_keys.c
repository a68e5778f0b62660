/*
 * preview_keys.c
 *		Finds rows that a push has to consider together.
 *
 * A unique value that a row needs may belong to another row's record. A push
 * looks at all such rows at once (exchange_turn.c): which of them exchange
 * their records, which goes first, and whether one has to step aside depends
 * on the rows pending at that time and on the store's replies. Preview
 * therefore only describes the situation in words.
 */
#include "postgres.h"


#include "base/compat.h"
#include "base/db.h"
#include "engine/key_holders.h"
#include "feed/feed.h"
#include "functions/preview_keys.h"
#include "resource/resource.h"
#include "tables/link_unique.h"

/*
 * Returns the record of another row that has a natural key, or NULL if none is
 * known.
 */
static BcdRecord *
holder_of(const BcdFeed *feed, const BcdUnique *key, int64 store_id)
{
	Datum		hash = Int64GetDatum(key->hash);
	BcdRecord  *found = NULL;
	BcdHolder  *holders;
	int			n;
	int			i;

	holders = bcd_unique_holders(feed, &hash, 1, &n);
	for (i = 0; i < n && found == NULL; i++)
		if ((holders[i].record->foreign || holders[i].record->store_id != store_id) &&
			bcd_unique_has(feed->resource, holders[i].record->payload, key))
			found = holders[i].record;
	return found;
}

/* Do rows exchange their records if they exchange a field? */
static bool
is_same_by(const BcdResource *r, const char *field)
{
	return r->same_by && strcmp(field, r->same_by) == 0;
}

static char *
words_for(BcdFeed *feed, const BcdUnique *key, const BcdRecord *record, bool *exchanges)
{
	BcdRow		row;
	BcdUnique	theirs;
	bool		stays;

	/* the mapping of another feed runs with its owner's rights, so not here */
	if (strcmp(record->feed, feed->name) != 0)
	{
		*exchanges = false;
		return psprintf("%s \"%s\" belongs to row %s of feed \"%s\" in the store: a push considers the two together",
						key->field, key->value, record->key, record->feed);
	}
	bcd_feed_row(feed, record->key, &row);
	stays = row.state == BCD_ROW_FOUND &&
		bcd_unique_of(feed->resource, row.payload, key->field, &theirs) &&
		strcmp(theirs.folded, key->folded) == 0;
	*exchanges &= !stays;
	if (stays)
		return psprintf("%s \"%s\" still belongs to row %s in the store", key->field, key->value,
						record->key);
	return psprintf("%s \"%s\" belongs to row %s in the store, which has given it up: %s", key->field,
					key->value, record->key,
					is_same_by(feed->resource, key->field) ? "a push exchanges the records of these rows" :
					feed->resource->exchanges ?
					"a push exchanges the records of these rows, or writes that row first" :
					"a push writes that row first");
}

/*
 * Describes in words whose natural keys a row is going to take, or returns
 * NULL if the links show no other owner. store_id is the row's record (0:
 * none), and known is what its link says of it. exchanges: the row needs another
 * record; it is described which, and found, if that is free.
 */
char *
bcd_preview_keys(BcdFeed *feed, int64 store_id, Jsonb *wanted, Jsonb *known, bool *exchanges)
{
	MemoryContext cxt = CurrentMemoryContext;
	const BcdResource *r = feed->resource;
	BcdRecord  *record = NULL;
	BcdUnique	key;
	BcdRights	rights;
	int			i;

	bcd_spi_begin(&rights);
	for (i = 0; bcd_resource_unique(r, i) && record == NULL; i++)
		if ((!*exchanges || is_same_by(r, bcd_resource_unique(r, i))) && bcd_unique_of(r, wanted, bcd_resource_unique(r, i), &key) && !bcd_unique_has(r, known, &key))
			record = holder_of(feed, &key, store_id);
	if (record)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		BcdRecord  *copy = palloc(sizeof(BcdRecord));

		*copy = *record;
		copy->feed = pstrdup(record->feed);
		copy->key = pstrdup(record->key);
		key.value = pstrdup(key.value);
		key.folded = pstrdup(key.folded);
		key.within = pstrdup(key.within);
		record = copy;
		MemoryContextSwitchTo(old);
	}
	bcd_spi_end(&rights);
	return record ? words_for(feed, &key, record, exchanges) : NULL;
}
