/*
 * totals.c
 *		How many records the lists of stores had when they were last read.
 *
 * For the planner. They are in shared memory, so that all sessions have them,
 * and forgotten at a restart; what ANALYZE has found stays.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/shmem.h"
#include "foreign/totals.h"

static int
number_of(const BcdResource *resource)
{
	int			i;

	for (i = 0; bcd_resource_nth(i) != resource; i++)
		;
	return i;
}

/* Remembers how many records a list has. */
void
bcd_total_note(Oid serverid, const BcdResource *resource, int64 total)
{
	BcdListTotals *free = NULL;
	int			i;

	if (bcd_shared == NULL)
		return;
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = BCD_MAX_STORES - 1; i >= 0; i--)
	{
		BcdListTotals *t = &bcd_shared->totals[i];

		if (t->dbid == InvalidOid)
			free = t;
		if (t->dbid != MyDatabaseId || t->serverid != serverid)
			continue;
		free = t;
		break;
	}
	if (free && free->dbid == InvalidOid)
	{
		memset(free, 0, sizeof(*free));
		free->dbid = MyDatabaseId;
		free->serverid = serverid;
	}
	/* 0: nothing is known */
	if (free)
		free->total[number_of(resource)] = total + 1;
	LWLockRelease(bcd_shared->lock);
}

/* Returns the number of records of a list when it was last read, or -1. */
int64
bcd_total_known(Oid serverid, const BcdResource *resource)
{
	int64		total = -1;
	int			i;

	if (bcd_shared == NULL)
		return -1;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	for (i = 0; i < BCD_MAX_STORES; i++)
		if (bcd_shared->totals[i].dbid == MyDatabaseId && bcd_shared->totals[i].serverid == serverid)
			total = bcd_shared->totals[i].total[number_of(resource)] - 1;
	LWLockRelease(bcd_shared->lock);
	return total;
}
