/*
 * job.c
 *		Jobs: one request and the items it is for.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/job.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "engine/store_state.h"
#include "http/http.h"
#include "payload/url.h"
#include "tables/total.h"

/*
 * Creates a job of a lane, with a request that is not sent yet. path is
 * relative to the store's /v3 unless it begins with /v2/.  If method is NULL,
 * the job has no request and only has to be settled.
 */
BcdJob *
bcd_job_create(BcdLane *lane, BcdStage stage, const char *method, const char *path,
			   const char *body)
{
	BcdJob	   *job = MemoryContextAllocZero(lane->cxt, sizeof(BcdJob));

	job->run = lane->run;
	job->lane = lane;
	job->stage = stage;
	job->writes = lane->gates->gate[stage].writes;
	job->reads = lane->gates->gate[stage].reads;
	job->endpoint = lane->gates->gate[stage].endpoint;
	job->removals = lane->run->removals;
	job->limit = bcd_batch_limit(lane, stage);
	dlist_init(&job->items);
	if (method)
	{
		const char *version = bcd_url_version(path);
		char	   *url = psprintf("%s%s%s", lane->run->store->options->base_url, version, path);

		job->bare = version[0] == '\0';
		job->request = bcd_http_request(method, url, body);
		job->request->owner = job;
		pfree(url);
	}
	return job;
}

/* Moves an item from its queue into a job. */
void
bcd_job_take(BcdJob *job, BcdItem *item)
{
	dlist_push_tail(&job->items, &item->node);
	job->nitems++;
}

void
bcd_job_free(BcdJob *job)
{
	if (job->request)
		bcd_http_free(job->request);
	if (job->reply)
		cJSON_Delete(job->reply);
	if (job->error_text)
		pfree(job->error_text);
	if (job->prepared)
		pfree(job->prepared);
	pfree(job);
}

/*
 * Counts the request of a job, in the transaction that records its outcome. Its
 * path is that of the endpoint, without ids.
 */
void
bcd_job_count(const BcdJob *job)
{
	const BcdHttpRequest *r = job->request;
	BcdTotal	total = {.server = job->lane->feed->server,.what = "request",.n = 1};

	if (r == NULL)
		return;
	total.label = psprintf("%s %s", r->method, job->endpoint ? job->endpoint->path : "other");
	total.code = bcd_status_class(r);
	total.bucket = bcd_total_bucket(r->seconds);
	total.seconds = r->seconds;
	bcd_total_add(&total);
}
