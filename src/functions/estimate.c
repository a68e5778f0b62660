/*
 * estimate.c
 *		bcdelta.estimate(): what a push would take, before anything is sent.
 *
 * Rows are looked at as preview() does, all of a feed if there are few, else
 * some that are chosen at random; nothing is asked of the store.  Requests are
 * counted by endpoint and by the sizes of batches, with the lists that are read
 * first, and what else comes before a record: estimate_choices.c.  What only
 * replies can show is not in it: batches that are refused, and requests that are
 * repeated.  Nor can it be known which new records will be found in the store,
 * so there is a second figure, if all of them are.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/roles.h"
#include "feed/feed.h"
#include "feed/mapping.h"
#include "feed/mapping_guard.h"
#include "feed/named.h"
#include "functions/args.h"
#include "functions/estimate_choices.h"
#include "functions/estimate_count.h"
#include "functions/preview.h"
#include "pacing/estimate.h"
#include "resource/name_list.h"
#include "resource/resource.h"
#include "store/quota_seen.h"
#include "store/store.h"
#include "tables/directory.h"
#include "tables/feed.h"
#include "tables/pending.h"
#include "tables/tally.h"
#include "tables/total.h"

/* So many rows of a feed are all looked at; of more, so many */
#define FEW_ROWS		1000
#define SAMPLE_ROWS		500

/* In the worker, rows are looked at no longer than that, those of all feeds together */
#define WORKER_PATIENCE_MS	3000

#define ESTIMATE_COLUMNS	7

PG_FUNCTION_INFO_V1(bcdelta_estimate);

/* Returns the number of rows that a push of the feed would look at, as far as that is counted. */
static int64
count_rows(const BcdFeed *feed)
{
	static const char *const states[] = {"ready", "waiting", "in_flight", "deferred"};
	const char *name = feed->name;
	BcdRights	rights;
	int64		n;

	bcd_spi_begin(&rights);
	n = bcd_tally_of(&name, 1, states, lengthof(states));
	bcd_spi_end(&rights);
	return n;
}

/* Returns the keys of rows to look at; sets *total to the number that they stand for. */
static List *
choose_rows(BcdEstimate *e, const BcdFeed *feed, double *total)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64		counted = count_rows(feed);
	List	   *keys = NIL;
	BcdRights	rights;

	if (counted <= FEW_ROWS)
		keys = bcd_preview_pending(feed, FEW_ROWS + 1);
	if (counted <= FEW_ROWS && list_length(keys) <= FEW_ROWS)
	{
		*total = list_length(keys);
		return keys;
	}
	*total = Max(counted, list_length(keys));
	if (counted <= FEW_ROWS)
		e->ahead = lappend(e->ahead, pstrdup(feed->name));
	if (counted > FEW_ROWS)
	{
		bcd_spi_begin(&rights);
		MemoryContextSwitchTo(cxt);
		keys = bcd_pending_some(feed->name, SAMPLE_ROWS, counted);
		bcd_spi_end(&rights);
	}
	return keys;
}

/* Counts the requests that read lists of names, each once in a push. */
static void
add_lists(BcdEstimate *e, const BcdFeed *feed, uint32 wanted)
{
	const BcdNameList *list;
	BcdRights	rights;
	int64		n;
	int			i;

	for (i = 0; (list = bcd_names_nth(i)) != NULL; i++)
	{
		uint32		bit = bcd_names_bit(list);

		if ((wanted & bit) == 0 || (e->listed & bit) != 0)
			continue;
		bcd_spi_begin(&rights);
		n = bcd_directory_count(feed->server, feed->server_store ? feed->server_store : "", list->resource);
		bcd_spi_end(&rights);
		if (n == 0 && !list->whole)
			e->unlisted = lappend(e->unlisted, (char *) list->resource);
		e->others += list->whole ? 1 : Max((n + BCD_PAGE_LIMIT - 1) / BCD_PAGE_LIMIT, 1);
		e->listed |= bit;
	}
}

static void
look_at_rows(BcdEstimate *e, BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta estimate", ALLOCSET_DEFAULT_SIZES);
	int			guc_level = bcd_preview_begin();
	BcdEstimate before = *e;
	int			looked = 0;
	double		total;
	List	   *keys = choose_rows(e, feed, &total);
	double		weight = total / Max(list_length(keys), 1);
	BcdChoiceCounts *choices = bcd_choice_counts(CurrentMemoryContext);
	BcdLists	lists = {NULL, 0};
	ListCell   *lc;
	ListCell   *task;

	feed->lists = &lists;
	foreach(lc, keys)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		BcdPreview	p = {0};

		CHECK_FOR_INTERRUPTS();
		bcd_preview_row(feed, (char *) lfirst(lc), &p);
		bcd_estimate_add_row(e, feed, &p, weight);
		foreach(task, p.tasks)
			bcd_choice_counts_add(choices, feed, &p, lfirst(task));
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		looked++;
		if (bcd_now_ms() > e->until)
			break;
	}
	if (looked < list_length(keys))
		bcd_estimate_scale(e, &before, (double) list_length(keys) / looked);
	e->rows += total;
	e->looked_at += looked;
	e->sampled |= total > looked;
	if (feed->resource->small && e->creates > before.creates)
		e->others++;
	add_lists(e, feed, lists.wanted);
	e->made += bcd_choice_counts_calls(choices, total / Max(looked, 1));
	feed->lists = NULL;
	bcd_preview_end(guc_level);
}

/* The mapping is not evaluated here: of somebody else's feed, or for lack of time. */
static void
look_at_links(BcdEstimate *e, BcdFeed *feed, List **why)
{
	int64		total = count_rows(feed);
	BcdRights	rights;
	int64		n;
	int64		unlinked;

	bcd_spi_begin(&rights);
	unlinked = bcd_pending_unlinked(feed->name, SAMPLE_ROWS, &n);
	bcd_spi_end(&rights);
	e->rows += total;
	*why = lappend(*why, pstrdup(feed->name));
	if (n == 0)
		return;
	bcd_estimate_add_unread(e, feed, false, (double) total * unlinked / n);
	bcd_estimate_add_unread(e, feed, true, (double) total * (n - unlinked) / n);
}

static void
add_feed(BcdEstimate *e, const char *name)
{
	BcdFeed    *feed = bcd_feed_load(name, false);

	if (e->alone)
		bcd_feed_check_owner(feed, "estimate a push of");
	if (feed->halt == BCD_HALT_STORE && e->alone)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" is paused: %s", feed->name, feed->paused_reason)));
	if (feed->paused && !e->alone)
		e->paused = lappend(e->paused, pstrdup(name));
	else if (!bcd_may_act_for(feed->owner))
		look_at_links(e, feed, &e->unread);
	else if (bcd_now_ms() > e->until)
		look_at_links(e, feed, &e->late);
	else
	{
		bcd_mapping_check(feed);
		look_at_rows(e, feed);
	}
	bcd_feed_free(feed);
}

/* Rounds to three digits, unless the number is exact. */
static int64
rounded(const BcdEstimate *e, double n)
{
	double		unit = 1;

	while (e->sampled && n / unit >= 1000)
		unit *= 10;
	return (int64) (rint(n / unit) * unit);
}

static void
append_names(StringInfo text, List *names, const char *words)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (lc == list_head(names))
			appendStringInfo(text, "; %s: ", words);
		else
			appendStringInfoString(text, ", ");
		appendStringInfo(text, "\"%s\"", (char *) lfirst(lc));
	}
}

/* How exact it is, in words */
static char *
basis_of(const BcdEstimate *e, const BcdQuota *q, bool quota_known, double latency)
{
	StringInfoData text;

	initStringInfo(&text);
	if (e->sampled)
		appendStringInfo(&text, INT64_FORMAT " rows were looked at, chosen at random: within about %d %%", e->looked_at,
						 (int) ceil(100 / sqrt(e->looked_at)));
	else
		appendStringInfo(&text, "all rows were looked at (" INT64_FORMAT ")", e->looked_at);
	append_names(&text, e->unread, "only the links of feeds that belong to others");
	append_names(&text, e->late, "for lack of time, only the links of");
	append_names(&text, e->paused, "without feeds that are paused");
	append_names(&text, e->ahead, "without changes of the last moments that the worker has not taken in yet");
	append_names(&text, e->unlisted, "lists that no push has read yet, taken to have one page");
	if (e->sought > 0)
		appendStringInfo(&text, "; " INT64_FORMAT " %s without a record %s looked for in the store: if %s there, " INT64_FORMAT " calls",
						 rounded(e, e->sought), rint(e->sought) == 1 ? "row" : "rows", rint(e->sought) == 1 ? "is" : "are",
						 rint(e->sought) == 1 ? "it is" : "all of them are", rounded(e, bcd_estimate_calls(e, true)));
	if (!quota_known)
		appendStringInfo(&text, "; the quota of the store is not known yet: %d requests in %d seconds are assumed", BCD_USUAL_QUOTA, BCD_USUAL_WINDOW_MS / 1000);
	else if (q->quota > 0)
		appendStringInfo(&text, "; quota: " INT64_FORMAT " requests in %g seconds", (int64) (q->quota * q->share), q->window_ms / 1000.0);
	if (latency == 0)
		appendStringInfoString(&text, "; a request is assumed to take a quarter of a second");
	return text.data;
}

static double
latency_of(const char *server)
{
	BcdRights	rights;
	double		latency;

	bcd_spi_begin(&rights);
	latency = bcd_total_latency(server);
	bcd_spi_end(&rights);
	return latency;
}

/* bcdelta.estimate(server, feed) */
Datum
bcdelta_estimate(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *feed = bcd_arg_text(fcinfo, 1);
	char	   *server = bcd_target(feed, bcd_arg_name(fcinfo, 0));
	BcdStoreOptions *options = bcd_store_options(bcd_store_check(server, GetUserId()));
	Datum		values[ESTIMATE_COLUMNS];
	bool		nulls[ESTIMATE_COLUMNS] = {false};
	BcdEstimate e = {0};
	double		calls;
	double		latency;
	BcdRights	rights;
	BcdQuota	q;
	TupleDesc	desc;
	List	   *names;
	ListCell   *lc;
	bool		known;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	names = bcd_feeds_of(server, feed);
	bcd_spi_end(&rights);
	e.until = bcd_guard_in_worker() ? bcd_now_ms() + WORKER_PATIENCE_MS : PG_INT64_MAX;
	e.alone = feed != NULL;
	foreach(lc, names)
		add_feed(&e, lfirst(lc));
	calls = bcd_estimate_calls(&e, false);
	known = bcd_quota_seen(options, &q);
	latency = latency_of(server);
	values[0] = Int64GetDatum((int64) rint(e.rows));
	values[1] = Int64GetDatum(rounded(&e, e.creates));
	values[2] = Int64GetDatum(rounded(&e, e.updates));
	values[3] = Int64GetDatum(rounded(&e, e.deletes));
	values[4] = Int64GetDatum(rounded(&e, calls));
	values[5] = Int64GetDatum(bcd_quota_estimate(&q, 0, (int64) calls, latency));
	values[6] = CStringGetTextDatum(basis_of(&e, &q, known, latency));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
