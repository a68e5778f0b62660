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

#include "catalog/pg_foreign_server.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/shmem.h"
#include "engine/store_state.h"
#include "engine/stores.h"
#include "http/http.h"
#include "pacing/pace.h"
#include "payload/url.h"
#include "scan/segment.h"
#include "scan/serve.h"
#include "scan/share.h"
#include "store/store.h"
#include "store/verdict.h"
#include "tables/total.h"

/* Requests that fail by themselves are repeated so often */
#define MOST_ATTEMPTS	4

typedef enum BcdScanStage
{
	IDLE,						/* the session has what it asked for */
	WAITING,					/* for its turn */
	FLYING,
	REPLYING					/* the queue has no room for all of the reply */
} BcdScanStage;

typedef struct BcdScan
{
	dlist_node	node;
	MemoryContext cxt;
	dsm_segment *segment;
	shm_mq_handle *asks;
	shm_mq_handle *replies;
	Oid			serverid;
	Oid			userid;
	BcdScanStage stage;
	bool		gone;			/* the session has detached */

	/* what it has asked for, in memory of its own */
	MemoryContext page;
	char	   *identity;
	char	   *path;
	int64		asked_at;
	int64		not_before;		/* monotonic ms: after a failure */
	int			attempts;

	/* under way */
	BcdStore   *store;
	int			era;			/* of the store, when it was sent */
	BcdTicket	ticket;
	BcdHttpRequest *request;

	BcdScanReply reply;
	char	   *body;
	Size		len;
} BcdScan;

static dlist_head scans = DLIST_STATIC_INIT(scans);

static void replied(BcdHttpRequest *r);

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
			take(&posted);
	}
}

/* The request of a scan is over, or is given up. */
static void
land(BcdScan *scan, bool abandoned)
{
	if (abandoned && scan->store->era == scan->era)
		bcd_quota_abandoned(&scan->store->quota);
	bcd_share_done(scan->store);
	scan->store = NULL;
}

static void
free_request(BcdScan *scan)
{
	if (scan->request)
		bcd_http_free(scan->request);
	scan->request = NULL;
}

static void
forget(BcdScan *scan)
{
	if (scan->stage == FLYING)
		land(scan, true);
	free_request(scan);
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

/* Replies with a body, which stays where it is until all of it is sent. */
static void
reply(BcdScan *scan, int sqlerrcode, char *body, Size len)
{
	scan->reply.sqlerrcode = sqlerrcode;
	scan->body = body;
	scan->len = len;
	scan->stage = REPLYING;
}

/* Replies with an error: message, detail and hint, each with its NUL. */
static void
reply_error(BcdScan *scan, int sqlerrcode, const char *message, const char *detail, const char *hint)
{
	MemoryContext old = MemoryContextSwitchTo(scan->page);
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, message, strlen(message) + 1);
	appendBinaryStringInfo(&text, detail ? detail : "", detail ? strlen(detail) + 1 : 1);
	appendBinaryStringInfo(&text, hint ? hint : "", hint ? strlen(hint) + 1 : 1);
	MemoryContextSwitchTo(old);
	reply(scan, sqlerrcode, text.data, text.len);
}

/* Sends as much of a reply as there is room for. */
static void
send_reply(BcdScan *scan)
{
	shm_mq_iovec parts[2];
	shm_mq_result result;

	/* the same parts again, until all is sent */
	parts[0].data = (const char *) &scan->reply;
	parts[0].len = sizeof(scan->reply);
	parts[1].data = scan->body ? scan->body : "";
	parts[1].len = scan->len;
	result = bcd_mq_sendv(scan->replies, parts, lengthof(parts), true);
	if (result == SHM_MQ_WOULD_BLOCK)
		return;
	free_request(scan);
	scan->gone |= result == SHM_MQ_DETACHED;
	scan->stage = IDLE;
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
	scan->attempts = 0;
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

/*
 * Returns the store, after checking that the session may read it, and that it
 * is the one that the session thinks of.  Called in a transaction.
 */
static BcdStore *
prepare(BcdScan *scan, BcdHttpTarget *target)
{
	ForeignServer *server = GetForeignServer(scan->serverid);
	BcdStore   *store;

	(void) bcd_store_check(server->servername, scan->userid);
	store = bcd_engine_store(scan->serverid);
	if (strcmp(store->options->identity, scan->identity) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("server \"%s\" now leads to another store", server->servername),
				 errhint("Run the query again.")));
	target->token = MemoryContextStrdup(scan->page, bcd_store_token(scan->serverid, scan->userid));
	target->ca_file = store->options->ca_file ? MemoryContextStrdup(scan->page, store->options->ca_file) : NULL;
	target->timeout_ms = store->options->timeout_ms;
	target->loopback = store->options->loopback;
	return store;
}

/* The same; if it fails, replies with the error and returns NULL. */
static BcdStore *
try_prepare(BcdScan *scan, BcdHttpTarget *target)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdStore   *volatile store = NULL;

	PG_TRY();
	{
		bcd_tx_begin();
		store = prepare(scan, target);
		bcd_tx_commit();
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		bcd_tx_abort();
		reply_error(scan, error->sqlerrcode, error->message, error->detail, error->hint);
		store = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	return store;
}

/* The store of a server, if the worker has talked to it. */
static BcdStore *
known_store(Oid serverid)
{
	dlist_iter	iter;

	dlist_foreach(iter, &bcd_engine.stores)
	{
		BcdStore   *store = dlist_container(BcdStore, node, iter.cur);

		if (store->serverid == serverid)
			return store;
	}
	return NULL;
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
 * Starts the request of a scan if it may go now.  Returns the milliseconds
 * until it may.
 */
static int64
start(BcdScan *scan, int64 now)
{
	BcdStore   *store = known_store(scan->serverid);
	BcdHttpTarget target = {0};
	int64		delay;
	char	   *url;

	if (scan->not_before > now)
		return scan->not_before - now;
	if (store && (delay = bcd_share_delay(store, waiting(scan->serverid), now)) > 0)
		return delay;
	store = try_prepare(scan, &target);
	if (store == NULL)
		return 0;
	/* its options, or the store itself, may be others now */
	delay = bcd_share_delay(store, waiting(scan->serverid), now);
	if (delay > 0)
		return delay;
	url = psprintf("%s%s%s", store->options->base_url, bcd_url_version(scan->path), scan->path);
	scan->request = bcd_http_request("GET", url, NULL);
	pfree(url);
	scan->request->owner = scan;
	scan->request->replied = replied;
	scan->store = store;
	scan->era = store->era;
	scan->stage = FLYING;
	scan->reply.waited_ms += now - Max(scan->asked_at, scan->not_before);
	scan->ticket = bcd_share_take(store, now);
	bcd_http_start(scan->request, &target);
	return PG_INT64_MAX;
}

/* Counts a request in bcdelta.total, by its path without what is asked for. */
static void
count(const BcdScan *scan)
{
	const BcdHttpRequest *r = scan->request;
	BcdTotal	total = {.server = scan->store->options->server,.what = "request",.n = 1};

	bcd_tx_begin();
	bcd_tx_async();
	total.label = psprintf("GET %.*s", (int) strcspn(scan->path, "?"), scan->path);
	total.code = bcd_status_class(r);
	total.bucket = bcd_total_bucket(r->seconds);
	total.seconds = r->seconds;
	bcd_total_add(&total);
	bcd_tx_commit();
}

/* Says that a request has failed, and what to do. */
static void
reply_failure(BcdScan *scan, const BcdHttpRequest *r, const char *server)
{
	StringInfoData text;

	initStringInfo(&text);
	if (r->fate == BCD_HTTP_REPLIED)
		bcd_json_error_text(&text, r->status, r->headers.content_type, r->reply, r->reply_len);
	else
		appendStringInfoString(&text, r->error);
	reply_error(scan, ERRCODE_FDW_UNABLE_TO_CREATE_REPLY,
				psprintf("could not read from server \"%s\": %s", server, text.data),
				psprintf("The request was GET %s.", scan->path),
				r->fate == BCD_HTTP_REPLIED ? bcd_retry_advice(r->status) : NULL);
}

/* The request of a scan has ended, with or without a reply. */
static void
replied(BcdHttpRequest *r)
{
	BcdScan    *scan = r->owner;
	BcdStore   *store = scan->store;
	BcdVerdict	verdict = bcd_retry_verdict(r->fate, r->status);
	const char *server = pstrdup(store->options->server);
	int64		now = bcd_now_ms();

	count(scan);
	if (store->era == scan->era)
	{
		bcd_engine_store_replied(store, r, scan->ticket);
		bcd_engine_show_store(store, now);
	}
	scan->reply.status = r->fate == BCD_HTTP_REPLIED ? (int) r->status : 0;
	scan->reply.calls++;
	scan->reply.quota = store->quota.quota;
	scan->reply.quota_left = bcd_quota_left(&store->quota, now);
	land(scan, false);
	if (verdict == BCD_OK)
	{
		reply(scan, 0, r->reply, r->reply_len);
		return;
	}
	if (verdict == BCD_AGAIN || (verdict == BCD_TROUBLE && ++scan->attempts < MOST_ATTEMPTS))
	{
		scan->stage = WAITING;
		scan->asked_at = now;
		if (verdict == BCD_TROUBLE)
			scan->not_before = now + bcd_retry_backoff_ms(scan->attempts, false, bcd_random());
	}
	else
		reply_failure(scan, r, server);
	free_request(scan);
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
				reply_error(scan, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, trouble, NULL, NULL);
			else
				delay = start(scan, now);
			if (scan->stage == WAITING && delay < BCD_QUOTA_WAIT_REPLY)
				wait = Min(wait, delay);
		}
		if (scan->stage == REPLYING && !scan->gone)
			send_reply(scan);
		if (scan->gone)
			forget(scan);
	}
	return wait;
}
