/*
 * transfer.c
 *		One request in progress: the curl handle and the data that its
 *		callbacks fill.
 *
 * libcurl's callbacks write to malloc'd memory and report failure through
 * their result: nothing may longjmp through libcurl.
 *
 * One automatic action of libcurl must be prevented: when a reused connection
 * breaks before the first byte of the reply, libcurl sends the request again
 * on a new one.  The first may have been carried out, and a second POST makes
 * a second record.  So a callback supplies the body, and refuses to rewind it
 * once bytes have been read, which ends the request with an error.  Without a
 * body (GET, DELETE), a repetition does no harm and is left to libcurl, but it
 * is counted: if there is nothing to delete any more, that may be our doing. To
 * make this case rare, connections that were idle for a while are not used
 * again, and a body goes over a new connection if any was closed in the
 * meantime.
 */
#include "postgres.h"

#include "http/certificates.h"
#include "http/sockets.h"
#include "http/transfer.h"

#define CONNECT_TIMEOUT_MS		15000
#define MAX_IDLE_SECONDS		30	/* most servers close after 60 or more */
#define MAX_HEADER_BYTES		(256 * 1024)
#define FIRST_REPLY_BYTES		8192
#define HEADER_VALUE_SIZE		64
#define MAX_QUOTA				1000000000	/* more is no limit, and not to be
											 * reckoned with */

static void make_correlation_id(char *id);
static CURLcode count_sendings(BcdHttpTransfer *transfer);
static CURLcode set_connection(CURL *easy, const char *url, const BcdHttpTarget *target);
static CURLcode set_request(BcdHttpTransfer *transfer);
static CURLcode set_headers(BcdHttpTransfer *transfer);
static bool add_header(struct curl_slist **list, const char *name, const char *value);
static size_t on_body(char *buffer, size_t size, size_t n, void *arg);
static int	on_rewind(void *arg, curl_off_t offset, int origin);
static size_t on_reply(char *data, size_t size, size_t n, void *arg);
static size_t on_header(char *line, size_t size, size_t n, void *arg);
static bool is_header(const char *line, size_t len, const char *name, char *value);
static int64 header_number(const char *value, int64 unit);
static void wipe(char *text);

/* Set the transfer's handle up; on failure transfer->refused may say why */
CURLcode
bcd_transfer_prepare(BcdHttpTransfer *transfer, const BcdHttpTarget *target)
{
	CURLcode	rc;
	const char *p;

	transfer->timeout_ms = target->timeout_ms;
	for (p = target->token; *p; p++)
	{
		if ((unsigned char) *p < ' ' || *p == 0x7F)
		{
			transfer->refused = "the access token contains a control character";
			return CURLE_BAD_FUNCTION_ARGUMENT;
		}
	}
	transfer->token = strdup(target->token);
	if (transfer->token == NULL)
		return CURLE_OUT_OF_MEMORY;
	make_correlation_id(transfer->request->correlation_id);

	rc = set_connection(transfer->easy, transfer->request->url, target);
	if (rc == CURLE_OK)
		rc = bcd_trust_apply(transfer->easy, target->ca_file, transfer->request->error,
							 sizeof(transfer->request->error));
	if (rc == CURLE_OK)
		rc = set_request(transfer);
	if (rc == CURLE_OK)
		rc = set_headers(transfer);
	return rc;
}

#define SET(option, value) \
	do { \
		if (rc == CURLE_OK) \
			rc = curl_easy_setopt(easy, option, value); \
	} while (0)

/*
 * A UUID of its own, so that the store's support can find a request by our log.
 * It is random once for each process, and then counts, which takes less time
 * than a random number for each request.
 */
static void
make_correlation_id(char *id)
{
	static unsigned char r[16];
	static bool drawn = false;
	int			i;

	if (!drawn)
	{
		drawn = true;
		(void) pg_strong_random(r, sizeof(r));
		r[6] = (r[6] & 0x0F) | 0x40;
		r[8] = (r[8] & 0x3F) | 0x80;
	}
	for (i = 15; i > 8 && ++r[i] == 0; i--)
		;
	snprintf(id, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
			 r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7],
			 r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

/* All options about the connection to the store */
static CURLcode
set_connection(CURL *easy, const char *url, const BcdHttpTarget *target)
{
	CURLcode	rc = bcd_sockets_account(easy, url);

#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 */
	SET(CURLOPT_PROTOCOLS_STR, target->loopback ? "http,https" : "https");
#else
	SET(CURLOPT_PROTOCOLS, target->loopback ? (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS) :
		(long) CURLPROTO_HTTPS);
#endif
	/* a redirect would take the token to another host */
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	if (target->loopback)
		SET(CURLOPT_NOPROXY, "*");

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);

	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
#if LIBCURL_VERSION_NUM >= 0x075800 /* 7.88; 7.74 may wait forever */
	SET(CURLOPT_PIPEWAIT, 1L);
#endif
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXAGE_CONN, (long) MAX_IDLE_SECONDS);

	SET(CURLOPT_TIMEOUT_MS, target->timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, Min(target->timeout_ms, CONNECT_TIMEOUT_MS));
	SET(CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87 */

	/*
	 * do not wait for the thread that looks up a host name that is no longer
	 * needed
	 */
	SET(CURLOPT_QUICK_EXIT, 1L);
#endif
	return rc;
}

/* Method, URL, body and the destination of the reply */
static CURLcode
set_request(BcdHttpTransfer *transfer)
{
	BcdHttpRequest *request = transfer->request;
	CURL	   *easy = transfer->easy;
	CURLcode	rc = CURLE_OK;
	bool		get = strcmp(request->method, "GET") == 0;
	bool		post = strcmp(request->method, "POST") == 0;

	SET(CURLOPT_URL, request->url);
	if (request->body || post || strcmp(request->method, "PUT") == 0)
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		SET(CURLOPT_READFUNCTION, on_body);
		SET(CURLOPT_READDATA, transfer);
		SET(CURLOPT_SEEKFUNCTION, on_rewind);
		SET(CURLOPT_SEEKDATA, transfer);
		if (bcd_sockets_any_closed(request->url))
			SET(CURLOPT_FRESH_CONNECT, 1L);
	}
	if (get ? request->body != NULL : !post)
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	if (strcmp(request->method, "HEAD") == 0)
		SET(CURLOPT_NOBODY, 1L);

	if (rc == CURLE_OK && !get && request->body == NULL)
		rc = count_sendings(transfer);
	SET(CURLOPT_ACCEPT_ENCODING, "");
	SET(CURLOPT_WRITEFUNCTION, on_reply);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_ERRORBUFFER, transfer->curl_error);
	SET(CURLOPT_PRIVATE, transfer);
	return rc;
}

static CURLcode
set_headers(BcdHttpTransfer *transfer)
{
	BcdHttpRequest *request = transfer->request;
	CURL	   *easy = transfer->easy;
	CURLcode	rc = CURLE_OK;

	if (!add_header(&transfer->headers, "X-Auth-Token", transfer->token) ||
		!add_header(&transfer->headers, "Accept", "application/json") ||
		!add_header(&transfer->headers, "User-Agent", "bcdelta/" EXTVERSION) ||
		!add_header(&transfer->headers, "X-Correlation-Id", request->correlation_id) ||
		!add_header(&transfer->headers, "Content-Type",
					request->body ? "application/json" : "") ||
		!add_header(&transfer->headers, "Expect", ""))
		return CURLE_OUT_OF_MEMORY;
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	return rc;
}

/* Without a value, libcurl is told not to send the header on its own */
static bool
add_header(struct curl_slist **list, const char *name, const char *value)
{
	size_t		size = strlen(name) + strlen(value) + 3;
	char	   *line = malloc(size);
	struct curl_slist *longer = NULL;

	if (line)
	{
		snprintf(line, size, *value ? "%s: %s" : "%s:%s", name, value);
		longer = curl_slist_append(*list, line);
		wipe(line);
	}
	free(line);
	if (longer == NULL)
		return false;
	*list = longer;
	return true;
}

/* Called by libcurl: the next bytes of the body */
static size_t
on_body(char *buffer, size_t size, size_t n, void *arg)
{
	BcdHttpTransfer *transfer = arg;
	BcdHttpRequest *request = transfer->request;
	size_t		len = Min(size * n, request->body_len - transfer->body_taken);

	if (len > 0)
		memcpy(buffer, request->body + transfer->body_taken, len);
	transfer->body_taken += len;
	return len;
}

/* Called by libcurl: start again. Refused once the body may have arrived. */
static int
on_rewind(void *arg, curl_off_t offset, int origin)
{
	BcdHttpTransfer *transfer = arg;

	if (transfer->body_taken > 0 || offset != 0)
		return CURL_SEEKFUNC_FAIL;
	return CURL_SEEKFUNC_OK;
}

#if LIBCURL_VERSION_NUM >= 0x075000 /* 7.80 */
/* Called by libcurl: there is a connection, and the request is sent next */
static int
on_sending(void *arg, char *primary_ip, char *local_ip, int primary_port, int local_port)
{
	((BcdHttpTransfer *) arg)->sendings++;
	return CURL_PREREQFUNC_OK;
}
#endif

/* Prepares to tell whether libcurl sends a request again. */
static CURLcode
count_sendings(BcdHttpTransfer *transfer)
{
	CURL	   *easy = transfer->easy;
	CURLcode	rc = CURLE_OK;

#if LIBCURL_VERSION_NUM >= 0x075000
	SET(CURLOPT_PREREQFUNCTION, on_sending);
	SET(CURLOPT_PREREQDATA, transfer);
#else
	/* it does not do that with a new connection */
	SET(CURLOPT_FRESH_CONNECT, 1L);
#endif
	return rc;
}

/* Called by libcurl: bytes of the reply, decompressed */
static size_t
on_reply(char *data, size_t size, size_t n, void *arg)
{
	BcdHttpTransfer *transfer = arg;
	BcdHttpRequest *request = transfer->request;
	size_t		len = size * n;
	size_t		needed = request->reply_len + len + 1;

	if (len > BCD_HTTP_MAX_REPLY || needed > BCD_HTTP_MAX_REPLY)
	{
		transfer->refused = "the reply is larger than 32 MB";
		return 0;
	}
	if (needed > transfer->reply_size)
	{
		size_t		new_size = Max(transfer->reply_size * 2, FIRST_REPLY_BYTES);
		char	   *reply;

		new_size = Max(new_size, needed);
		reply = realloc(request->reply, new_size);
		if (reply == NULL)
		{
			transfer->refused = "out of memory for the reply";
			return 0;
		}
		request->reply = reply;
		transfer->reply_size = new_size;
	}
	memcpy(request->reply + request->reply_len, data, len);
	request->reply_len += len;
	request->reply[request->reply_len] = '\0';
	return len;
}

/* Called by libcurl: one header line */
static size_t
on_header(char *line, size_t size, size_t n, void *arg)
{
	BcdHttpTransfer *transfer = arg;
	BcdHttpHeaders *headers = &transfer->request->headers;
	size_t		len = size * n;
	char		value[HEADER_VALUE_SIZE];

	transfer->header_bytes += len;
	if (transfer->header_bytes > MAX_HEADER_BYTES)
	{
		transfer->refused = "the reply's headers are larger than 256 kB";
		return 0;
	}
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
		bcd_transfer_clear_headers(headers);	/* of an interim reply */
	else if (is_header(line, len, "X-Rate-Limit-Time-Window-Ms", value))
		headers->rate_window_ms = header_number(value, 1);
	else if (is_header(line, len, "X-Rate-Limit-Time-Reset-Ms", value))
		headers->rate_reset_ms = header_number(value, 1);
	else if (is_header(line, len, "X-Rate-Limit-Requests-Quota", value))
		headers->rate_quota = Min(header_number(value, 1), MAX_QUOTA);
	else if (is_header(line, len, "X-Rate-Limit-Requests-Left", value))
		headers->rate_left = Min(header_number(value, 1), MAX_QUOTA);
	else if (is_header(line, len, "X-Retry-After", value) ||
			 is_header(line, len, "Retry-After", value))
		headers->retry_after_ms = Max(headers->retry_after_ms, header_number(value, 1000));
	else if (is_header(line, len, "Date", value))
		headers->date_ms = (int64) curl_getdate(value, NULL) * 1000;
	else if (is_header(line, len, "Content-Type", value))
		strlcpy(headers->content_type, value, sizeof(headers->content_type));
	else if (is_header(line, len, "X-Request-Id", value))
		strlcpy(headers->request_id, value, sizeof(headers->request_id));
	return len;
}

/* Copy a header's value, without surrounding spaces, if the header has this name */
static bool
is_header(const char *line, size_t len, const char *name, char *value)
{
	size_t		name_len = strlen(name);
	size_t		i;

	if (len <= name_len || line[name_len] != ':' || pg_strncasecmp(line, name, name_len) != 0)
		return false;
	line += name_len + 1;
	len -= name_len + 1;
	while (len > 0 && (*line == ' ' || *line == '\t'))
	{
		line++;
		len--;
	}
	for (i = 0; i < len && i < HEADER_VALUE_SIZE - 1; i++)
	{
		/* printable ASCII: it is shown and stored */
		if (line[i] < ' ' || line[i] > '~')
			break;
		value[i] = line[i];
	}
	while (i > 0 && value[i - 1] == ' ')
		i--;
	value[i] = '\0';
	return true;
}

/* A header whose value is a number of units; -1 for any other value */
static int64
header_number(const char *value, int64 unit)
{
	int64		number = 0;
	const char *p;

	for (p = value; *p >= '0' && *p <= '9'; p++)
	{
		if (number > PG_INT64_MAX / 10 / unit - 10)
			return -1;
		number = number * 10 + (*p - '0');
	}
	if (p == value || (*p != '\0' && *p != '.'))
		return -1;
	return number * unit + (*p == '.' ? unit : 0);	/* a fraction: rounded up */
}

void
bcd_transfer_clear_headers(BcdHttpHeaders *headers)
{
	memset(headers, 0, sizeof(*headers));
	headers->rate_window_ms = headers->rate_reset_ms = -1;
	headers->rate_quota = headers->rate_left = -1;
	headers->retry_after_ms = -1;
	headers->date_ms = -1;
}

/* Free everything that only the transfer needed, and leave no token behind */
void
bcd_transfer_clear(BcdHttpTransfer *transfer)
{
	struct curl_slist *header;

	for (header = transfer->headers; header; header = header->next)
		wipe(header->data);
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	wipe(transfer->token);
	free(transfer->token);
	transfer->token = NULL;
}

static void
wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
}
