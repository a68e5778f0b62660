/*
 * feed_lock.c
 *		A lock on the links and the name of a feed.
 *
 * A request may be in flight while a session forgets a feed's links, or drops
 * the feed. Its reply then concerns nobody, and must not be recorded for a
 * later store or feed. So the worker claims rows, and records outcomes, under
 * a shared lock, and checks the feed once it has the lock; a session forgets
 * links under an exclusive lock, which it takes before it locks any row.  A
 * session that links a row by hand, perhaps in a long transaction, prevents
 * new claims, but does not prevent the worker from recording the outcomes of
 * earlier claims.
 *
 * It is a heavyweight lock on a separate object, not a lock on the feed's row,
 * so pause() and similar functions do not block the worker.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"

#include "base/extension.h"
#include "feed/feed_lock.h"

/* For a session: until the end of its transaction. */
void
bcd_links_take(int32 feed_id)
{
	LockDatabaseObject(bcd_table_oid("feed"), (Oid) feed_id, 0, AccessExclusiveLock);
}

/* The same for a session that adds links: several may do so at once. */
void
bcd_links_add(int32 feed_id)
{
	LockDatabaseObject(bcd_table_oid("feed"), (Oid) feed_id, 0, ShareLock);
}

/*
 * For the worker, which never waits: an error if a session holds the lock; the
 * worker tries again later.
 */
static void
use(int32 feed_id, LOCKMODE mode)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, bcd_table_oid("feed"), (Oid) feed_id, 0);
	if (LockAcquire(&tag, mode, false, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the links of the feed are locked by another session")));
	/* and see all that the last holder committed */
	AcceptInvalidationMessages();
}

void
bcd_links_use(int32 feed_id)
{
	use(feed_id, AccessShareLock);
}

/* The same, to claim rows. */
void
bcd_links_claim(int32 feed_id)
{
	use(feed_id, RowExclusiveLock);
}
