/*
 * served_reply.c
 *		Sends replies to the sessions that have asked.
 *
 * A reply stays in the worker until the session has taken the last part of it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "http/http.h"
#include "lib/stringinfo.h"
#include "scan/served.h"

/* What sessions have not taken yet; no more is asked for meanwhile */
#define MOST_HELD		(256 * 1024 * 1024)

static Size held = 0;			/* bytes of such replies */

static void
free_request(BcdScan *scan)
{
	if (scan->request)
		bcd_http_free(scan->request);
	scan->request = NULL;
}

/* Is there so much that sessions have not taken that no more should be asked for? */
bool
bcd_served_too_much(void)
{
	return held > MOST_HELD;
}

/* The session has gone before it took its reply. */
void
bcd_served_drop_reply(BcdScan *scan)
{
	if (scan->stage == REPLYING)
		held -= scan->len;
	free_request(scan);
}

/* Replies with a body, which stays where it is until all of it is sent. */
void
bcd_served_reply(BcdScan *scan, int sqlerrcode, char *body, Size len)
{
	scan->reply.sqlerrcode = sqlerrcode;
	scan->body = body;
	scan->len = len;
	held += len;
	scan->stage = REPLYING;
}

/* Replies with an error: message, detail and hint, each with its NUL. */
void
bcd_served_error(BcdScan *scan, int sqlerrcode, const char *message, const char *detail, const char *hint)
{
	MemoryContext old = MemoryContextSwitchTo(scan->page);
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, message, strlen(message) + 1);
	appendBinaryStringInfo(&text, detail ? detail : "", detail ? strlen(detail) + 1 : 1);
	appendBinaryStringInfo(&text, hint ? hint : "", hint ? strlen(hint) + 1 : 1);
	MemoryContextSwitchTo(old);
	bcd_served_reply(scan, sqlerrcode, text.data, text.len);
}

/* Sends as much of a reply as there is room for. */
void
bcd_served_send(BcdScan *scan)
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
	held -= scan->len;
	free_request(scan);
	scan->gone |= result == SHM_MQ_DETACHED;
	scan->stage = IDLE;
}
