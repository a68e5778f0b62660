/*
 * estimate.c
 *		bcdelta.estimate(): what a push would take, before anything is sent.
 *
 * Rows are looked at as preview() does, all of a feed if there are few, else
 * some that are chosen at random; nothing is asked of the store.  Requests are
 * counted by endpoint and by the sizes of batches.  What only replies can show
 * is not in it: batches that are refused, records that are found instead of
 * created, and requests that are repeated.
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
#include "engine/stage.h"
#include "feed/feed.h"
#include "feed/mapping.h"
#include "feed/mapping_guard.h"
#include "feed/policy.h"
#include "functions/args.h"
#include "functions/preview.h"
#include "pacing/estimate.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "store/quota_seen.h"
#include "store/store.h"
#include "tables/feed.h"
#include "tables/pending.h"
#include "tables/tally.h"
#include "tables/total.h"

/* So many rows of a feed are all looked at; of more, so many */
#define FEW_ROWS		1000
#define SAMPLE_ROWS		500

/* In the worker, rows are looked at no longer than that, those of all feeds together */
#define WORKER_PATIENCE_MS	3000

#define MAX_ENDPOINTS	100
#define ESTIMATE_COLUMNS	7

PG_FUNCTION_INFO_V1(bcdelta_estimate);

/* Records that an endpoint is needed for */
typedef struct Use
{
	const BcdEndpoint *endpoint;
	int			batch;
	double		records;
} Use;

typedef struct Estimate
{
	double		rows;
	double		creates;
	double		updates;
	double		deletes;
	double		lists;			/* requests that read a whole list */
	Use			uses[MAX_ENDPOINTS];
	int			nuses;
	int64		looked_at;
	bool		sampled;		/* some rows were not looked at */
	int64		until;			/* monotonic ms, when there is no time left */
	List	   *unread;			/* feeds of others */
	List	   *late;			/* feeds for which there was no time */
	List	   *paused;
} Estimate;

static void
use(Estimate *e, const BcdEndpoint *endpoint, int batch, double records)
{
	int			i;

	if (endpoint == NULL)
		return;
	for (i = 0; i < e->nuses && (e->uses[i].endpoint != endpoint || e->uses[i].batch != batch); i++)
		;
	if (i == MAX_ENDPOINTS)
		return;
	if (i == e->nuses)
	{
		Use			fresh = {endpoint, Max(batch, 1), 0};

		e->uses[e->nuses++] = fresh;
	}
	e->uses[i].records += records;
}

/* Returns the most records that the feed sends to an endpoint at a time. */
static int
batch_of(const BcdFeed *feed, const BcdEndpoint *endpoint, bool of_record)
{
	int64		wanted = feed->options.batch_size;

	if (of_record && wanted > 0 && (wanted < endpoint->batch || endpoint->assumed))
		return (int) Min(wanted, BCD_PAGE_LIMIT);
	return endpoint->batch;
}

/* A new record is looked for first, by its natural key. */
static void
use_lookup(Estimate *e, const BcdResource *r, double weight)
{
	if (r->upserts || r->guarded || r->small || r->keys == NULL)
		return;
	if (r->keys->many.endpoint)
		use(e, r->keys->many.endpoint, r->keys->many.endpoint->batch, weight);
	else
		use(e, r->keys->one.endpoint, 1, weight);
}

static void
use_stage(Estimate *e, const BcdFeed *feed, BcdStage stage, double weight)
{
	const BcdEndpoint *endpoint = bcd_stage_endpoint(feed->resource, stage);

	if (endpoint)
		use(e, endpoint, batch_of(feed, endpoint, true), weight);
}

/* Counts a row of which only the link is known. */
static void
add_unread(Estimate *e, const BcdFeed *feed, bool linked, double weight)
{
	*(linked ? &e->updates : &e->creates) += weight;
	use_stage(e, feed, linked ? BCD_UPDATE : BCD_CREATE, weight);
	if (!linked)
		use_lookup(e, feed->resource, weight);
}

/* Counts a row, and the rows that it stands for. */
static void
add_row(Estimate *e, const BcdFeed *feed, const BcdPreview *p, double weight)
{
	ListCell   *lc;

	/* a push of all feeds writes it once the row that it refers to is there */
	if (strcmp(p->action, "deferred") == 0)
	{
		add_unread(e, feed, p->linked, weight);
		return;
	}
	if (strcmp(p->action, "create") == 0)
	{
		e->creates += weight;
		use_lookup(e, feed->resource, weight);
	}
	else if (strcmp(p->action, "update") == 0)
	{
		e->updates += weight;
		if (feed->on_conflict != BCD_POLICY_SOURCE || (feed->policies && JB_ROOT_COUNT(feed->policies) > 0))
			use(e, feed->resource->view.endpoint, feed->resource->view.endpoint ? feed->resource->view.endpoint->batch : 1, weight);
	}
	else if (strcmp(p->action, "delete") == 0 || strcmp(p->action, "hide") == 0)
		e->deletes += weight;
	foreach(lc, p->tasks)
	{
		const BcdTask *task = lfirst(lc);
		const BcdAction *action = feed->options.creates_singly ? task->action : bcd_action_for_many(task->action, task->fields);

		use(e, action->endpoint, batch_of(feed, action->endpoint, task->facet == feed->resource->facets), weight);
	}
}

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
choose_rows(const BcdFeed *feed, double *total)
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
	if (counted > FEW_ROWS)
	{
		bcd_spi_begin(&rights);
		MemoryContextSwitchTo(cxt);
		keys = bcd_pending_some(feed->name, SAMPLE_ROWS, counted);
		bcd_spi_end(&rights);
	}
	return keys;
}

/* Of the rows that were chosen, only some were looked at: they stand for all. */
static void
scale(Estimate *e, const Estimate *before, double factor)
{
	int			i;

	e->creates = before->creates + (e->creates - before->creates) * factor;
	e->updates = before->updates + (e->updates - before->updates) * factor;
	e->deletes = before->deletes + (e->deletes - before->deletes) * factor;
	for (i = 0; i < e->nuses; i++)
	{
		double		was = i < before->nuses ? before->uses[i].records : 0;

		e->uses[i].records = was + (e->uses[i].records - was) * factor;
	}
}

static void
look_at_rows(Estimate *e, BcdFeed *feed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta estimate", ALLOCSET_DEFAULT_SIZES);
	int			guc_level = bcd_preview_begin();
	Estimate	before = *e;
	int			looked = 0;
	double		total;
	List	   *keys = choose_rows(feed, &total);
	double		weight = total / Max(list_length(keys), 1);
	ListCell   *lc;

	foreach(lc, keys)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		BcdPreview	p = {0};

		CHECK_FOR_INTERRUPTS();
		bcd_preview_row(feed, (char *) lfirst(lc), &p);
		add_row(e, feed, &p, weight);
		MemoryContextSwitchTo(old);
		MemoryContextReset(cxt);
		looked++;
		if (bcd_now_ms() > e->until)
			break;
	}
	if (looked < list_length(keys))
		scale(e, &before, (double) list_length(keys) / looked);
	e->rows += total;
	e->looked_at += looked;
	e->sampled |= total > looked;
	if (feed->resource->small && e->creates > before.creates)
		e->lists++;
	bcd_preview_end(guc_level);
}

/* The mapping is not evaluated here: of somebody else's feed, or for lack of time. */
static void
look_at_links(Estimate *e, BcdFeed *feed, List **why)
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
	add_unread(e, feed, false, (double) total * unlinked / n);
	add_unread(e, feed, true, (double) total * (n - unlinked) / n);
}

static void
add_feed(Estimate *e, const char *name, bool alone)
{
	BcdFeed    *feed = bcd_feed_load(name, false);

	if (alone)
		bcd_feed_check_owner(feed, "estimate a push of");
	if (feed->halt == BCD_HALT_STORE && alone)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" is paused: %s", feed->name, feed->paused_reason)));
	if (feed->paused && !alone)
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
rounded(const Estimate *e, double n)
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
basis_of(const Estimate *e, const BcdQuota *q, bool quota_known, double latency)
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
	Estimate	e = {0};
	double		calls = 0;
	double		latency;
	BcdRights	rights;
	BcdQuota	q;
	TupleDesc	desc;
	List	   *names;
	ListCell   *lc;
	bool		known;
	int			i;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	names = bcd_feeds_of(server, feed);
	bcd_spi_end(&rights);
	e.until = bcd_guard_in_worker() ? bcd_now_ms() + WORKER_PATIENCE_MS : PG_INT64_MAX;
	foreach(lc, names)
		add_feed(&e, lfirst(lc), feed != NULL);
	for (i = 0; i < e.nuses; i++)
		calls += ceil(e.uses[i].records / e.uses[i].batch);
	calls += e.lists;
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
