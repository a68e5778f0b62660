/*
 * httptest.h
 *		The HTTP client with all that it is made of, and requests of it.
 *
 * To be included first, in place of postgres.h.
 */
#ifndef BCD_HTTPTEST_H
#define BCD_HTTPTEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "postgres.h"

#define EXTVERSION "1.2.3"

#include "../../src/http/sockets.c"
#include "../../src/http/certificates.c"
#include "../../src/http/transfer.c"
#include "../../src/base/secret.c"
#include "../../src/http/page.c"
#include "../../src/http/transfer_result.c"
#include "../../src/http/http.c"
#include "backend.h"
#include "badserver.h"
#include "tap.h"

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
		stop_server();
		exit(1);
	}
	return request;
}

#endif							/* BCD_HTTPTEST_H */
