/*
 * change_position.c
 *		Tracks how far a table of changes has been read, and which pages have
 *		to be read again.
 *
 * This file only stores the positions; drain.c explains which pages are
 * doubtful, and why nothing is missed.  Adjacent pages that wait for the same
 * transactions share one doubt, because a long transaction may leave any
 * number of them.
 */
#include "postgres.h"

#include "access/subtrans.h"
#include "access/transam.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "fold/change_position.h"

const BcdWait bcd_no_wait = {0};

/* The whole table has to be read again. */
void
bcd_forget_position(BcdTape *tape)
{
	tape->next = 0;
	tape->ndoubts = 0;
}

/*
 * Adds the transaction of a tuple. Subtransactions are replaced by their
 * top-level transaction, since there can be one for each row.
 */
void
bcd_wait_for(BcdWait *wait, TransactionId xid)
{
	TransactionId top = SubTransGetTopmostTransaction(xid);
	int			i;

	for (i = 0; i < Min(wait->n, BCD_MAX_XIDS); i++)
		if (TransactionIdEquals(wait->xids[i], top))
			return;
	if (wait->n < BCD_MAX_XIDS)
		wait->xids[wait->n] = top;
	wait->n = Min(wait->n + 1, BCD_MAX_XIDS + 1);
}

/*
 * Returns whether all of these are still in progress according to a snapshot.
 */
bool
bcd_waits(const BcdWait *wait, Snapshot snapshot)
{
	int			i;

	for (i = 0; i < wait->n; i++)
		if (!XidInMVCCSnapshot(wait->xids[i], snapshot))
			return false;
	return wait->n > 0;
}

static bool
same_wait(const BcdWait *a, const BcdWait *b)
{
	return a->n == b->n && memcmp(a->xids, b->xids, sizeof(TransactionId) * a->n) == 0;
}

/* Notes pages to be read again, in no particular order. */
void
bcd_add_doubt(BcdTape *tape, BlockNumber first, BlockNumber last, const BcdWait *wait)
{
	BcdDoubt   *latest = tape->ndoubts > 0 ? &tape->doubts[tape->ndoubts - 1] : NULL;

	if (latest && latest->last + 1 == first && same_wait(&latest->wait, wait))
	{
		latest->last = last;
		return;
	}
	if (tape->ndoubts == tape->maxdoubts)
	{
		int			wanted = Max(tape->maxdoubts * 2, 16);
		Size		bytes = wanted * sizeof(BcdDoubt);

		tape->doubts = tape->doubts ? repalloc_huge(tape->doubts, bytes) :
			MemoryContextAllocHuge(TopMemoryContext, bytes);
		tape->maxdoubts = wanted;
	}
	tape->doubts[tape->ndoubts].first = first;
	tape->doubts[tape->ndoubts].last = last;
	tape->doubts[tape->ndoubts].wait = *wait;
	tape->ndoubts++;
}

/* Removes a page from the list of doubts, if it is there. */
void
bcd_remove_doubt(BcdTape *tape, BlockNumber block)
{
	int			i;

	for (i = 0; i < tape->ndoubts; i++)
	{
		BcdDoubt	doubt = tape->doubts[i];

		if (block < doubt.first || block > doubt.last)
			continue;
		tape->doubts[i] = tape->doubts[--tape->ndoubts];
		if (doubt.first < block)
			bcd_add_doubt(tape, doubt.first, block - 1, &doubt.wait);
		if (doubt.last > block)
			bcd_add_doubt(tape, block + 1, doubt.last, &doubt.wait);
		return;
	}
}
