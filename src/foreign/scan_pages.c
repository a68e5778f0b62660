/*
 * scan_pages.c
 *		Gets the records of a foreign table, page by page.
 *
 * A page is asked for when the one before it is half read, so that the store
 * works while the query does; a query that needs ten rows makes one call.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "foreign/limit.h"
#include "foreign/scan_state.h"
#include "foreign/totals.h"

/* Asks for the next page. */
static void
ask(BcdForeignScan *scan)
{
	char	   *path = bcd_requests_path(&scan->requests);

	bcd_calls_check(scan->table, path, 1);
	if (scan->first_path == NULL)
		scan->first_path = MemoryContextStrdup(GetMemoryChunkContext(scan), path);
	bcd_channel_ask(scan->channel, path);
	pfree(path);
	scan->asked = true;
}

/* Remembers ids, where the same record may come again. */
static void
watch_ids(BcdForeignScan *scan)
{
	HASHCTL		ctl = {0};

	scan->seen = NULL;
	if (scan->requests.spread < 0 && scan->table->resource->list_after)
		return;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(int64);
	ctl.hcxt = scan->values_cxt;
	scan->seen = hash_create("bcdelta ids", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Asks for the first page of what was evaluated. */
void
bcd_scan_ask_first(ForeignScanState *node)
{
	BcdForeignScan *scan = node->fdw_state;
	MemoryContext old;

	watch_ids(scan);
	old = MemoryContextSwitchTo(node->ss.ps.state->es_query_cxt);
	if (!(scan->flags & BCD_SCAN_BOUNDED))
	{
		char	   *path = bcd_requests_path(&scan->requests);

		bcd_calls_check(scan->table, path, Max(scan->estimate, bcd_requests_least(&scan->requests)));
		pfree(path);
	}
	if (scan->channel == NULL)
		scan->channel = bcd_channel_open(scan->table->serverid, scan->userid);
	ask(scan);
	MemoryContextSwitchTo(old);
}

/* What a page says of the list, for the plans of later queries */
static void
note_total(const BcdForeignScan *scan, const BcdRecordPage *page)
{
	if (page->told_total && scan->requests.nparameters == 0 && scan->requests.after == 0)
		bcd_total_note(scan->table->serverid, scan->table->resource, page->page.total);
}

/* Reads the page that was asked for. */
static void
take_page(BcdForeignScan *scan)
{
	BcdScanReply reply;
	char	   *path;
	char		why[256];
	char	   *body;
	Size		len;

	MemoryContextReset(scan->page_cxt);
	path = bcd_requests_path(&scan->requests);
	body = bcd_channel_take(scan->channel, &reply, &len);
	scan->asked = false;
	scan->calls += reply.calls;
	scan->pages++;
	scan->waited_ms += reply.waited_ms;
	scan->quota = reply.quota;
	scan->quota_left = reply.quota_left;
	bcd_calls_made(reply.calls);
	bcd_record_page_read(&scan->page, scan->table, path, reply.status, body, len);
	note_total(scan, &scan->page);
	if (scan->requests.counts && !scan->page.told_total)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("the store does not say how many records foreign table \"%s\" has", scan->table->name),
				 errdetail("The request was GET %s.", path)));
	if (scan->requests.counts)
	{
		scan->total += scan->page.page.total;
		scan->page.n = 0;
	}
	if (!bcd_requests_took(&scan->requests, &scan->page.page, scan->page.ascends, why, sizeof(why)))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("foreign table \"%s\" cannot be read: %s", scan->table->name, why),
				 errdetail("The request was GET %s.", path)));
	if (!scan->requests.over && !(scan->flags & BCD_SCAN_BOUNDED))
		bcd_calls_check(scan->table, path, bcd_requests_left(&scan->requests));
}

/* Is there something to return without waiting? */
bool
bcd_scan_is_ready(BcdForeignScan *scan)
{
	return !scan->asked || scan->page.next < scan->page.n || bcd_channel_look(scan->channel);
}

/* Was a record returned before? */
static bool
was_seen(BcdForeignScan *scan, JsonbValue *record)
{
	int64		id;
	bool		found = false;

	if (scan->seen && bcd_record_id(record->val.binary.data, scan->table->resource, &id))
		(void) hash_search(scan->seen, &id, HASH_ENTER, &found);
	return found;
}

/* Returns the next record of a scan that was started, or NULL. */
JsonbValue *
bcd_scan_record(BcdForeignScan *scan)
{
	for (;;)
	{
		MemoryContext old;
		JsonbValue *record;

		/* the store works on the next page meanwhile */
		if (!scan->nothing && !scan->asked && !scan->requests.over && scan->page.next >= scan->page.n / 2)
			ask(scan);
		if (scan->page.next >= scan->page.n)
		{
			if (!scan->asked)
				return NULL;
			scan->starved = !scan->waits && !bcd_channel_look(scan->channel);
			if (scan->starved)
				return NULL;
			old = MemoryContextSwitchTo(scan->page_cxt);
			take_page(scan);
			MemoryContextSwitchTo(old);
			continue;
		}
		record = bcd_record_at(&scan->page, scan->page.next++);
		if (!was_seen(scan, record))
			return record;
	}
}

/* Ends what is under way. */
void
bcd_scan_stop(BcdForeignScan *scan)
{
	if (scan->channel)
		bcd_channel_close(scan->channel);
	scan->channel = NULL;
	scan->asked = false;
}
