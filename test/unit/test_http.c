/*
 * test_http.c
 *		Requests, and what becomes of them when the server misbehaves.
 */
#include "httptest.h"

static BcdHttpRequest *
fetch(const char *method, const char *path, const char *body)
{
	BcdHttpRequest *request = start(method, path, body);
	BcdHttpRequest *done = next_done();

	ok(request == done && request->transfer == NULL, "%s %s comes back", method, path);
	ok(strstr(request->error, "secret") == NULL && strstr(request->error, "?") == NULL,
	   "without secrets: \"%s\"", request->error);
	return request;
}

static void
is_failure(const char *path, const char *body, BcdHttpFate fate, const char *error)
{
	BcdHttpRequest *request = fetch(body ? "POST" : "GET", path, body);

	is_int(request->fate, fate, "its fate");
	is_int(request->status, 0, "no status");
	ok(request->reply == NULL && request->reply_len == 0, "no reply");
	ok(strncmp(request->error, error, strlen(error)) == 0, "%s", error);
	if (strncmp(request->error, error, strlen(error)) != 0)
		printf("# got \"%s\"\n", request->error);
	bcd_http_free(request);
}

static void
test_good(void)
{
	BcdHttpRequest *request;

	request = fetch("POST", "/echo?sku:in=A", "{\"name\":\"\xC3\xA4\"}");
	is_int(request->fate, BCD_HTTP_REPLIED, "replied");
	is_int(request->status, 200, "status");
	is_text(request->error, "", "no error");
	ok(strncmp(request->reply, "POST /echo?sku:in=A HTTP/1.1\r\n", 30) == 0, "method and path");
	ok(strstr(request->reply, "\r\nX-Auth-Token: ************\r\n") != NULL, "token, which is masked");
	ok(strstr(request->reply, "\r\nAccept: application/json\r\n") != NULL, "Accept");
	ok(strstr(request->reply, "\r\nContent-Type: application/json\r\n") != NULL, "Content-Type");
	ok(strstr(request->reply, "\r\nUser-Agent: bcdelta/1.2.3\r\n") != NULL, "User-Agent");
	ok(strstr(request->reply, "\r\nContent-Length: 13\r\n") != NULL, "Content-Length");
	ok(strcasestr(request->reply, "\r\nAccept-Encoding: ") != NULL, "Accept-Encoding");
	ok(strcasestr(request->reply, "Expect") == NULL, "no Expect");
	ok(strlen(request->correlation_id) == 36 && request->correlation_id[14] == '4' &&
	   strstr(request->reply, request->correlation_id) != NULL, "X-Correlation-Id");
	ok(strlen(request->reply) == request->reply_len &&
	   strcmp(request->reply + request->reply_len - 13, "{\"name\":\"\xC3\xA4\"}") == 0, "body");
	ok(request->new_connection, "over a new connection");
	ok(request->seconds > 0 && request->seconds < 5, "in a time");
	is_int(request->headers.rate_quota, -1, "no quota told");
	bcd_http_free(request);

	request = fetch("GET", "/echo", NULL);
	ok(!request->new_connection, "the connection is used again");
	ok(strcasestr(request->reply, "Content-Type") == NULL, "no Content-Type without a body");
	bcd_http_free(request);
	request = fetch("DELETE", "/echo", NULL);
	ok(strncmp(request->reply, "DELETE /echo", 12) == 0, "DELETE");
	bcd_http_free(request);
	request = fetch("DELETE", "/echo", "[1,2]");
	ok(strncmp(request->reply, "DELETE /echo", 12) == 0 && strstr(request->reply, "\r\n\r\n[1,2]"),
	   "DELETE with a body");
	bcd_http_free(request);
	request = fetch("PUT", "/echo", "[{\"id\":1}]");
	ok(strncmp(request->reply, "PUT /echo", 9) == 0 && strstr(request->reply, "\r\n\r\n[{\"id\":1}]"), "PUT");
	bcd_http_free(request);

	request = fetch("GET", "/rate", NULL);
	is_int(request->headers.rate_window_ms, 30000, "window");
	is_int(request->headers.rate_reset_ms, 12345, "reset");
	is_int(request->headers.rate_quota, 150, "quota");
	is_int(request->headers.rate_left, 149, "left");
	is_int(request->headers.retry_after_ms, 3000, "retry after");
	is_text(request->headers.content_type, "application/json; charset=utf-8", "content type");
	is_text(request->headers.request_id, "req-1", "request id");
	bcd_http_free(request);
	request = fetch("GET", "/nonsense", NULL);
	is_int(request->status, 429, "429 is a reply");
	ok(request->headers.rate_window_ms == -1 && request->headers.rate_reset_ms == -1 &&
	   request->headers.rate_quota == -1 && request->headers.rate_left == -1, "nonsense is nothing");
	is_int(request->headers.retry_after_ms, 2000, "a fraction of a second is rounded up");
	bcd_http_free(request);
	request = fetch("GET", "/early", NULL);
	is_int(request->status, 204, "the last reply counts");
	is_int(request->headers.rate_left, -1, "and so do its headers");
	ok(request->reply == NULL, "no body");
	bcd_http_free(request);
	request = fetch("GET", "/redirect", NULL);
	is_int(request->status, 301, "a redirect is not followed");
	bcd_http_free(request);
	request = fetch("GET", "/token", NULL);
	is_text(request->reply, "bad token ************, yes: ************", "a token in an error is masked");
	bcd_http_free(request);
}

static void
test_large(void)
{
	char	   *body = malloc(200001);
	BcdHttpRequest *request;

	memset(body, 'x', 200000);
	body[200000] = '\0';
	request = fetch("POST", "/slow/0", body);
	is_int(request->status, 200, "a large body");
	bcd_http_free(request);
	free(body);

	request = fetch("GET", "/big/33554431", NULL);
	is_int(request->fate, BCD_HTTP_REPLIED, "the largest reply");
	is_int(request->reply_len, 33554431, "its size");
	bcd_http_free(request);
	is_failure("/big/33554432", NULL, BCD_HTTP_UNKNOWN, "the reply is larger than 32 MB");
	is_failure("/heads", NULL, BCD_HTTP_UNKNOWN, "the reply's headers are larger than 256 kB");
	if (bomb_len > 0)
		is_failure("/bomb", NULL, BCD_HTTP_UNKNOWN, "the reply is larger than 32 MB");
}

/* Pages of those who stand between us and the API */
static void
test_pages(void)
{
	static const int instead[] = {200, 207, 400, 403, 404, 409, 410, 422};
	static const int replies[] = {302, 401, 413, 415, 429, 502, 503};
	BcdHttpRequest *request;
	char		path[32];
	char		error[160];
	int			i;

	for (i = 0; i < lengthof(instead); i++)
	{
		snprintf(path, sizeof(path), "/page/%d", instead[i]);
		snprintf(error, sizeof(error),
				 "a page came instead of the API's reply, with status %d: \"************ is a &amp; b\"", instead[i]);
		is_failure(path, "{}", BCD_HTTP_UNKNOWN, error);
	}
	request = fetch("GET", "/page/404", NULL);
	is_int(request->headers.rate_left, -1, "its headers do not count either");
	bcd_http_free(request);
	is_failure("/untitled", NULL, BCD_HTTP_UNKNOWN, "a page came instead of the API's reply, with status 403");
	for (i = 0; i < lengthof(replies); i++)
	{
		snprintf(path, sizeof(path), "/page/%d", replies[i]);
		request = fetch("GET", path, NULL);
		is_int(request->fate, BCD_HTTP_REPLIED, "a status that means the same whoever sends it");
		is_int(request->status, replies[i], "is taken as it is");
		bcd_http_free(request);
	}
}

static void
test_failures(void)
{
	int			listener;
	int			closed_port = listen_somewhere(&listener);
	int			good_port = port;
	BcdHttpTarget good = target;
	BcdHttpRequest *request;
	int			requests;

	is_failure("/close?a", "{}", BCD_HTTP_UNKNOWN, "connection closed without a reply");
	is_failure("/reset", "{}", BCD_HTTP_UNKNOWN, "connection lost while waiting for the reply: Connection reset by peer");
	is_failure("/half", "{}", BCD_HTTP_UNKNOWN, "connection closed in the middle of the reply");
	is_failure("/chunk", NULL, BCD_HTTP_UNKNOWN, "connection closed in the middle of the reply");
	is_failure("/garbage", NULL, BCD_HTTP_UNKNOWN, "the reply is not HTTP");
	target.timeout_ms = 300;
	is_failure("/slow/3000", "{}", BCD_HTTP_UNKNOWN, "no reply within 0.3 s (");
	is_failure("/stall", NULL, BCD_HTTP_UNKNOWN, "no whole reply within 0.3 s (");
	target = good;

	/* nothing listens */
	port = closed_port;
	is_failure("/echo?secret=1", "{}", BCD_HTTP_NOT_SENT, "could not connect to host: Connection refused");
	port = good_port;
	close(listener);

	/* somebody listens but does not accept */
	port = listen_somewhere(&listener);
	listen(listener, 0);
	target.timeout_ms = 300;
	is_failure("/echo", "{}", BCD_HTTP_UNKNOWN, "no reply within 0.3 s (");
	close(listener);
	port = good_port;

	/* the name does not exist */
	target = good;
	request = bcd_http_request("POST", "http://no-such-host.invalid/x", "{}");
	bcd_http_start(request, &target);
	ok(next_done() == request, "an unknown host");
	is_int(request->fate, BCD_HTTP_NOT_SENT, "not sent");
	ok(strncmp(request->error, "could not resolve the host name", 31) == 0, "and why");
	bcd_http_free(request);

	/* http to anywhere but loopback, and other protocols, are refused */
	requests = shared->requests;
	target.loopback = false;
	is_failure("/echo", "{}", BCD_HTTP_NOT_SENT, "the URL's protocol is not allowed");
	target.loopback = true;
	request = bcd_http_request("GET", "file:///etc/passwd", NULL);
	bcd_http_start(request, &target);
	ok(next_done() == request, "a file");
	is_int(request->fate, BCD_HTTP_NOT_SENT, "is not read");
	ok(request->reply == NULL, "not at all");
	bcd_http_free(request);
	target.token = "two\r\nlines";
	is_failure("/echo", "{}", BCD_HTTP_NOT_SENT, "the access token contains a control character");
	target = good;
	no_external_fds = true;
	bcd_http_free(fetch("GET", "/close", NULL));	/* uses up the connection */
	is_failure("/echo", "{}", BCD_HTTP_NOT_SENT, "could not connect to host");
	no_external_fds = false;
	target.ca_file = "/no/such/file";
	is_failure("/echo", "{}", BCD_HTTP_NOT_SENT, "could not read ca_file \"/no/such/file\": No such file or directory");
	target = good;
	ok(shared->requests - requests <= 1, "none of these reached the server");
}

/* A connection that dies while it is used again */
static void
test_reuse(void)
{
	BcdHttpRequest *request;
	int			before;

	bcd_http_free(fetch("GET", "/close", NULL));
	bcd_http_free(fetch("GET", "/die2", NULL));
	before = shared->requests;
	is_failure("/die2", "{\"name\":\"once\"}", BCD_HTTP_UNKNOWN, "connection lost after the request was sent");
	is_int(shared->requests - before, 1, "a POST is never sent twice");

	bcd_http_free(fetch("GET", "/die2", NULL));
	before = shared->requests;
	request = fetch("GET", "/die2", NULL);
	is_int(request->status, 200, "a GET is, on a new connection");
	is_int(shared->requests - before, 2, "twice in all");
	bcd_http_free(request);

	bcd_http_free(fetch("GET", "/die2", NULL));
	before = shared->requests;
	request = fetch("DELETE", "/die2", NULL);
	is_int(request->status, 200, "so is a DELETE, or it has a connection of its own");
	ok(request->repeated == (shared->requests - before > 1), "and that is told: what was to be deleted may be gone by the first one");
	bcd_http_free(request);
	request = fetch("DELETE", "/echo", NULL);
	ok(!request->repeated, "one that is sent once is not");
	bcd_http_free(request);

	/* the server has closed an idle connection */
	bcd_http_free(fetch("GET", "/close", NULL));
	bcd_http_free(fetch("GET", "/die1", NULL));
	usleep(50000);
	request = fetch("POST", "/echo", "{}");
	is_int(request->status, 200, "a connection closed meanwhile is not used for a POST");
	ok(request->new_connection, "but a new one");
	bcd_http_free(request);

	/* another store's connections do not matter */
	host = "localhost";
	bcd_http_free(fetch("POST", "/echo", "{}"));
	host = "127.0.0.1";
	bcd_http_free(fetch("GET", "/die1", NULL));
	usleep(50000);
	host = "localhost";
	request = fetch("POST", "/echo", "{}");
	ok(!request->new_connection, "what another store has closed is its own matter");
	bcd_http_free(request);
	host = "127.0.0.1";
	request = fetch("POST", "/echo", "{}");
	ok(request->new_connection, "which it notices");
	bcd_http_free(request);
}

static void
test_loopback(void)
{
	static const char *const yes[] = {"http://localhost/", "http://LOCALHOST:8080", "http://127.0.0.1:5000/x",
	"https://127.1.2.3", "http://[::1]:80/", "http://u:p@127.0.0.1/"};
	static const char *const no[] = {"http://localhost.example.com/", "http://127.0.0.1.example.com/",
		"http://example.com/127.0.0.1", "http://127.0.0.1@example.com/", "http://128.0.0.1/", "http://[::2]/",
		"http://0.0.0.0/", "http://localhosts/", "", "localhost", "nonsense", "http://",
	"http://example.com#@localhost/", "http://[::ffff:10.0.0.1]/"};
	int			i;

	for (i = 0; i < lengthof(yes); i++)
		ok(bcd_http_url_is_loopback(yes[i]), "loopback: %s", yes[i]);
	for (i = 0; i < lengthof(no); i++)
		ok(!bcd_http_url_is_loopback(no[i]), "not loopback: %s", no[i]);
}

int
main(void)
{
	sigfillset(&BlockSig);
	setvbuf(stdout, NULL, _IOLBF, 0);
	start_server();
	test_good();
	test_pages();
	test_large();
	test_failures();
	test_reuse();
	test_loopback();
	stop_server();
	return tap_done();
}
