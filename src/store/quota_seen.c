/*
 * quota_seen.c
 *		The quota of a store, as the worker has last seen it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lwlock.h"

#include "base/shmem.h"
#include "store/quota_seen.h"

/* Reads the quota; false: it is not known yet, and that of most plans is assumed. */
bool
bcd_quota_seen(const BcdStoreOptions *o, BcdQuota *q)
{
	bool		known = false;
	int			i;

	memset(q, 0, sizeof(*q));
	q->quota = BCD_USUAL_QUOTA;
	q->window_ms = BCD_USUAL_WINDOW_MS;
	q->share = o->quota_share;
	q->concurrency = o->max_concurrency;
	if (bcd_shared == NULL)
		return false;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_RUNS; i++)
	{
		const BcdStoreState *s = &bcd_shared->stores[i];

		if (s->dbid != MyDatabaseId || s->serverid != o->serverid || s->window_ms == 0)
			continue;
		known = true;
		q->quota = s->quota;
		q->window_ms = s->window_ms;
		q->share *= 1 - Max(s->others, 0);
	}
	LWLockRelease(bcd_shared->lock);
	return known;
}
