/*
 * channel.c
 *		How a session gets pages of a store's lists from the worker.
 *
 * The session's end of what scan/segment.h describes. The segment belongs to
 * the resource owner of the query, so an error or a cancel detaches from it,
 * which frees the slot and tells the worker that nobody wants the page.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/client.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "foreign/channel.h"
#include "store/store.h"
#include "worker/calls.h"
#include "worker/worker_words.h"

#define PATIENCE_MS		10000	/* for a worker that is starting */
#define WATCH_NAP_MS	1000	/* how often it is checked whether both ends
								 * are alive */

struct BcdChannel
{
	dlist_node	node;			/* in the list of all that are open */
	MemoryContext cxt;			/* its own: the query's may be gone when it
								 * ends */
	void	   *awaited_by;		/* by which Append, or NULL */
	dsm_segment *segment;
	shm_mq_handle *asks;
	shm_mq_handle *replies;
	int			slot;
	char	   *server;
	char	   *identity;		/* of the store that the server leads to */
	int64		number;			/* of what was asked */
	TimestampTz seen;			/* when there was a worker */

	/* a reply that has come, in the memory of the queue */
	char	   *data;
	Size		len;
};

static dlist_head channels = DLIST_STATIC_INIT(channels);

static uint32
wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = bcd_wait_event("BcdeltaScan");
	return event;
}

/* The channel ends, perhaps because of an error. */
static void
detached(dsm_segment *segment, Datum arg)
{
	BcdChannel *channel = (BcdChannel *) DatumGetPointer(arg);

	dlist_delete(&channel->node);
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	bcd_shared->scans[channel->slot].state = BCD_SCAN_FREE;
	LWLockRelease(bcd_shared->lock);
	MemoryContextDelete(channel->cxt);
}

/*
 * Posts a segment.  Returns the number of its slot, -1 if there is no free one,
 * or -2 if there is none for this role.
 */
static int
post(const BcdScanSlot *scan, bool super)
{
	int			number = -1;
	int			of_role = 0;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_SCANS; i++)
	{
		if (bcd_shared->scans[i].state == BCD_SCAN_FREE)
			number = i;
		else
			of_role += bcd_shared->scans[i].session == scan->session;
	}
	if (!super && of_role >= BCD_ROLE_SCANS)
		number = -2;
	if (number >= 0)
	{
		bcd_shared->scans[number] = *scan;
		bcd_shared->scans[number].state = BCD_SCAN_POSTED;
	}
	LWLockRelease(bcd_shared->lock);
	return number;
}

/*
 * Opens a channel to the worker for a server, with the access token of a role,
 * for use in the current memory context.  It ends with the current resource
 * owner.
 */
BcdChannel *
bcd_channel_open(Oid serverid, Oid userid)
{
	BcdStoreOptions *options = bcd_store_options(serverid);
	MemoryContext cxt;
	BcdChannel *channel;
	BcdScanSlot scan = {0};

	if (bcd_is_worker())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("mappings and other code that the bcdelta worker runs cannot read foreign tables of server \"%s\"", options->server),
				 errhint("Copy the rows to a table.")));
	(void) bcd_store_check(options->server, userid);
	/* the worker takes it itself; this is to say early that there is none */
	pfree(bcd_store_token(serverid, userid));
	bcd_call_check_worker();
	cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta channel", ALLOCSET_SMALL_SIZES);
	channel = MemoryContextAllocZero(cxt, sizeof(BcdChannel));
	channel->cxt = cxt;
	channel->server = MemoryContextStrdup(cxt, options->server);
	channel->identity = MemoryContextStrdup(cxt, options->identity);
	channel->seen = GetCurrentTimestamp();
	channel->segment = dsm_create(BCD_SCAN_SEGMENT_BYTES, 0);
	shm_mq_create(bcd_scan_asks(channel->segment), BCD_SCAN_ASKS_BYTES);
	shm_mq_create(bcd_scan_replies(channel->segment), BCD_SCAN_REPLIES_BYTES);
	shm_mq_set_sender(bcd_scan_asks(channel->segment), MyProc);
	shm_mq_set_receiver(bcd_scan_replies(channel->segment), MyProc);
	channel->asks = shm_mq_attach(bcd_scan_asks(channel->segment), channel->segment, NULL);
	channel->replies = shm_mq_attach(bcd_scan_replies(channel->segment), channel->segment, NULL);
	scan.dbid = MyDatabaseId;
	scan.serverid = serverid;
	scan.userid = userid;
	scan.session = GetSessionUserId();
	scan.segment = dsm_segment_handle(channel->segment);
	channel->slot = post(&scan, superuser_arg(scan.session));
	if (channel->slot < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many scans of foreign tables wait for the bcdelta worker"),
				 channel->slot == -2 ?
				 errdetail("At most %d of one role may be open at the same time.", BCD_ROLE_SCANS) :
				 errdetail("At most %d may be open at the same time.", BCD_MAX_SCANS),
				 errhint("Close cursors that are not needed any more.")));
	/* from here on it ends with its segment, and not with the query */
	MemoryContextSetParent(cxt, TopMemoryContext);
	dlist_push_tail(&channels, &channel->node);
	on_dsm_detach(channel->segment, detached, PointerGetDatum(channel));
	return channel;
}

/* Asks for a page: a path below the store's /v3, or one that begins with /v2/. */
void
bcd_channel_ask(BcdChannel *channel, const char *path)
{
	BcdScanAsk	ask = {++channel->number};
	shm_mq_iovec parts[3];

	if (strlen(path) > BCD_SCAN_MAX_PATH)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("a request to server \"%s\" would be too long", channel->server),
				 errdetail("Its path has %zu bytes, of at most %d.", strlen(path), BCD_SCAN_MAX_PATH)));
	parts[0].data = (const char *) &ask;
	parts[0].len = sizeof(ask);
	parts[1].data = channel->identity;
	parts[1].len = strlen(channel->identity) + 1;
	parts[2].data = path;
	parts[2].len = strlen(path) + 1;
	if (bcd_mq_sendv(channel->asks, parts, lengthof(parts), true) == SHM_MQ_WOULD_BLOCK)
		elog(ERROR, "the queue to the bcdelta worker is full");
	bcd_wake_worker(MyDatabaseId);
}

static void
worker_ended(const BcdChannel *channel)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("the bcdelta worker ended while it read from server \"%s\"", channel->server),
			 errhint("Run the query again; see the server log for the cause.")));
}

/*
 * Raises an error if no worker will ever answer.  One that has detached is seen
 * by the queue; this is about those that never attached.
 */
static void
check_worker(BcdChannel *channel)
{
	const BcdScanSlot *slot = &bcd_shared->scans[channel->slot];
	bool		lost = false;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	if (slot->state == BCD_SCAN_TAKEN)
		lost = slot->worker != bcd_worker_pid();
	else if (bcd_worker_pid() != 0)
		channel->seen = GetCurrentTimestamp();
	else
		lost = TimestampDifferenceExceeds(channel->seen, GetCurrentTimestamp(), PATIENCE_MS);
	LWLockRelease(bcd_shared->lock);
	if (lost)
		worker_ended(channel);
}

/* Has the reply come to what was asked? */
bool
bcd_channel_look(BcdChannel *channel)
{
	void	   *data;

	if (channel->data)
		return true;
	switch (shm_mq_receive(channel->replies, &channel->len, &data, true))
	{
		case SHM_MQ_SUCCESS:
			channel->data = data;
			return true;
		case SHM_MQ_DETACHED:
			worker_ended(channel);
			break;
		case SHM_MQ_WOULD_BLOCK:
			break;
	}
	return false;
}

/* An Append waits for a reply, or (NULL) does not any more. */
void
bcd_channel_await(BcdChannel *channel, void *by)
{
	channel->awaited_by = by;
}

/* Has a reply come for which an Append waits? */
bool
bcd_channel_any_ready(void *by)
{
	dlist_iter	iter;

	dlist_foreach(iter, &channels)
	{
		BcdChannel *channel = dlist_container(BcdChannel, node, iter.cur);

		if (channel->awaited_by == by && bcd_channel_look(channel))
			return true;
	}
	return false;
}

/* Waits a while for whatever wakes this process; raises an error if nothing will. */
void
bcd_channel_wait(BcdChannel *channel)
{
	check_worker(channel);
	bcd_client_check();
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, WATCH_NAP_MS, wait_event());
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/* Raises the error that came instead of a page: message, detail and hint. */
static void
raise_error(const BcdScanReply *reply, const char *texts, Size len)
{
	const char *end = texts + len;
	const char *detail;
	const char *hint;

	if (len < 3 || end[-1] != '\0')
		elog(ERROR, "the bcdelta worker has sent a damaged reply");
	detail = texts + strlen(texts) + 1;
	hint = detail < end ? detail + strlen(detail) + 1 : end;
	ereport(ERROR,
			(errcode(reply->sqlerrcode),
			 errmsg_internal("%s", texts),
			 detail < end && *detail ? errdetail_internal("%s", detail) : 0,
			 hint < end && *hint ? errhint("%s", hint) : 0));
}

/*
 * Waits for the page that was asked for.  Returns its body, which is valid until
 * the next one is asked for, and may be changed.
 */
char *
bcd_channel_take(BcdChannel *channel, BcdScanReply *reply, Size *len)
{
	char	   *data;

	while (!bcd_channel_look(channel))
		bcd_channel_wait(channel);
	data = channel->data;
	channel->data = NULL;
	if (channel->len < sizeof(BcdScanReply))
		elog(ERROR, "the bcdelta worker has sent a damaged reply");
	memcpy(reply, data, sizeof(BcdScanReply));
	if (reply->number != channel->number)
		elog(ERROR, "the bcdelta worker has answered something else");
	*len = channel->len - sizeof(BcdScanReply);
	if (reply->sqlerrcode != 0)
		raise_error(reply, data + sizeof(BcdScanReply), *len);
	return data + sizeof(BcdScanReply);
}

/* Closes the channel; what is under way for it is dropped. */
void
bcd_channel_close(BcdChannel *channel)
{
	dsm_detach(channel->segment);
}
