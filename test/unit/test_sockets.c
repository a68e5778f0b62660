/*
 * test_sockets.c
 *		Many requests at once, requests that are given up, and waiting.
 */
#include "httptest.h"

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

	request = start("GET", "/big/8000000", NULL);
	bcd_http_wait(20000, 0);
	ok(bcd_http_next_done() == request, "a wait goes on until all parts of a reply have come");
	bcd_http_free(request);

	request = start("GET", "/slow/3000", NULL);
	began = now_ms();
	bcd_http_wait(200, 0);
	ok(now_ms() - began >= 199 && now_ms() - began < 2000, "a wait with work ends in time, too");
	bcd_http_free(request);

	request = start("GET", "/slow/0", NULL);
	while (bcd_http_in_flight() > 0)
		bcd_http_wait(1000, 0);
	began = now_ms();
	bcd_http_wait(5000, 0);
	ok(now_ms() - began < 1000, "no wait while a request is there to be fetched");
	bcd_http_free(bcd_http_next_done());
}

int
main(void)
{
	sigfillset(&BlockSig);
	setvbuf(stdout, NULL, _IOLBF, 0);
	start_server();
	test_many();
	test_abandon();
	test_wait();
	stop_server();
	return tap_done();
}
