/*
 * preflight.c
 *		The run that asks whether a store would take what feeds send.
 *
 * It makes the requests that bcdelta.preflight() needs, and no others: what a
 * token may read and write, by scope, and lists of what feeds depend on. Feeds
 * of one owner share them.  It reads no row, and whatever the store answers is
 * an answer: no feed is paused.  How writing is tried without writing: see
 * resource/scope.c.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/engine.h"
#include "engine/job.h"
#include "feed/feed_needs.h"
#include "pacing/other_clients.h"
#include "pacing/quota.h"
#include "resource/name_list.h"
#include "resource/scope.h"
#include "store/verdict.h"
#include "tables/preflight_reply.h"
#include "verbs/kinds.h"

/* A store that does not answer so many times in a row is not asked on */
#define MOST_FAILURES	2

/* What is asked for */
typedef enum Asked
{
	READING,
	WRITING,
	LISTING,
	ASKED
} Asked;

/* What a lane has to ask, and has yet to ask, as bits of scopes or lists */
typedef struct BcdProbes
{
	uint32		all[ASKED];
	uint32		left[ASKED];
	int			failures;		/* in a row */
} BcdProbes;

/* Finds out what a new lane has to ask, and no earlier one asks. */
static void
begin(BcdLane *lane)
{
	const BcdRun *run = lane->run;
	BcdProbes  *probes = MemoryContextAllocZero(lane->cxt, sizeof(BcdProbes));
	uint32		scopes = bcd_feed_scopes(lane->feed);
	const BcdScope *scope;
	int			n;
	int			i;

	for (n = 0; (scope = bcd_scope_nth(n)) != NULL; n++)
	{
		uint32		bit = scopes & ((uint32) 1 << n);

		probes->all[READING] |= scope->reads ? bit : 0;
		probes->all[WRITING] |= scope->writes ? bit : 0;
	}
	probes->all[LISTING] = bcd_feed_lists(lane->feed);
	for (n = 0; n < ASKED; n++)
	{
		probes->left[n] = probes->all[n];
		for (i = 0; i < run->nlanes; i++)
			if (run->lanes[i]->feed->owner == lane->feed->owner)
				probes->left[n] &= ~run->lanes[i]->probes->all[n];
	}
	lane->probes = probes;
}

/* Returns what a lane asks next, or false. */
static bool
next(const BcdLane *lane, Asked *asked, int *nth)
{
	int			a;

	for (a = 0; a < ASKED; a++)
	{
		uint32		left = lane->probes->left[a];

		if (left == 0)
			continue;
		for (*nth = 0; (left & ((uint32) 1 << *nth)) == 0; (*nth)++)
			;
		*asked = a;
		return true;
	}
	return false;
}

static bool
preflight_asks(const BcdLane *lane)
{
	Asked		asked;
	int			nth;

	return next(lane, &asked, &nth);
}

/* Asks it; a list is short, so its first page will do. */
static BcdJob *
preflight_plan(BcdRun *run, BcdLane *lane)
{
	BcdJob	   *job;
	Asked		asked;
	int			nth;

	if (!next(lane, &asked, &nth))
		return NULL;
	if (asked == LISTING)
	{
		const BcdNameList *list = bcd_names_nth(nth);

		job = bcd_job_create(lane, BCD_READ, "GET", list->query ? psprintf("%s?%s", list->path, list->query) : list->path, NULL);
	}
	else if (asked == READING)
		job = bcd_job_create(lane, BCD_READ, "GET", bcd_scope_nth(nth)->reads, NULL);
	else
		job = bcd_job_create(lane, BCD_READ, "PUT", bcd_scope_nth(nth)->writes, bcd_scope_nth(nth)->body);
	job->probe = true;
	job->endpoint = NULL;
	job->found[0] = asked;
	job->found[1] = nth;
	return job;
}

/* What was asked for, as bcdelta.preflight_reply has it */
static char *
words(const BcdJob *job)
{
	if (job->found[0] == LISTING)
		return psprintf("list %s", bcd_names_nth(job->found[1])->resource);
	return psprintf("%s %s", job->found[0] == READING ? "read" : "write", bcd_scope_nth(job->found[1])->name);
}

/* After the commit: this was answered.  With a refused token, nothing else is asked. */
static void
answered(BcdJob *job)
{
	BcdRun	   *run = job->run;
	int			i;

	job->lane->probes->left[job->found[0]] &= ~((uint32) 1 << job->found[1]);
	for (i = 0; job->request->status == 401 && i < run->nlanes; i++)
		if (run->lanes[i]->feed->owner == job->lane->feed->owner)
			memset(run->lanes[i]->probes->left, 0, sizeof(run->lanes[i]->probes->left));
}

/* Notes what the store has told of itself so far. */
static void
note_store(const BcdRun *run)
{
	const BcdQuota *q = &run->store->quota;
	BcdStoreTold told = {0};

	told.quota_known = q->window_ms > 0;
	told.quota = q->quota;
	told.window_ms = q->window_ms;
	told.share = q->share;
	told.others = bcd_others_share(&q->others, q->quota);
	told.others_now = q->others.sure;
	told.clock_known = run->store->clock.known;
	told.offset_ms = run->store->clock.offset_ms;
	told.round_trip_ms = run->store->clock.round_trip_ms;
	bcd_preflight_store(run->run_id, &told);
}

/* Ends the run if the store does not answer. */
static void
note_failure(BcdJob *job)
{
	BcdRun	   *run = job->run;
	const BcdHttpRequest *r = job->request;

	if (++job->lane->probes->failures < MOST_FAILURES)
		return;
	run->error = MemoryContextStrdup(run->cxt, r->fate == BCD_HTTP_REPLIED ? psprintf("the store answers with status %ld", r->status) :
									 psprintf("the store does not answer: %s", r->error));
}

/* Whatever the store says is an answer, unless it asks to come again later. */
static void
preflight_replied(BcdJob *job)
{
	const BcdHttpRequest *r = job->request;
	BcdVerdict	verdict = bcd_retry_verdict(r->fate, r->status);
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(job->reply, "data");
	char	   *list;

	if (verdict == BCD_TROUBLE)
		note_failure(job);
	if (verdict == BCD_TROUBLE || verdict == BCD_AGAIN)
		return;
	job->lane->probes->failures = 0;
	list = job->found[0] == LISTING && data ? cJSON_PrintUnformatted(data) : NULL;
	bcd_preflight_replied(job->run->run_id, job->lane->feed->owner, words(job), r->status, list);
	cJSON_free(list);
	note_store(job->run);
	job->taken = answered;
}

const BcdRunKind bcd_preflight_kind = {
	.name = "preflight",
	.asks_only = true,
	.begin = begin,
	.plan = preflight_plan,
	.asks = preflight_asks,
	.replied = preflight_replied,
};
