/*
 * reply_stop.c
 *		Replies that concern more than the rows of their request: feeds and runs
 *		that are stopped because of them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/adjust.h"
#include "engine/engine.h"
#include "engine/item.h"
#include "engine/lane.h"
#include "engine/reply_stop.h"
#include "store/verdict.h"
#include "tables/feed_state.h"

void
bcd_stop_feed(BcdLane *lane, char *reason)
{
	Datum		name = CStringGetTextDatum(lane->feed->name);

	bcd_feeds_pause_also(bcd_array(TEXTOID, &name, NULL, 1), reason);
	bcd_lane_stop(lane, reason);
}

/* Stops the feeds of a job's items, some of which may already be decided. */
void
bcd_stop_feeds(BcdJob *job, char *reason)
{
	BcdLane    *last = NULL;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->lane != last && !item->decision.made)
			bcd_stop_feed(last = item->lane, reason);
	}
}

/*
 * Pauses a lane's feed after error_limit consecutive refused records, unless it
 * is stopped: requests that are under way then are refused as well, and nobody
 * needs to be told of each.
 */
static void
check_lane(BcdJob *job, BcdLane *lane)
{
	int			limit = lane->run->store->options->error_limit;
	int			refused = lane->refused;
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->lane != lane)
			continue;
		refused = bcd_refused_in_a_row(refused, &item->decision);
		if (item->decision.refused && refused >= limit && !lane->stopped)
			bcd_stop_feed(lane, psprintf("%d consecutive records were refused by the store, most recently: %s",
										 limit, item->decision.error));
	}
}

/* Called after the items of a job were decided. */
void
bcd_check_refusals(BcdJob *job)
{
	bool		any = false;
	dlist_iter	iter;
	int			i;

	bcd_adjust_judge(job);
	dlist_foreach(iter, &job->items)
		any |= dlist_container(BcdItem, node, iter.cur)->decision.refused;
	for (i = 0; any && i < job->run->nlanes; i++)
		check_lane(job, job->run->lanes[i]);
}

/* Adds what the user has to do about a reply; in the transaction's memory. */
char *
bcd_with_advice(BcdJob *job, char *text)
{
	const char *advice = bcd_retry_advice(job->request->status);
	int			len = strlen(text);

	while (len > 0 && text[len - 1] == '.')
		len--;
	return advice ? psprintf("%.*s. %s", len, text, advice) : text;
}

/*
 * The store refuses us as a whole (a token, an address).  The run ends, and
 * all feeds with that token are paused, or all feeds.  This includes feeds
 * with nothing to push now: otherwise the next run would look successful.  Their
 * reason says it all, and lasts until somebody resumes them, so the store is not
 * in trouble besides.
 */
void
bcd_stop_store(BcdJob *job, char *text)
{
	BcdRun	   *run = job->run;
	char	   *reason = bcd_with_advice(job, text);
	Datum	   *names = palloc(sizeof(Datum) * run->nlanes);
	int			n = 0;
	int			i;

	for (i = 0; i < run->nlanes; i++)
	{
		if (job->request->status == 401 && strcmp(run->lanes[i]->gates->token, job->lane->gates->token) != 0)
			continue;
		names[n++] = CStringGetTextDatum(run->lanes[i]->feed->name);
		bcd_lane_stop(run->lanes[i], reason);
	}
	/* people hear of them together */
	bcd_feeds_pause_also(bcd_array(TEXTOID, names, NULL, n), reason);
	if (run->error == NULL)
		run->error = MemoryContextStrdup(run->cxt,
										 psprintf("feed \"%s\" was paused: %s",
												  job->lane->feed->name, reason));
}
