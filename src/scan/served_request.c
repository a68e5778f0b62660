/*
 * served_request.c
 *		The requests for pages that sessions have asked for.
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "foreign/foreign.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/json.h"
#include "engine/store_state.h"
#include "engine/stores.h"
#include "http/http.h"
#include "pacing/pace.h"
#include "payload/url.h"
#include "scan/served.h"
#include "scan/share.h"
#include "store/store.h"
#include "store/store_identity.h"
#include "store/verdict.h"
#include "tables/total.h"

/* Requests that fail by themselves are repeated so often ... */
#define MOST_ATTEMPTS	4

/* ... and those for which the store has no time */
#define MOST_REFUSED	12

static void replied(BcdHttpRequest *r);

/* The request of a scan is over, or is given up. */
static void
land(BcdScan *scan, bool abandoned)
{
	if (abandoned && scan->store->era == scan->era)
		bcd_quota_abandoned(&scan->store->quota);
	bcd_share_done(scan->store);
	scan->store = NULL;
}

/* Gives up the request that is under way, if there is one. */
void
bcd_served_abandon(BcdScan *scan)
{
	if (scan->stage == FLYING)
		land(scan, true);
}

/*
 * Returns the store, after checking that the session may read it, and that it
 * is the one that the session thinks of.  Called in a transaction.
 */
static BcdStore *
prepare(BcdScan *scan, BcdHttpTarget *target)
{
	ForeignServer *server;
	BcdStore   *store;

	if (!SearchSysCacheExists1(FOREIGNSERVEROID, ObjectIdGetDatum(scan->serverid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the bcdelta worker does not know the server")));
	server = GetForeignServer(scan->serverid);
	(void) bcd_store_check(server->servername, scan->userid);
	store = bcd_engine_store(scan->serverid);

	/*
	 * the token is that of the present server, also while a run goes on with
	 * the options that it began with
	 */
	if (strcmp(store->options->identity, scan->identity) != 0 ||
		strcmp(bcd_server_identity(server->servername), scan->identity) != 0)
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
		bcd_served_error(scan, error->sqlerrcode, error->message, error->detail,
						 error->hint ? error->hint : "If this transaction has created or altered the server, or a user mapping, commit it first.");
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

/*
 * Starts the request of a scan if it may go now, of so many that wait for the
 * store.  Returns the milliseconds until it may.
 */
int64
bcd_served_start(BcdScan *scan, int waiting, int64 now)
{
	BcdStore   *store = known_store(scan->serverid);
	BcdHttpTarget target = {0};
	int64		delay;
	char	   *url;

	if (scan->not_before > now)
		return scan->not_before - now;
	if (bcd_served_too_much())
		return 1000;
	if (store && (delay = bcd_share_delay(store, waiting, now)) > 0)
		return delay;
	store = try_prepare(scan, &target);
	if (store == NULL)
		return 0;
	/* its options, or the store itself, may be others now */
	delay = bcd_share_delay(store, waiting, now);
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
	MemoryContext cxt = CurrentMemoryContext;

	total.label = psprintf("GET %.*s", (int) strcspn(scan->path, "?"), scan->path);
	total.code = bcd_status_class(r);
	total.bucket = bcd_total_bucket(r->seconds);
	total.seconds = r->seconds;
	PG_TRY();
	{
		bcd_tx_begin();
		bcd_tx_async();
		bcd_total_add(&total);
		bcd_tx_commit();
	}
	PG_CATCH();
	{
		/* a figure is not worth the runs of others */
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not count a request");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
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
	bcd_served_error(scan, ERRCODE_FDW_UNABLE_TO_CREATE_REPLY,
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
		bcd_engine_show_store(store, now, bcd_quota_blocked_until(&store->quota));
	}
	scan->reply.status = r->fate == BCD_HTTP_REPLIED ? (int) r->status : 0;
	scan->reply.calls++;
	scan->reply.quota = store->quota.quota;
	scan->reply.quota_left = bcd_quota_left(&store->quota, now);
	land(scan, false);
	if (verdict == BCD_OK)
	{
		bcd_served_reply(scan, 0, r->reply, r->reply_len);
		return;
	}
	if ((verdict == BCD_AGAIN && ++scan->refused < MOST_REFUSED) ||
		(verdict == BCD_TROUBLE && ++scan->attempts < MOST_ATTEMPTS))
	{
		int			nth = verdict == BCD_AGAIN ? Min(scan->refused, MOST_ATTEMPTS) : scan->attempts;

		scan->stage = WAITING;
		scan->asked_at = now;
		scan->not_before = now + bcd_retry_backoff_ms(nth, false, bcd_random());
	}
	else
		reply_failure(scan, r, server);
	bcd_http_free(r);
	scan->request = NULL;
}
