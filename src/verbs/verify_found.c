/*
 * verify_found.c
 *		What the replies to a verify of changes say: rows in doubt, strangers,
 *		and the ids of records.
 *
 * A reply is read in a transaction that may fail and be repeated. So what it
 * says is kept apart (BcdVerify.found) until that is committed.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/engine.h"
#include "feed/feed.h"
#include "tables/discrepancy.h"
#include "tables/link.h"
#include "tables/link_ids.h"
#include "verbs/verify_found.h"
#include "verbs/verify_list.h"
#include "verbs/verify_record.h"

/* A row that is in doubt */
typedef struct Doubt
{
	BcdLane    *lane;
	char	   *key;
} Doubt;

void
bcd_ids_add(BcdLane *lane, BcdIds *ids, int64 id)
{
	if (ids->n == ids->size)
	{
		ids->size = Max(64, ids->size * 2);
		ids->of = ids->of ? repalloc_huge(ids->of, sizeof(int64) * ids->size) :
			MemoryContextAllocHuge(lane->cxt, sizeof(int64) * ids->size);
	}
	ids->of[ids->n++] = id;
}

int
bcd_ids_compare(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

bool
bcd_ids_have(const BcdIds *ids, int64 id)
{
	return ids->n > 0 && bsearch(&id, ids->of, ids->n, sizeof(int64), bcd_ids_compare) != NULL;
}

/*
 * Reads the ids that should be in the store: those of linked records, and of
 * known strangers.
 */
void
bcd_found_load_ids(BcdLane *lane)
{
	const BcdFeed *feed = lane->feed;
	BcdVerify  *v = lane->verify;
	MemoryContext old;
	int64	   *strangers;
	int			n;
	int			i;

	if (v->loaded)
		return;
	old = MemoryContextSwitchTo(lane->cxt);
	v->ids.of = bcd_link_ids(feed->server, feed->resource->name, feed->server_store, v->last.run_id, &v->ids.n);
	v->ids.size = Max(v->ids.n, 1);
	strangers = bcd_discrepancy_strangers(v->last.run_id, feed->server, feed->resource->name, &n);
	for (i = 0; i < n; i++)
		bcd_ids_add(lane, &v->ids, strangers[i]);
	qsort(v->ids.of, v->ids.n, sizeof(int64), bcd_ids_compare);
	MemoryContextSwitchTo(old);
	v->loaded = true;
}

/* A reply is being read, perhaps not for the first time. */
void
bcd_found_begin(BcdVerify *v)
{
	v->found.doubts = NIL;
	v->found.strangers.n = v->found.dropped.n = v->found.listed.n = 0;
	v->found.touched = v->found.agree = 0;
}

void
bcd_found_doubt(BcdLane *lane, BcdLane *other, const char *key)
{
	MemoryContext old = MemoryContextSwitchTo(lane->cxt);
	Doubt	   *doubt = palloc(sizeof(Doubt));

	doubt->lane = other;
	doubt->key = pstrdup(key);
	lane->verify->found.doubts = lappend(lane->verify->found.doubts, doubt);
	MemoryContextSwitchTo(old);
}

/* Takes over what was found, once that is committed. */
void
bcd_found_take(BcdLane *lane)
{
	BcdVerify  *v = lane->verify;
	ListCell   *lc;
	int			i;

	foreach(lc, v->found.doubts)
	{
		Doubt	   *doubt = lfirst(lc);
		MemoryContext old = MemoryContextSwitchTo(doubt->lane->cxt);

		doubt->lane->doubtful = lappend(doubt->lane->doubtful, doubt->key);
		MemoryContextSwitchTo(old);
	}
	for (i = 0; i < v->found.strangers.n; i++)
		bcd_ids_add(lane, &v->ids, v->found.strangers.of[i]);
	if (v->found.strangers.n > 0)
		qsort(v->ids.of, v->ids.n, sizeof(int64), bcd_ids_compare);
	for (i = 0; i < v->found.dropped.n; i++)
		bcd_ids_add(lane, &v->dropped, v->found.dropped.of[i]);
	for (i = 0; i < v->found.listed.n; i++)
		bcd_ids_add(lane, &v->listed, v->found.listed.of[i]);
	v->touched += v->found.touched;
	lane->run->counts.unchanged += v->found.agree;
	bcd_found_begin(v);
}

/* The lanes with rows that are linked to a record get them as doubtful. */
bool
bcd_found_doubts_of(BcdLane *lane, int64 id)
{
	const BcdRun *run = lane->run;
	bool		found = false;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *other = run->lanes[i];
		char	   *key = other->feed->resource == lane->feed->resource ? bcd_link_key(other->feed->name, id) : NULL;

		if (key)
			bcd_found_doubt(lane, other, key);
		found |= key != NULL;
	}
	return found;
}

/* Reports a record that belongs to no row. */
void
bcd_found_stranger(BcdJob *job, const cJSON *record, int64 id)
{
	BcdLane    *lane = job->lane;
	BcdVerify  *v = lane->verify;

	if (bcd_ids_have(&v->ids, id))
		bcd_ids_add(lane, &v->found.dropped, id);	/* it is reported here */
	else
		bcd_ids_add(lane, &v->found.strangers, id);
	bcd_verify_stranger(job, record, id);
}
