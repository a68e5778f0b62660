/*
 * shmem.c
 *		What backends and workers share: worker slots, calls, progress.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/shmem.h"

#define TRANCHE "bcdelta"

BcdShared  *bcd_shared = NULL;

#ifdef BCD_HAVE_SHMEM_REQUEST_HOOK
static shmem_request_hook_type previous_request = NULL;
#endif
static shmem_startup_hook_type previous_startup = NULL;

static void
request_shmem(void)
{
#ifdef BCD_HAVE_SHMEM_REQUEST_HOOK
	if (previous_request)
		previous_request();
#endif
	RequestAddinShmemSpace(MAXALIGN(sizeof(BcdShared)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
start_shmem(void)
{
	bool		found;
	int			i;

	if (previous_startup)
		previous_startup();
	/* in case this is a restart within the postmaster */
	bcd_shared = NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	bcd_shared = ShmemInitStruct("bcdelta", sizeof(BcdShared), &found);
	if (!found)
	{
		memset(bcd_shared, 0, sizeof(BcdShared));
		bcd_shared->made_at = GetCurrentTimestamp();
		bcd_shared->lock = &(GetNamedLWLockTranche(TRANCHE))->lock;
		for (i = 0; i < BCD_MAX_WORKERS; i++)
			pg_atomic_init_u32(&bcd_shared->workers[i].committed, 0);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* From _PG_init() of a preloaded library. */
void
bcd_shmem_install(void)
{
#ifdef BCD_HAVE_SHMEM_REQUEST_HOOK
	previous_request = shmem_request_hook;
	shmem_request_hook = request_shmem;
#else
	request_shmem();
#endif
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = start_shmem;
}

static void
wake(Oid dbid, bool look)
{
	int			i;

	if (bcd_shared == NULL)
		return;
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (slot->pid == 0 || slot->dbid != dbid)
			continue;
		slot->look |= look;
		slot->woken = true;
		SetLatch(slot->latch);
	}
	LWLockRelease(bcd_shared->lock);
}

/* Returns what a flag of a worker's slot was, and clears it. */
bool
bcd_shared_flag_take(bool *flag)
{
	bool		was;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	was = *flag;
	*flag = false;
	LWLockRelease(bcd_shared->lock);
	return was;
}

/* Wakes the worker of a database, if there is one. */
void
bcd_wake_worker(Oid dbid)
{
	wake(dbid, false);
}

/* The first commit calls the worker, others until it looks need not. */
static void
call_worker(BcdWorkerSlot *worker)
{
	if (pg_atomic_exchange_u32(&worker->committed, 1) == 0)
		wake(MyDatabaseId, false);
}

static bool wake_wanted = false;
static BcdWorkerSlot *called = NULL;	/* the worker, if a change is urgent */

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	if (wake_wanted && event == XACT_EVENT_COMMIT)
		wake(MyDatabaseId, true);
	if (called && event == XACT_EVENT_COMMIT)
		call_worker(called);
	called = NULL;
	if (event != XACT_EVENT_PREPARE)
		wake_wanted = false;
}

static void
watch_transactions(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
}

/* Wakes the worker once what this transaction wrote can be seen. */
void
bcd_wake_worker_at_commit(void)
{
	watch_transactions();
	wake_wanted = true;
}

/* A database that was renamed has left a slot behind. */
static bool
is_mine(const BcdWorkerSlot *slot)
{
	return slot->pid != 0 && slot->dbid == MyDatabaseId;
}

/* Bits of feeds, as a worker's slot has them */
void
bcd_feed_bit_set(uint64 *bits, int32 feed_id)
{
	int			bit = (uint32) feed_id % BCD_FEED_BITS;

	bits[bit / 64] |= UINT64CONST(1) << bit % 64;
}

static inline bool
has_bit(const uint64 *bits, int32 feed_id)
{
	int			bit = (uint32) feed_id % BCD_FEED_BITS;

	return (bits[bit / 64] & UINT64CONST(1) << bit % 64) != 0;
}

/* The slot of this database's worker, or NULL; without the lock */
static BcdWorkerSlot *
my_worker(void)
{
	static int	mine = 0;
	int			i;

	if (bcd_shared == NULL)
		return NULL;
	for (i = 0; i < BCD_MAX_WORKERS && !is_mine(&bcd_shared->workers[mine]); i++)
		mine = (mine + 1) % BCD_MAX_WORKERS;
	return i < BCD_MAX_WORKERS ? &bcd_shared->workers[mine] : NULL;
}

/*
 * A transaction that was prepared earlier, perhaps by another session or before
 * a restart, was committed.  What it has changed is not known any more: if any
 * feed is to be pushed at once, the worker looks.
 */
void
bcd_prepared_committed(void)
{
	BcdWorkerSlot *worker = my_worker();
	int			i;

	for (i = 0; worker && i < lengthof(worker->immediate); i++)
	{
		if (worker->immediate[i] == 0)
			continue;
		call_worker(worker);
		return;
	}
}

/*
 * A change of a feed was captured: if it is to be pushed at once, its commit
 * calls the worker.  Returns whether the worker wants to know who made it,
 * because the source is not to be changed any more.  In the source's
 * transactions, so without the lock: what is read here may be old, and then the
 * worker finds the change somewhat later, or does not know who made it.
 */
bool
bcd_captured(int32 feed_id)
{
	BcdWorkerSlot *worker = my_worker();

	if (worker == NULL)
		return false;
	if (!called && has_bit(worker->immediate, feed_id))
	{
		watch_transactions();
		called = worker;
	}
	return has_bit(worker->frozen, feed_id);
}

/* Publishes the progress of a run, replacing what was shown of it. */
void
bcd_progress_show(const BcdProgress *progress)
{
	BcdProgress *slot = NULL;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_RUNS; i++)
	{
		BcdProgress *p = &bcd_shared->progress[i];

		if (p->dbid == progress->dbid && p->run_id == progress->run_id)
		{
			slot = p;
			break;
		}
		if (!OidIsValid(p->dbid) && slot == NULL)
			slot = p;
	}
	if (slot)
		*slot = *progress;
	LWLockRelease(bcd_shared->lock);
}

void
bcd_progress_hide(Oid dbid, int64 run_id)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_RUNS; i++)
		if (bcd_shared->progress[i].dbid == dbid && bcd_shared->progress[i].run_id == run_id)
			bcd_shared->progress[i].dbid = InvalidOid;
	LWLockRelease(bcd_shared->lock);
}

/* Returns copies of what is published of this database's stores, and their number. */
int
bcd_stores_shown(BcdStoreState **stores)
{
	int			n = 0;
	int			i;

	*stores = palloc(sizeof(BcdStoreState) * BCD_MAX_STORES);
	if (bcd_shared == NULL)
		return 0;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->stores[i].dbid == MyDatabaseId)
			(*stores)[n++] = bcd_shared->stores[i];
	LWLockRelease(bcd_shared->lock);
	return n;
}

/* Publishes what is known of a store. */
void
bcd_store_show(const BcdStoreState *state)
{
	static bool reported_full = false;
	BcdStoreState *slot = NULL;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_STORES; i++)
	{
		BcdStoreState *s = &bcd_shared->stores[i];

		if (s->dbid == state->dbid && s->serverid == state->serverid)
		{
			slot = s;
			break;
		}
		if (!OidIsValid(s->dbid) && slot == NULL)
			slot = s;
	}
	if (slot)
		*slot = *state;
	LWLockRelease(bcd_shared->lock);
	if (slot || reported_full)
		return;
	reported_full = true;
	ereport(WARNING,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("bcdelta shows quotas and troubles of at most %d stores of a server", BCD_MAX_STORES),
			 errdetail("Further stores are pushed to, but not shown in bcdelta.status and bcdelta.trouble.")));
}

void
bcd_store_hide(Oid dbid, Oid serverid)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->stores[i].dbid == dbid && bcd_shared->stores[i].serverid == serverid)
			bcd_shared->stores[i].dbid = InvalidOid;
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->totals[i].dbid == dbid)
			bcd_shared->totals[i].dbid = InvalidOid;
	LWLockRelease(bcd_shared->lock);
}

/* Clears what a worker of this database left behind. */
void
bcd_shmem_forget(Oid dbid)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_RUNS; i++)
		if (bcd_shared->progress[i].dbid == dbid)
			bcd_shared->progress[i].dbid = InvalidOid;
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->stores[i].dbid == dbid)
			bcd_shared->stores[i].dbid = InvalidOid;
	LWLockRelease(bcd_shared->lock);
}
