/*
 * http.c
 *		Non-blocking HTTPS requests over one curl multi handle.
 *
 * A request is started, proceeds while the caller waits in bcd_http_wait(),
 * and is returned once by bcd_http_next_done(), whether it succeeded or not.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/clock.h"
#include "http/http.h"
#include "http/sockets.h"
#include "http/transfer.h"
#include "http/transfer_result.h"

#define MAX_CONNECTIONS			128 /* kept open: 16 stores with 8 requests
									 * each */
#define MAX_POOL				64

static CURLM *multi = NULL;
static CURL *pool[MAX_POOL];	/* handles at rest */
static int	pooled = 0;
static int	in_flight = 0;
static BcdHttpTransfer *first_done = NULL;
static BcdHttpTransfer *last_done = NULL;

static void collect_done(void);
static void finish(BcdHttpTransfer *transfer, CURLcode result);
static void release_easy(CURL *easy, bool reuse);

/* Make the multi handle, once; every entry point does it where needed */
void
bcd_http_init(void)
{
	CURLMcode	rc;

	if (multi)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (multi = curl_multi_init()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not initialize libcurl")));
	rc = bcd_sockets_attach(multi);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long) MAX_CONNECTIONS);
	if (rc != CURLM_OK)
	{
		curl_multi_cleanup(multi);
		multi = NULL;
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not set up libcurl: %s", curl_multi_strerror(rc))));
	}
}

/*
 * A request to be started; url and body are copied.  method is a static
 * string.  The caller frees it with bcd_http_free().
 */
BcdHttpRequest *
bcd_http_request(const char *method, const char *url, const char *body)
{
	BcdHttpRequest *request = calloc(1, sizeof(BcdHttpRequest));

	if (request)
	{
		request->method = method;
		request->url = strdup(url);
		request->body = body ? strdup(body) : NULL;
		request->body_len = body ? strlen(body) : 0;
		bcd_transfer_clear_headers(&request->headers);
	}
	if (request == NULL || request->url == NULL || (body && request->body == NULL))
	{
		bcd_http_free(request);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	return request;
}

/*
 * Start a request.  On return, it is in progress or over: a request that could
 * not be started is returned by bcd_http_next_done() like any other. target is
 * not needed afterwards.
 */
void
bcd_http_start(BcdHttpRequest *request, const BcdHttpTarget *target)
{
	BcdHttpTransfer *transfer;
	sigset_t	saved;
	CURLcode	rc;

	bcd_http_init();
	Assert(request->transfer == NULL);
	transfer = calloc(1, sizeof(BcdHttpTransfer));
	if (transfer == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	transfer->request = request;
	request->transfer = transfer;
	request->fate = BCD_HTTP_NOT_SENT;
	request->status = 0;
	request->error[0] = '\0';
	request->reply_len = 0;
	bcd_transfer_clear_headers(&request->headers);
	in_flight++;

	transfer->easy = pooled > 0 ? pool[--pooled] : curl_easy_init();
	rc = transfer->easy ? bcd_transfer_prepare(transfer, target) : CURLE_OUT_OF_MEMORY;
	if (rc == CURLE_OK)
	{
		bcd_sockets_block_signals(&saved);
		if (curl_multi_add_handle(multi, transfer->easy) == CURLM_OK)
			transfer->started = true;
		bcd_sockets_restore_signals(&saved);
	}
	if (transfer->started)
		bcd_sockets_drive(multi);
	else
		finish(transfer, rc != CURLE_OK ? rc : CURLE_FAILED_INIT);
}

/* A request that is over, in order of its end; NULL when there is none */
BcdHttpRequest *
bcd_http_next_done(void)
{
	BcdHttpTransfer *transfer = first_done;
	BcdHttpRequest *request;

	if (transfer == NULL)
		return NULL;
	first_done = transfer->next_done;
	if (first_done == NULL)
		last_done = NULL;
	request = transfer->request;
	request->transfer = NULL;
	free(transfer);
	return request;
}

/* The number of requests in progress, excluding those that are over */
int
bcd_http_in_flight(void)
{
	return in_flight;
}

/*
 * Wait until a request is over, the process latch is set, or timeout_ms have
 * passed (-1: no limit), whichever comes first; without requests in progress,
 * it may return earlier.  A request has many events on its way, and none but
 * the last is worth a turn of the caller's loop.  Exits the process when the
 * postmaster dies.
 *
 * The latch is left set: the caller's loop resets it and checks for
 * interrupts, before it looks for work.
 */
void
bcd_http_wait(long timeout_ms, uint32 wait_event_info)
{
	int64		until = bcd_now_ms() + timeout_ms;
	long		left = timeout_ms;
	bool		latch_is_set;

	bcd_http_init();
	collect_done();
	do
	{
		latch_is_set = bcd_sockets_wait(multi, first_done ? 0 : left, wait_event_info);
		collect_done();
		if (timeout_ms >= 0)
			left = (long) Max(until - bcd_now_ms(), 0);
	} while (first_done == NULL && in_flight > 0 && !latch_is_set && left != 0);
}

/*
 * Stop a request at once.  bcd_http_next_done() will not return it; its fate
 * says whether the store can have seen it.
 */
void
bcd_http_abandon(BcdHttpRequest *request)
{
	BcdHttpTransfer *transfer = request->transfer;
	BcdHttpTransfer **link;

	if (transfer == NULL)
		return;
	if (transfer->easy)
		finish(transfer, CURLE_ABORTED_BY_CALLBACK);

	/* it is already waiting to be fetched */
	last_done = NULL;
	for (link = &first_done; *link;)
	{
		if (*link == transfer)
			*link = transfer->next_done;
		else
		{
			last_done = *link;
			link = &(*link)->next_done;
		}
	}
	request->transfer = NULL;
	free(transfer);
}

/* Free a request, abandoning it first if it is in progress; NULL is allowed */
void
bcd_http_free(BcdHttpRequest *request)
{
	if (request == NULL)
		return;
	bcd_http_abandon(request);
	free(request->url);
	free(request->body);
	free(request->reply);
	free(request);
}

/* Does a URL lead to this machine, so that plain http is safe? */
bool
bcd_http_url_is_loopback(const char *url)
{
	CURLU	   *parts = curl_url();
	char	   *host = NULL;
	bool		loopback = false;
	struct in_addr v4;
	struct in6_addr v6;

	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
	{
		size_t		len = strlen(host);

		if (len > 2 && host[0] == '[' && host[len - 1] == ']')
		{
			host[len - 1] = '\0';
			loopback = inet_pton(AF_INET6, host + 1, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
		}
		else if (inet_pton(AF_INET, host, &v4) == 1)
			loopback = (ntohl(v4.s_addr) >> 24) == 127;
		else
			loopback = strcasecmp(host, "localhost") == 0;
	}
	curl_free(host);
	curl_url_cleanup(parts);
	return loopback;
}

/* Collect the transfers that libcurl has finished */
static void
collect_done(void)
{
	CURLMsg    *message;
	int			more;

	while ((message = curl_multi_info_read(multi, &more)) != NULL)
	{
		char	   *transfer = NULL;
		CURLcode	result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
		finish((BcdHttpTransfer *) transfer, result);
	}
}

/* A transfer has ended, successfully or not: queue its request for the caller */
static void
finish(BcdHttpTransfer *transfer, CURLcode result)
{
	bcd_outcome_read(transfer, result);
	if (transfer->easy)
		release_easy(transfer->easy, result == CURLE_OK);
	transfer->easy = NULL;
	bcd_transfer_clear(transfer);
	in_flight--;

	if (last_done)
		last_done->next_done = transfer;
	else
		first_done = transfer;
	last_done = transfer;
}

/*
 * Keep a handle for the next request, or free it. A handle whose transfer
 * failed is freed: libcurl's reset leaves the system's last error in it.
 */
static void
release_easy(CURL *easy, bool reuse)
{
	sigset_t	saved;

	bcd_sockets_block_signals(&saved);
	(void) curl_multi_remove_handle(multi, easy);
	if (reuse && pooled < MAX_POOL)
	{
		curl_easy_reset(easy);
		pool[pooled++] = easy;
	}
	else
		curl_easy_cleanup(easy);
	bcd_sockets_restore_signals(&saved);
}
