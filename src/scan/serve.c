/*
 * serve.c
 *		Makes the requests of sessions that read a store.
 *
 * A scan is a session that has posted a segment: see segment.h. Each time it
 * asks for a page, that goes through these stages:
 *
 *     IDLE -> WAITING -> FLYING -> REPLYING -> IDLE
 *
 * It waits for its turn within the quota of its store, and again after a reply
 * that says "later". Whatever the store says is passed on, as the body of a
 * page or in words; nothing is kept. A scan whose session has detached is
 * forgotten at once, with the request that is under way.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "base/shmem.h"
#include "pacing/pace.h"
#include "scan/serve.h"
#include "scan/served.h"

static dlist_head scans = DLIST_STATIC_INIT(scans);

/* Takes the scan of a slot over, if its session is still there. */
static void
take(const BcdScanSlot *slot)
{
	MemoryContext cxt;
	MemoryContext old;
	dsm_segment *segment = dsm_attach(slot->segment);
	BcdScan    *scan;

	if (segment == NULL)
		return;
	dsm_pin_mapping(segment);
	cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta scan", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(cxt);
	scan = palloc0(sizeof(BcdScan));
	scan->cxt = cxt;
	scan->page = AllocSetContextCreate(cxt, "bcdelta page", ALLOCSET_SMALL_SIZES);
	scan->segment = segment;
	scan->serverid = slot->serverid;
	scan->userid = slot->userid;
	shm_mq_set_receiver(bcd_scan_asks(segment), MyProc);
	shm_mq_set_sender(bcd_scan_replies(segment), MyProc);
	scan->asks = shm_mq_attach(bcd_scan_asks(segment), segment, NULL);
	scan->replies = shm_mq_attach(bcd_scan_replies(segment), segment, NULL);
	dlist_push_tail(&scans, &scan->node);
	MemoryContextSwitchTo(old);
}

/* The same; if that fails, the session sees that its worker is gone. */
static void
try_take(BcdScanSlot *slot, const BcdScanSlot *posted)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		take(posted);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		EmitErrorReport();
		FlushErrorState();
		LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
		if (slot->state == BCD_SCAN_TAKEN && slot->segment == posted->segment)
			slot->worker = 0;
		LWLockRelease(bcd_shared->lock);
	}
	PG_END_TRY();
}

/* Takes over what sessions have posted. */
static void
take_posted(void)
{
	int			i;

	for (i = 0; i < BCD_MAX_SCANS; i++)
	{
		BcdScanSlot *slot = &bcd_shared->scans[i];
		BcdScanSlot posted;

		/* a slot that is posted just now is seen the next time */
		if (slot->state != BCD_SCAN_POSTED || slot->dbid != MyDatabaseId)
			continue;
		LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
		posted = *slot;
		if (posted.state == BCD_SCAN_POSTED && posted.dbid == MyDatabaseId)
		{
			slot->state = BCD_SCAN_TAKEN;
			slot->worker = MyProcPid;
		}
		else
			posted.state = BCD_SCAN_FREE;
		LWLockRelease(bcd_shared->lock);
		if (posted.state == BCD_SCAN_POSTED)
			try_take(slot, &posted);
	}
}

static void
forget(BcdScan *scan)
{
	bcd_served_abandon(scan);
	bcd_served_drop_reply(scan);
	dlist_delete(&scan->node);
	dsm_detach(scan->segment);
	MemoryContextDelete(scan->cxt);
}

/* Forgets all scans; their sessions see that nobody will answer. */
void
bcd_scans_end(void)
{
	while (!dlist_is_empty(&scans))
		forget(dlist_container(BcdScan, node, dlist_head_node(&scans)));
}

/* Reads what a session asks for.  It asks for one thing at a time. */
static void
read_ask(BcdScan *scan, const char *data, Size len, int64 now)
{
	const char *texts = data + sizeof(BcdScanAsk);
	Size		identity;

	MemoryContextReset(scan->page);
	if (scan->stage != IDLE || len < sizeof(BcdScanAsk) + 2 || data[len - 1] != '\0')
	{
		scan->gone = true;
		return;
	}
	identity = strlen(texts);
	if (sizeof(BcdScanAsk) + identity + 1 >= len)
	{
		scan->gone = true;
		return;
	}
	memset(&scan->reply, 0, sizeof(scan->reply));
	memcpy(&scan->reply.number, data, sizeof(int64));
	scan->identity = MemoryContextStrdup(scan->page, texts);
	scan->path = MemoryContextStrdup(scan->page, texts + identity + 1);
	scan->asked_at = now;
	scan->not_before = 0;
	scan->attempts = scan->refused = 0;
	scan->stage = WAITING;
}

/* Has the session asked for something, or gone away? */
static void
look(BcdScan *scan, int64 now)
{
	MemoryContext old = MemoryContextSwitchTo(scan->cxt);
	Size		len;
	void	   *data;
	shm_mq_result result = shm_mq_receive(scan->asks, &len, &data, true);

	MemoryContextSwitchTo(old);
	if (result == SHM_MQ_SUCCESS)
		read_ask(scan, data, len, now);
	else if (result == SHM_MQ_DETACHED)
		scan->gone = true;
}

/* How many scans wait for a store */
static int
waiting(Oid serverid)
{
	dlist_iter	iter;
	int			n = 0;

	dlist_foreach(iter, &scans)
	{
		BcdScan    *scan = dlist_container(BcdScan, node, iter.cur);

		n += scan->stage == WAITING && scan->serverid == serverid;
	}
	return n;
}

/*
 * Does what can be done for the sessions that read stores.  If the worker
 * cannot work, "trouble" says why.  Returns the milliseconds until there is
 * more to do, unless a reply comes, or a session asks.
 */
int64
bcd_scans_step(const char *trouble, int64 now)
{
	int64		wait = PG_INT64_MAX;
	dlist_mutable_iter iter;

	take_posted();
	dlist_foreach_modify(iter, &scans)
	{
		BcdScan    *scan = dlist_container(BcdScan, node, iter.cur);

		look(scan, now);
		if (scan->stage == WAITING && !scan->gone)
		{
			int64		delay = 0;

			if (trouble)
				bcd_served_error(scan, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, trouble, NULL, NULL);
			else
				delay = bcd_served_start(scan, waiting(scan->serverid), now);
			if (scan->stage == WAITING && delay < BCD_QUOTA_WAIT_REPLY)
				wait = Min(wait, delay);
		}
		if (scan->stage == REPLYING && !scan->gone)
			bcd_served_send(scan);
		/* who waits for a lock does not hear that there is room */
		if (scan->stage == REPLYING)
			wait = Min(wait, 200);
		if (scan->gone)
			forget(scan);
	}
	return wait;
}
