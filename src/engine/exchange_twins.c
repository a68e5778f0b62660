/*
 * exchange_twins.c
 *		Items that are about to be created with the same natural key.
 *
 * The store would refuse the second create, or take it for an update of what
 * the first one made.  An item is compared with all that wait for their create
 * or are under way, of which there may be thousands; so these are found by a
 * hash of what they must not have in common, which is made once for each.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/exchange_rivals.h"
#include "engine/exchange_twins.h"
#include "engine/item_record.h"
#include "engine/lane.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_unique.h"

/* An item that may be a twin of others */
typedef struct BcdTwin
{
	int64		hash;
	int			place;			/* among the items that get their turn; -1:
								 * ahead of all of them */
	const BcdItem *item;
} BcdTwin;

/*
 * Is one item about to be created with the natural key of another one, or with
 * what no two records below their parent have in common?
 */
static bool
is_twin(const BcdItem *item, const BcdItem *other)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUnique	same;

	if (other == item || other->lane != item->lane || other->wanted == NULL || bcd_record_after(other).store_id != 0)
		return false;
	if (r->same_by)
		return bcd_unique_of(r, item->wanted, r->same_by, &same) && bcd_unique_has(r, other->wanted, &same);
	return other->natural && other->natural_index == item->natural_index && strcmp(other->natural, item->natural) == 0 &&
		(r->parent == NULL || bcd_payload_same(other->wanted, item->wanted, r->parent)) &&
		(r->within == NULL || bcd_payload_same(other->wanted, item->wanted, r->within));
}

/* Sets the hash of what an item must not have in common with others. */
static bool
has_hash(const BcdItem *item, int64 *hash)
{
	const BcdResource *r = item->lane->feed->resource;
	BcdUnique	same;

	if (item->wanted == NULL)
		return false;
	if (r->same_by)
	{
		if (!bcd_unique_of(r, item->wanted, r->same_by, &same))
			return false;
		*hash = same.hash;
		return true;
	}
	if (item->natural == NULL)
		return false;
	*hash = (int64) hash_bytes_extended((const unsigned char *) item->natural, strlen(item->natural), 0);
	return true;
}

static void
add(BcdTurns *t, const BcdItem *item, int place)
{
	BcdTwin    *twin = &t->twins[t->ntwins];

	twin->place = place;
	twin->item = item;
	t->ntwins += has_hash(item, &twin->hash);
}

static void
add_all(BcdTurns *t, dlist_head *items)
{
	dlist_iter	iter;

	dlist_foreach(iter, items)
		add(t, dlist_container(BcdItem, node, iter.cur), -1);
}

/* Is a job a create at the gates at which turns are given? */
static bool
creates(const BcdTurns *t, const BcdJob *job)
{
	return job->stage == BCD_CREATE && job->lane->gates == t->lane->gates;
}

static int
by_hash(const void *a, const void *b)
{
	const BcdTwin *x = a;
	const BcdTwin *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->place - y->place;
}

/* Items of other feeds may share the record, and are considered, too. */
static void
collect(BcdTurns *t)
{
	BcdRun	   *run = t->lane->run;
	dlist_head *lists[] = {&run->jobs, &run->unsettled};
	int			most = t->n + t->lane->gates->gate[BCD_CREATE].queued;
	dlist_iter	iter;
	int			i;

	for (i = 0; i < lengthof(lists); i++)
		dlist_foreach(iter, lists[i])
			most += creates(t, dlist_container(BcdJob, node, iter.cur)) ? dlist_container(BcdJob, node, iter.cur)->nitems : 0;
	t->twins = palloc(sizeof(BcdTwin) * (most + 1));
	for (i = 0; i < t->n; i++)
		add(t, t->units[i].item, i);
	add_all(t, &t->lane->gates->gate[BCD_CREATE].queue);
	for (i = 0; i < lengthof(lists); i++)
		dlist_foreach(iter, lists[i])
	{
		BcdJob	   *job = dlist_container(BcdJob, node, iter.cur);

		if (creates(t, job))
			add_all(t, &job->items);
	}
	qsort(t->twins, t->ntwins, sizeof(BcdTwin), by_hash);
}

/*
 * Returns the item that is ahead of an item with what it is to be created with,
 * or NULL.
 */
BcdItem *
bcd_twin_ahead(BcdTurns *t, const BcdItem *item)
{
	int64		hash;
	int			low = 0;
	int			high;
	int			i;

	if (t->twins == NULL)
		collect(t);
	if (!has_hash(item, &hash))
		return NULL;
	for (high = t->ntwins; low < high;)
	{
		int			middle = (low + high) / 2;

		if (t->twins[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = low; i < t->ntwins && t->twins[i].hash == hash && t->twins[i].item != item; i++)
		if (is_twin(item, t->twins[i].item))
			return (BcdItem *) t->twins[i].item;
	return NULL;
}
