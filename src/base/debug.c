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
 * Waits while a session holds the point's lock exclusively. Called inside and
 * outside transactions, hence a session lock.
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
	/* wait for this lock without a time limit */
	LockTimeout = 0;
	(void) LockAcquire(&tag, ShareLock, true, false);
	LockTimeout = timeout;
	(void) LockRelease(&tag, ShareLock, true);
}

#endif							/* USE_ASSERT_CHECKING */
