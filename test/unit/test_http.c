/*
 * test_http.c
 *		Requests against a server that misbehaves as it is asked to.
 *
 * The server is a child process that answers plain http on loopback; the
 * request's path says how.  It counts, in shared memory, the requests that it
 * has read as a whole: what a store would have carried out.
 *
 * What the backend provides (latch, wait event set, file descriptors, error
 * reports) is replaced by stand-ins.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXTVERSION "1.2.3"

#include "../../src/sockets.c"
#include "../../src/trust.c"
#include "../../src/transfer.c"
#include "../../src/outcome.c"
#include "../../src/http.c"
#include "tap.h"

/*
 * Stand-ins for the backend
 */

#define MAX_EVENTS	64

struct WaitEventSet
{
	int			n;
	struct pollfd fds[MAX_EVENTS];
};

static Latch latch;
static int	sets_made = 0;
static int	external_fds = 0;
static bool no_external_fds = false;

Latch	   *MyLatch = &latch;
bool		IsUnderPostmaster = true;
MemoryContext TopMemoryContext = NULL;
sigset_t	BlockSig;

WaitEventSet *
#if PG_VERSION_NUM >= 170000
CreateWaitEventSet(ResourceOwner owner, int nevents)
#else
CreateWaitEventSet(MemoryContext context, int nevents)
#endif
{
	sets_made++;
	return calloc(1, sizeof(WaitEventSet));
}

void
FreeWaitEventSet(WaitEventSet *set)
{
	free(set);
}

static short
poll_events(uint32 events)
{
	return ((events & WL_SOCKET_READABLE) ? POLLIN : 0) |
		((events & WL_SOCKET_WRITEABLE) ? POLLOUT : 0);
}

int
AddWaitEventToSet(WaitEventSet *set, uint32 events, pgsocket fd, Latch *the_latch, void *user_data)
{
	Assert(set->n < MAX_EVENTS);
	Assert(fd == PGINVALID_SOCKET || poll_events(events) != 0);
	set->fds[set->n].fd = fd;
	set->fds[set->n].events = poll_events(events);
	return set->n++;
}

void
ModifyWaitEvent(WaitEventSet *set, int pos, uint32 events, Latch *the_latch)
{
	Assert(pos >= 0 && pos < set->n && set->fds[pos].fd >= 0);
	Assert(poll_events(events) != 0);
	set->fds[pos].events = poll_events(events);
}

/* As the real one, a latch that is set hides the sockets */
int
WaitEventSetWait(WaitEventSet *set, long timeout, WaitEvent *occurred, int nevents, uint32 info)
{
	if (latch.is_set)
		return 1;
	return poll(set->fds, set->n, timeout);
}

bool
AcquireExternalFD(void)
{
	if (no_external_fds)
	{
		errno = EMFILE;
		return false;
	}
	external_fds++;
	return true;
}

void
ReleaseExternalFD(void)
{
	external_fds--;
}

bool
pg_strong_random(void *buffer, size_t len)
{
	return getrandom(buffer, len, 0) == len;
}

bool
errstart(int elevel, const char *domain)
{
	return true;
}

bool
errstart_cold(int elevel, const char *domain)
{
	return true;
}

int
errcode(int sqlerrcode)
{
	return 0;
}

int
errmsg(const char *format,...)
{
	printf("Bail out! ereport: %s\n", format);
	return 0;
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	fflush(stdout);
	abort();
}

/*
 * The server
 */

typedef struct Shared
{
	int			requests;		/* read as a whole */
	int			connections;
} Shared;

static Shared *shared;
static pid_t server_pid;
static int	port;
static char bomb[1024 * 1024];	/* 64 MB of zeros, gzipped */
static int	bomb_len = 0;

static void
send_text(int fd, const char *format,...)
{
	char		text[65536];
	va_list		args;
	int			len;
	int			done = 0;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	while (done < len)
	{
		int			n = send(fd, text + done, len - done, MSG_NOSIGNAL);

		if (n <= 0)
			_exit(0);
		done += n;
	}
}

static void
send_reply(int fd, const char *status, const char *headers, const char *body)
{
	send_text(fd, "HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s", status, (int) strlen(body), headers, body);
}

/* Read a request, head and body; false when the client is gone */
static bool
read_request(int fd, char *request, int size)
{
	int			len = 0;
	int			wanted = -1;

	for (;;)
	{
		int			n;
		char	   *p;

		request[len] = '\0';
		if (wanted < 0 && (p = strstr(request, "\r\n\r\n")) != NULL)
		{
			char	   *length = strcasestr(request, "Content-Length:");

			wanted = p + 4 - request + (length && length < p ? atoi(length + 15) : 0);
		}
		if (wanted >= 0 && len >= wanted)
			return true;
		if (len >= size - 1 || (n = recv(fd, request + len, size - 1 - len, 0)) <= 0)
			return false;
		len += n;
	}
}

/* Do as the path says; false: close the connection */
static bool
answer(int fd, const char *request, int nth)
{
	static const struct linger at_once = {1, 0};
	const char *path = strchr(request, ' ') + 1;
	int			i;

	if (strncmp(path, "/echo", 5) == 0)
		send_reply(fd, "200 OK", "Content-Type: text/plain\r\n", request);
	else if (strncmp(path, "/rate", 5) == 0)
		send_reply(fd, "200 OK",
				   "x-rate-limit-time-window-ms: 30000\r\nX-Rate-Limit-Time-Reset-Ms:  12345 \r\n"
				   "X-RATE-LIMIT-REQUESTS-QUOTA: 150\r\nX-Rate-Limit-Requests-Left: 149\r\n"
				   "X-Retry-After: 3\r\nContent-Type: application/json; charset=utf-8\r\n"
				   "X-Request-Id: req-1\r\nX-Rate-Limit-Requests-Lefty: 1\r\n", "{}");
	else if (strncmp(path, "/nonsense", 9) == 0)
		send_reply(fd, "429 Too Many Requests",
				   "X-Rate-Limit-Time-Window-Ms: soon\r\nX-Rate-Limit-Time-Reset-Ms: -5\r\n"
				   "X-Rate-Limit-Requests-Quota: 99999999999999999999999\r\nX-Rate-Limit-Requests-Left:\r\n"
				   "Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nX-Retry-After: 1.5\r\n", "");
	else if (strncmp(path, "/early", 6) == 0)
	{
		send_text(fd, "HTTP/1.1 103 Early Hints\r\nX-Rate-Limit-Requests-Left: 7\r\n\r\n");
		send_reply(fd, "204 No Content", "", "");
	}
	else if (strncmp(path, "/token", 6) == 0)
		send_reply(fd, "401 Unauthorized", "", "bad token secret-token, yes: secret-token");
	else if (strncmp(path, "/redirect", 9) == 0)
		send_reply(fd, "301 Moved Permanently", "Location: /echo\r\n", "");
	else if (strncmp(path, "/close", 6) == 0)
		return false;
	else if (strncmp(path, "/reset", 6) == 0)
	{
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		return false;
	}
	else if (strncmp(path, "/half", 5) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\":");
		return false;
	}
	else if (strncmp(path, "/chunk", 6) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"data\":\r\n");
		return false;
	}
	else if (strncmp(path, "/slow", 5) == 0)
	{
		usleep(atoi(path + 6) * 1000);
		send_reply(fd, "200 OK", "", "{}");
	}
	else if (strncmp(path, "/stall", 6) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
		sleep(60);
	}
	else if (strncmp(path, "/big", 4) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", atoi(path + 5));
		for (i = atoi(path + 5); i > 0; i -= 65000)
			send_text(fd, "%*s", Min(i, 65000), "x");
	}
	else if (strncmp(path, "/bomb", 5) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb_len);
		for (i = 0; i < bomb_len;)
		{
			int			n = send(fd, bomb + i, bomb_len - i, MSG_NOSIGNAL);

			if (n <= 0)
				return false;
			i += n;
		}
	}
	else if (strncmp(path, "/heads", 6) == 0)
	{
		send_text(fd, "HTTP/1.1 200 OK\r\n");
		for (i = 0; i < 100; i++)
			send_text(fd, "X-%d: %*s\r\n", i, 10000, "x");
		send_text(fd, "\r\n");
	}
	else if (strncmp(path, "/garbage", 8) == 0)
	{
		send_text(fd, "this is no HTTP\r\n\r\n");
		return false;
	}
	else if (strncmp(path, "/die2", 5) == 0)
	{
		/* good at first, then it dies with the request carried out */
		if (nth > 1)
			return false;
		send_reply(fd, "200 OK", "", "{}");
	}
	else if (strncmp(path, "/die1", 5) == 0)
	{
		/* closes after the reply without having said so */
		send_reply(fd, "200 OK", "", "{}");
		return false;
	}
	else
		send_reply(fd, "404 Not Found", "", "{}");
	return true;
}

static void
serve(int listener)
{
	static char request[300000];

	signal(SIGCHLD, SIG_IGN);
	for (;;)
	{
		int			fd = accept(listener, NULL, NULL);
		int			nth = 0;

		if (fd < 0)
			continue;
		__sync_fetch_and_add(&shared->connections, 1);
		if (fork() != 0)
		{
			close(fd);
			continue;
		}
		close(listener);
		alarm(120);
		while (read_request(fd, request, sizeof(request)))
		{
			__sync_fetch_and_add(&shared->requests, 1);
			if (!answer(fd, request, ++nth))
				break;
		}
		close(fd);
		_exit(0);
	}
}

static int
listen_somewhere(int *listener)
{
	struct sockaddr_in address;
	socklen_t	len = sizeof(address);

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*listener = socket(AF_INET, SOCK_STREAM, 0);
	if (*listener < 0 || bind(*listener, (struct sockaddr *) &address, sizeof(address)) != 0 ||
		getsockname(*listener, (struct sockaddr *) &address, &len) != 0)
	{
		printf("Bail out! no listening socket\n");
		exit(1);
	}
	return ntohs(address.sin_port);
}

static void
start_server(void)
{
	int			listener;
	FILE	   *gzip = popen("head -c 64000000 /dev/zero | gzip -c", "r");

	if (gzip)
	{
		bomb_len = fread(bomb, 1, sizeof(bomb), gzip);
		pclose(gzip);
	}
	shared = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	port = listen_somewhere(&listener);
	listen(listener, 50);
	server_pid = fork();
	if (server_pid == 0)
	{
		setpgid(0, 0);
		fclose(stdout);
		serve(listener);
	}
	setpgid(server_pid, server_pid);
	close(listener);
}

/*
 * The tests
 */

static BcdHttpTarget target = {"secret-token", NULL, 5000, true};
static const char *host = "127.0.0.1";

static BcdHttpRequest *
start(const char *method, const char *path, const char *body)
{
	char		url[1024];
	BcdHttpRequest *request;

	snprintf(url, sizeof(url), "http://%s:%d%s", host, port, path);
	request = bcd_http_request(method, url, body);
	bcd_http_start(request, &target);
	return request;
}

/* The next request that is over, within 20 s */
static BcdHttpRequest *
next_done(void)
{
	BcdHttpRequest *request;
	int64		until = now_ms() + 20000;

	while ((request = bcd_http_next_done()) == NULL && now_ms() < until)
		bcd_http_wait(1000, 0);
	if (request == NULL)
	{
		printf("Bail out! a request does not come back\n");
		kill(-server_pid, SIGTERM);
		exit(1);
	}
	return request;
}

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
	ok(strstr(request->reply, "\r\nX-Auth-Token: secret-token\r\n") != NULL, "token");
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

/* TCP sockets that the process has open */
static int
open_sockets(void)
{
	int			n = 0;
	int			fd;

	for (fd = 3; fd < 1000; fd++)
	{
		struct sockaddr_in address;
		socklen_t	len = sizeof(address);

		n += getsockname(fd, (struct sockaddr *) &address, &len) == 0 && address.sin_family == AF_INET;
	}
	return n;
}

static void
test_many(void)
{
	BcdHttpRequest *requests[20];
	int			i;
	int			replied = 0;
	int			sets = sets_made;
	int64		began = now_ms();

	for (i = 0; i < 20; i++)
	{
		requests[i] = start("GET", "/slow/200", NULL);
		requests[i]->owner = &requests[i];
	}
	is_int(bcd_http_in_flight(), 20, "many at once");
	for (i = 0; i < 20; i++)
	{
		BcdHttpRequest *request = next_done();

		replied += request->status == 200 && *(BcdHttpRequest **) request->owner == request;
		bcd_http_free(request);
	}
	is_int(replied, 20, "all come back");
	is_int(bcd_http_in_flight(), 0, "none is left");
	ok(now_ms() - began < 3000, "beside each other");
	is_int(external_fds, open_sockets(), "connections are counted");
	ok(sets_made - sets < 100, "the wait event set is not made for each wait: %d", sets_made - sets);

	/*
	 * one connection, many requests: the set is the same as long as the
	 * socket is
	 */
	sets = sets_made;
	for (i = 0; i < 50; i++)
	{
		BcdHttpRequest *request = start("GET", "/slow/0", NULL);

		if (next_done() != request)
			printf("Bail out! another request\n");
		bcd_http_free(request);
	}
	ok(sets_made - sets <= 110, "sets made for 50 requests in a row: %d", sets_made - sets);
}

static void
test_abandon(void)
{
	BcdHttpRequest *a;
	BcdHttpRequest *b;
	BcdHttpRequest *c;
	int64		began;

	a = start("POST", "/slow/3000", "{}");
	bcd_http_wait(100, 0);
	began = now_ms();
	bcd_http_abandon(a);
	ok(now_ms() - began < 100, "a request is abandoned at once");
	is_int(a->fate, BCD_HTTP_UNKNOWN, "it may have been seen");
	is_text(a->error, "given up", "why there is no reply");
	is_int(bcd_http_in_flight(), 0, "it is not under way");
	ok(bcd_http_next_done() == NULL, "it does not come back");
	bcd_http_abandon(a);
	bcd_http_free(a);

	a = start("GET", "/slow/3000", NULL);
	bcd_http_free(a);
	is_int(bcd_http_in_flight(), 0, "freeing abandons");

	a = bcd_http_request("GET", "http://no-such-host.invalid/", NULL);
	bcd_http_start(a, &target);
	bcd_http_abandon(a);
	is_int(a->fate, BCD_HTTP_NOT_SENT, "one that looks up its host was not sent");
	bcd_http_free(a);

	/* among those that wait to be fetched */
	a = start("GET", "/slow/0", NULL);
	b = start("GET", "/slow/0", NULL);
	c = start("GET", "/slow/0", NULL);
	while (bcd_http_in_flight() > 0)
		bcd_http_wait(1000, 0);
	bcd_http_free(b);
	bcd_http_free(c);
	ok(bcd_http_next_done() == a, "the others come back");
	ok(bcd_http_next_done() == NULL, "and no more");
	bcd_http_free(a);
	a = start("GET", "/slow/0", NULL);
	ok(next_done() == a, "the queue is sound");
	bcd_http_free(a);
	bcd_http_free(bcd_http_request("GET", "http://x/", NULL));
	bcd_http_free(NULL);
}

static void
test_wait(void)
{
	BcdHttpRequest *request;
	int64		began = now_ms();

	bcd_http_wait(100, 0);
	ok(now_ms() - began >= 99 && now_ms() - began < 1000, "a wait without work ends in time");

	/* a latch that is set all the time must not starve the sockets */
	latch.is_set = true;
	request = start("GET", "/slow/100", NULL);
	ok(next_done() == request, "a request makes its way while the latch is set");
	ok(latch.is_set, "the latch is left as it is");
	latch.is_set = false;
	bcd_http_free(request);

	request = start("GET", "/slow/0", NULL);
	while (bcd_http_in_flight() > 0)
		bcd_http_wait(1000, 0);
	began = now_ms();
	bcd_http_wait(5000, 0);
	ok(now_ms() - began < 1000, "no wait while a request is there to be fetched");
	bcd_http_free(bcd_http_next_done());
}

/*
 * TLS, against "openssl s_server" where there is one.  It serves a file
 * "reply" from a directory with certificates made for the occasion.
 */

static char tls_dir[] = "/tmp/bcd_test_http_XXXXXX";

static bool
make_certificates(void)
{
	char		command[2048];

	if (mkdtemp(tls_dir) == NULL)
		return false;
	snprintf(command, sizeof(command),
			 "cd %s && exec >openssl.log 2>&1 && printf '{\"tls\":true}' >reply && "
			 "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && "
			 "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=bcdelta-test -days 2 && "
			 "for host in localhost elsewhere; do "
			 "openssl req $key -keyout $host.key -out $host.csr -subj /CN=$host && "
			 "echo subjectAltName=DNS:$host >$host.ext && "
			 "openssl x509 -req -in $host.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
			 "-extfile $host.ext -days 2 -out $host.pem || exit 1; done", tls_dir);
	return system(command) == 0;
}

/* The process of a server with that host's certificate, once it answers */
static pid_t
start_tls(const char *host, const char *protocol, int *tls_port)
{
	int			listener;
	int			tries;
	char		accept_at[32];
	char		cert[64];
	char		key[64];
	pid_t		pid;
	struct sockaddr_in address;

	*tls_port = listen_somewhere(&listener);
	close(listener);
	snprintf(accept_at, sizeof(accept_at), "127.0.0.1:%d", *tls_port);
	snprintf(cert, sizeof(cert), "%s.pem", host);
	snprintf(key, sizeof(key), "%s.key", host);
	pid = fork();
	if (pid == 0)
	{
		if (chdir(tls_dir) != 0 || freopen("server.log", "a", stdout) == NULL ||
			freopen("server.log", "a", stderr) == NULL)
			_exit(1);
		execlp("openssl", "openssl", "s_server", "-accept", accept_at, "-cert", cert, "-key", key,
			   "-cipher", "DEFAULT@SECLEVEL=0", protocol, "-WWW", (char *) NULL);
		_exit(1);
	}
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(*tls_port);
	for (tries = 0; tries < 200; tries++)
	{
		int			fd = socket(AF_INET, SOCK_STREAM, 0);
		int			rc = connect(fd, (struct sockaddr *) &address, sizeof(address));

		close(fd);
		if (rc == 0)
			break;
		usleep(20000);
	}
	return pid;
}

static void
tls_request(int tls_port, const char *ca_file, BcdHttpFate fate, const char *error, const char *name)
{
	char		url[128];
	BcdHttpTarget tls_target = {"secret-token", ca_file, 5000, false};
	BcdHttpRequest *request;

	tls_target.loopback = true; /* no proxy */
	snprintf(url, sizeof(url), "https://localhost:%d/reply", tls_port);
	request = bcd_http_request("GET", url, NULL);
	bcd_http_start(request, &tls_target);
	if (next_done() != request)
		printf("Bail out! another request\n");
	is_int(request->fate, fate, name);
	ok(strstr(request->error, error) != NULL, "%s: \"%s\"", name, request->error);
	if (fate == BCD_HTTP_REPLIED)
		is_text(request->reply, "{\"tls\":true}", name);
	bcd_http_free(request);
}

static void
test_tls(void)
{
	char		ca_file[128];
	char		other_file[128];
	char		command[512];
	int			tls_port;
	pid_t		pid;

	if (!make_certificates())
	{
		printf("# no openssl: TLS is not tested\n");
		return;
	}
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", tls_dir);
	snprintf(other_file, sizeof(other_file), "%s/other.pem", tls_dir);

	pid = start_tls("localhost", "-tls1_2", &tls_port);
	tls_request(tls_port, NULL, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"an unknown authority");
	tls_request(tls_port, ca_file, BCD_HTTP_REPLIED, "", "with ca_file");
	tls_request(tls_port, NULL, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"not without it, though a connection is open");

	/* the file changes under us */
	snprintf(command, sizeof(command), "cp %s %s", ca_file, other_file);
	ok(system(command) == 0, "copied");
	tls_request(tls_port, other_file, BCD_HTTP_REPLIED, "", "another ca_file");
	snprintf(command, sizeof(command), "echo nothing >%s", other_file);
	ok(system(command) == 0, "emptied");
	tls_request(tls_port, other_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"a ca_file without the authority");
	snprintf(command, sizeof(command), "cp %s %s", ca_file, other_file);
	ok(system(command) == 0, "copied again");
	tls_request(tls_port, other_file, BCD_HTTP_REPLIED, "", "and with it again");
	snprintf(command, sizeof(command), "rm %s", other_file);
	ok(system(command) == 0, "removed");
	tls_request(tls_port, other_file, BCD_HTTP_NOT_SENT, "could not read ca_file", "and without a file");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	pid = start_tls("elsewhere", "-tls1_2", &tls_port);
	tls_request(tls_port, ca_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"another host's certificate");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	pid = start_tls("localhost", "-tls1_1", &tls_port);
	tls_request(tls_port, ca_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"a protocol that is too old");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	snprintf(command, sizeof(command), "rm -r %s", tls_dir);
	ok(system(command) == 0, "cleaned up");
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
	test_large();
	test_failures();
	test_reuse();
	test_many();
	test_abandon();
	test_wait();
	test_tls();
	test_loopback();
	kill(-server_pid, SIGTERM);
	waitpid(server_pid, NULL, 0);
	return tap_done();
}
