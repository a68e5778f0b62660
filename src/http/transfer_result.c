/*
 * transfer_result.c
 *		The outcome of a transfer, and an error text for a failure.
 *
 * "Not sent" is said only where it is certain: libcurl counted no byte of the
 * request as sent, and failed with an error that can only occur before
 * sending. Any other outcome without a complete reply of the API is "unknown".
 *
 * Error texts are short and carry neither the URL's query nor the token.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/secret.h"
#include "http/page.h"
#include "http/transfer.h"
#include "http/transfer_result.h"

static BcdHttpFate fate_of(BcdHttpTransfer *transfer, CURLcode result);
static void redact(BcdHttpTransfer *transfer, bool page);
static void describe(BcdHttpTransfer *transfer, CURLcode result);
static void describe_timeout(BcdHttpTransfer *transfer);
static void describe_loss(BcdHttpTransfer *transfer, const char *what);
static void copy_reason(char *out, size_t size, const char *reason);
static double milliseconds(CURL *easy, CURLINFO info);

/* Fill in the request when its transfer has ended, while the handle still exists */
void
bcd_outcome_read(BcdHttpTransfer *transfer, CURLcode result)
{
	BcdHttpRequest *request = transfer->request;
	CURL	   *easy = transfer->easy;
	long		status = 0;
	long		connections = 0;

	request->fate = fate_of(transfer, result);
	request->timed_out = result == CURLE_OPERATION_TIMEDOUT;
	request->repeated = transfer->sendings > 1;
	if (easy)
	{
		(void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		(void) curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
		request->seconds = milliseconds(easy, CURLINFO_TOTAL_TIME_T) / 1000;
		request->headers.elapsed_ms = (int64) (request->seconds * 1000);
		request->new_connection = connections > 0;
	}
	if (request->fate == BCD_HTTP_REPLIED)
	{
		bool		page = bcd_page_stands_in(status, request->reply);

		request->status = status;
		redact(transfer, page);
		if (!page)
			return;
		request->fate = BCD_HTTP_UNKNOWN;
		request->status = 0;
		bcd_page_describe(status, request->reply, request->error, sizeof(request->error));
	}

	/* a part of a reply does not count as a reply, nor does a page */
	free(request->reply);
	request->reply = NULL;
	request->reply_len = 0;
	bcd_transfer_clear_headers(&request->headers);
	if (request->error[0] == '\0')
		describe(transfer, result);
}

static BcdHttpFate
fate_of(BcdHttpTransfer *transfer, CURLcode result)
{
	long		sent = 0;

	if (!transfer->started)
		return BCD_HTTP_NOT_SENT;
	if (result == CURLE_OK)
		return BCD_HTTP_REPLIED;
	if (curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK ||
		sent > 0 || transfer->body_taken > 0 || transfer->header_bytes > 0)
		return BCD_HTTP_UNKNOWN;

	switch (result)
	{
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_FAILED_INIT:
		case CURLE_URL_MALFORMAT:
		case CURLE_NOT_BUILT_IN:
		case CURLE_BAD_FUNCTION_ARGUMENT:
		case CURLE_COULDNT_RESOLVE_PROXY:
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_CONNECT:
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_SSL_ENGINE_NOTFOUND:
		case CURLE_SSL_ENGINE_SETFAILED:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
		case CURLE_OPERATION_TIMEDOUT:
		case CURLE_ABORTED_BY_CALLBACK:
			return BCD_HTTP_NOT_SENT;
		default:
			return BCD_HTTP_UNKNOWN;
	}
}

/*
 * If a store repeats the token, it must not reach our tables and logs. In
 * data, a token that could be an ordinary word of a catalogue is left alone.
 */
static void
redact(BcdHttpTransfer *transfer, bool page)
{
	BcdHttpRequest *request = transfer->request;
	BcdHttpHeaders *headers = &request->headers;

	bcd_secret_mask(headers->request_id, strlen(headers->request_id), transfer->token);
	bcd_secret_mask(headers->content_type, strlen(headers->content_type), transfer->token);
	if (page || request->status >= 300 || strlen(transfer->token) >= BCD_SECRET_MIN_BYTES)
		bcd_secret_mask(request->reply, request->reply_len, transfer->token);
}

/* Say in a few words why there is no reply */
static void
describe(BcdHttpTransfer *transfer, CURLcode result)
{
	char	   *error = transfer->request->error;
	size_t		size = sizeof(transfer->request->error);
	char		reason[160];

	if (transfer->refused)
	{
		strlcpy(error, transfer->refused, size);
		return;
	}
	switch (result)
	{
		case CURLE_UNSUPPORTED_PROTOCOL:
			strlcpy(error, transfer->request->fate == BCD_HTTP_NOT_SENT ?
					"the URL's protocol is not allowed" : "the reply is not HTTP", size);
			return;
		case CURLE_COULDNT_RESOLVE_HOST:
			strlcpy(error, "could not resolve the host name", size);
			return;
		case CURLE_COULDNT_RESOLVE_PROXY:
			strlcpy(error, "could not resolve the proxy's host name", size);
			return;
		case CURLE_COULDNT_CONNECT:
			describe_loss(transfer, "could not connect to host");
			return;
		case CURLE_OPERATION_TIMEDOUT:
			describe_timeout(transfer);
			return;
		case CURLE_GOT_NOTHING:
			strlcpy(error, "connection closed without a reply", size);
			return;
		case CURLE_PARTIAL_FILE:
			strlcpy(error, "connection closed in the middle of the reply", size);
			return;
		case CURLE_SEND_ERROR:
			describe_loss(transfer, "connection lost while sending");
			return;
		case CURLE_SEND_FAIL_REWIND:

			/* libcurl would have sent it again: see transfer.c */
			strlcpy(error, "connection lost after the request was sent", size);
			return;
		case CURLE_RECV_ERROR:
			describe_loss(transfer, "connection lost while waiting for the reply");
			return;
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
			copy_reason(reason, sizeof(reason), transfer->curl_error[0] ?
						transfer->curl_error : curl_easy_strerror(result));
			snprintf(error, size, "could not make a secure connection: %s", reason);
			return;
		case CURLE_ABORTED_BY_CALLBACK:
			strlcpy(error, "given up", size);
			return;
		default:

			/* the error buffer may quote the URL, this text does not */
			copy_reason(error, size, curl_easy_strerror(result));
	}
}

static void
describe_timeout(BcdHttpTransfer *transfer)
{
	BcdHttpRequest *request = transfer->request;
	double		connected = milliseconds(transfer->easy, CURLINFO_CONNECT_TIME_T);
	double		secure = milliseconds(transfer->easy, CURLINFO_APPCONNECT_TIME_T);
	double		sent = milliseconds(transfer->easy, CURLINFO_PRETRANSFER_TIME_T);
	char		way[64];

	if (request->fate == BCD_HTTP_NOT_SENT)
	{
		if (milliseconds(transfer->easy, CURLINFO_NAMELOOKUP_TIME_T) <= 0)
			snprintf(request->error, sizeof(request->error),
					 "could not resolve the host name within %.3g s", request->seconds);
		else if (connected <= 0)
			snprintf(request->error, sizeof(request->error),
					 "could not connect to host within %.3g s", request->seconds);
		else
			snprintf(request->error, sizeof(request->error),
					 "could not make a secure connection within %.3g s (connected after %.0f ms)",
					 request->seconds, connected);
		return;
	}
	if (request->new_connection)
		snprintf(way, sizeof(way), "connected after %.0f ms", Max(connected, secure));
	else
		strlcpy(way, "on an open connection", sizeof(way));
	snprintf(request->error, sizeof(request->error),
			 "no %s within %.3g s (%s, sent after %.0f ms)",
			 transfer->header_bytes > 0 ? "whole reply" : "reply",
			 transfer->timeout_ms / 1000.0, way, sent);
}

/* what, and the system's error if libcurl reports one */
static void
describe_loss(BcdHttpTransfer *transfer, const char *what)
{
	BcdHttpRequest *request = transfer->request;
	long		system_error = 0;

	(void) curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &system_error);
	snprintf(request->error, sizeof(request->error), system_error > 0 ? "%s: %s" : "%s",
			 what, strerror((int) system_error));
}

/* Format as the middle of a message: no capital, no full stop, nothing unprintable */
static void
copy_reason(char *out, size_t size, const char *reason)
{
	size_t		i;

	for (i = 0; i < size - 1 && reason[i]; i++)
		out[i] = reason[i] < ' ' || reason[i] > '~' ? '?' : reason[i];
	if (i > 0 && out[i - 1] == '.')
		i--;
	out[i] = '\0';
	/* a capital that begins a sentence, and not a name like "OpenSSL" */
	if (i > 1 && isupper((unsigned char) out[0]))
	{
		size_t		word = strspn(out + 1, "abcdefghijklmnopqrstuvwxyz") + 1;

		if (word > 1 && (out[word] == ' ' || out[word] == '\0'))
			out[0] = pg_tolower((unsigned char) out[0]);
	}
}

static double
milliseconds(CURL *easy, CURLINFO info)
{
	curl_off_t	microseconds = 0;

	(void) curl_easy_getinfo(easy, info, &microseconds);
	return microseconds / 1000.0;
}
