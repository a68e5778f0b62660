/*
 * feed_lock.c
 *		A lock on what a feed is to the worker: its links and its name.
 *
 * A request may be under way while a session forgets a feed's links, or the
 * feed.  What the reply says is then nobody's, and must not be recorded as
 * that of the store or the feed that comes after it.  So the worker claims
 * rows, and records what came of them, under a shared lock, and looks at the
 * feed once it has it; a session forgets under an exclusive one, which it
 * takes before it locks any row.  One that links a row by hand keeps others
 * from claiming it, and nobody from recording what came of a claim before:
 * that may be a long transaction.
 *
 * It is a heavyweight lock on an object of its own, not one on the feed's
 * row: pause() and its like do not stand in the worker's way.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/inval.h"

#include "base/db.h"
#include "base/extension.h"
#include "feed/feed_lock.h"

/* For a session: until the end of its transaction. */
void
bcd_links_take(int32 feed_id)
{
	LockDatabaseObject(bcd_table_oid("feed"), (Oid) feed_id, 0, AccessExclusiveLock);
}

/* The same for one that adds links: beside others that do so. */
void
bcd_links_add(int32 feed_id)
{
	LockDatabaseObject(bcd_table_oid("feed"), (Oid) feed_id, 0, ShareLock);
}

/*
 * For the worker, which waits for nobody: an error when a session has it, and
 * then it comes back.
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
	/* and what that has committed is seen */
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
