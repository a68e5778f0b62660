/*
 * debug.c
 *		Points where tests stop the worker.
 */
#include "postgres.h"

#include "base/debug.h"

#ifdef USE_ASSERT_CHECKING

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"

bool		bcd_debug_points = false;

/*
 * Waits while somebody holds the point's lock exclusively.  Inside and outside
 * of transactions, hence a lock of the session.
 */
void
bcd_debug_point(const char *name)
{
	LOCKTAG		tag;
	int			timeout = LockTimeout;

	if (!bcd_debug_points)
		return;
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, BCD_DEBUG_LOCK,
						 DatumGetUInt32(hash_any((const unsigned char *) name, strlen(name))), 2);
	/* this one is waited for as long as it takes */
	LockTimeout = 0;
	(void) LockAcquire(&tag, ShareLock, true, false);
	LockTimeout = timeout;
	(void) LockRelease(&tag, ShareLock, true);
}

#endif							/* USE_ASSERT_CHECKING */
