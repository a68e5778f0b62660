/*
 * refused_request.c
 *		The request that a row failed with, for bcdelta.result.
 *
 * Whoever has to mend a row wants to see what the store has refused.  Of a
 * request for several rows, only this row's part is kept.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "engine/refused_request.h"
#include "engine/riders.h"
#include "payload/task.h"

/* A longer body is left out: it would not be read, and takes space */
#define BODY_BYTES	(64 * 1024)

/* Returns the item's part of the body as JSON, or NULL. */
static const char *
body_of(const BcdJob *job, const BcdItem *item)
{
	const char *body = NULL;
	Jsonb	   *part;

	if (job->nitems == 1)
		body = job->request->body;
	else if (job->request->body && item->body)
	{
		part = bcd_fields_with_riders(item->body, item->tasks, bcd_has_riders(item, job->stage) ? item->sends : 0);
		body = JsonbToCString(NULL, &part->root, VARSIZE(part));
	}
	return body && strlen(body) <= BODY_BYTES ? body : NULL;
}

/*
 * Returns the method, path and body of a job's request as a JSON object, in the
 * context of the item.
 */
char *
bcd_refused_request(const BcdJob *job, const BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	const char *base = job->run->store->options->base_url;
	const char *path = job->request->url;
	const char *body = body_of(job, item);
	StringInfoData json;

	if (strncmp(path, base, strlen(base)) == 0)
		path += strlen(base);
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"method\": ");
	escape_json(&json, job->request->method);
	appendStringInfoString(&json, ", \"path\": ");
	escape_json(&json, path);
	if (body)
		appendStringInfo(&json, ", \"body\": %s", body);
	appendStringInfoChar(&json, '}');
	MemoryContextSwitchTo(old);
	return json.data;
}
