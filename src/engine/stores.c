/*
 * stores.c
 *		The stores that the worker talks to: what it has learned about each.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/shmem.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/stores.h"
#include "pacing/quota.h"
#include "store/store.h"

/* Forgets everything about the store: the server now leads to another one. */
static void
forget_learned(BcdStore *store)
{
	BcdStoreState nothing = {0};

	if (store->identity)
		pfree(store->identity);
	store->identity = MemoryContextStrdup(TopMemoryContext, store->options->identity);
	store->era++;
	memset(&store->quota, 0, sizeof(store->quota));
	memset(&store->clock, 0, sizeof(store->clock));
	store->twins = 0;
	store->twin_at = 0;
	bcd_endpoints_forget(store);
	nothing.dbid = MyDatabaseId;
	nothing.serverid = store->serverid;
	nothing.others = -1;
	bcd_store_show(&nothing);
}

/* Does a run, perhaps a parked one, need the store? */
static bool
is_needed(const BcdStore *store)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bcd_engine.runs)
		if (dlist_container(BcdRun, node, iter.cur)->store == store)
		return true;
	return false;
}

/* Forgets the stores whose servers were dropped. */
static void
prune_stores(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &bcd_engine.stores)
	{
		BcdStore   *store = dlist_container(BcdStore, node, iter.cur);

		if (is_needed(store) || store->reading > 0 || SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(store->serverid)))
			continue;
		bcd_store_hide(MyDatabaseId, store->serverid);
		dlist_delete(&store->node);
		if (store->cxt)
			MemoryContextDelete(store->cxt);
		if (store->identity)
			pfree(store->identity);
		pfree(store);
	}
}

/* Returns the store of a server, with its current options. */
BcdStore *
bcd_engine_store(Oid serverid)
{
	BcdStore   *store = NULL;
	BcdStoreOptions *options;
	MemoryContext cxt;
	MemoryContext old;
	dlist_iter	iter;

	dlist_foreach(iter, &bcd_engine.stores)
	{
		BcdStore   *s = dlist_container(BcdStore, node, iter.cur);

		if (s->serverid == serverid)
			store = s;
	}
	if (store == NULL)
	{
		prune_stores();
		store = MemoryContextAllocZero(TopMemoryContext, sizeof(BcdStore));
		store->serverid = serverid;
		dlist_push_tail(&bcd_engine.stores, &store->node);
	}
	if (store->run)
		return store;
	/* the old options stay if there are none any more */
	cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta store", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	options = bcd_store_options(serverid);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(cxt, TopMemoryContext);
	if (store->cxt)
		MemoryContextDelete(store->cxt);
	store->cxt = cxt;
	store->options = options;
	if (store->identity == NULL || strcmp(store->identity, store->options->identity) != 0)
		forget_learned(store);
	if (store->quota.max_concurrency == 0)
		bcd_quota_init(&store->quota, store->options->quota_share,
					   store->options->max_concurrency);
	store->quota.share = store->options->quota_share;
	if (store->quota.max_concurrency != store->options->max_concurrency)
		store->quota.concurrency = store->options->max_concurrency;
	store->quota.max_concurrency = store->options->max_concurrency;
	store->trouble[0] = '\0';
	return store;
}
