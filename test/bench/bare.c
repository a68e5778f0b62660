/*
 * bare.c
 *		The least that a client of the API can do: requests one after the
 *		other over one kept connection, with one libcurl handle.
 *
 * Run by test/bench/push.  Replays a file of requests and prints what that
 * cost: requests, statuses other than 2xx, connections made, microseconds of
 * processor time in user mode and in the kernel.
 *
 *     bare BASE-URL TOKEN FILE TIMES [CA-FILE]
 *
 * A request in the file is a line "METHOD LENGTH PATH", that many bytes of a
 * body, and the end of a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <curl/curl.h>

typedef struct Reply
{
	char	   *text;
	size_t		len;
	size_t		size;
} Reply;

static void
fail(const char *what)
{
	fprintf(stderr, "bare: %s\n", what);
	exit(1);
}

static size_t
on_reply(char *data, size_t size, size_t n, void *arg)
{
	Reply	   *reply = arg;
	size_t		len = size * n;

	if (reply->len + len > reply->size)
	{
		reply->size = (reply->len + len) * 2;
		reply->text = realloc(reply->text, reply->size);
		if (reply->text == NULL)
			fail("out of memory");
	}
	memcpy(reply->text + reply->len, data, len);
	reply->len += len;
	return len;
}

/* The whole file, so that reading it is not in the measured time */
static char *
read_file(const char *name)
{
	FILE	   *file = fopen(name, "rb");
	char	   *text;
	long		len;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0)
		fail("cannot read the requests");
	rewind(file);
	text = malloc(len + 1);
	if (text == NULL || fread(text, 1, len, file) != (size_t) len)
		fail("cannot read the requests");
	text[len] = '\0';
	fclose(file);
	return text;
}

static long long
microseconds(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

int
main(int argc, char **argv)
{
	CURL	   *easy;
	struct curl_slist *headers = NULL;
	struct curl_slist *headers_with_body;
	Reply		reply = {0};
	struct rusage before;
	struct rusage after;
	char		line[256];
	char	   *text;
	char	   *p;
	int			times;
	long		requests = 0;
	long		bad = 0;
	long		connections = 0;

	if (argc < 5)
		fail("usage: bare BASE-URL TOKEN FILE TIMES [CA-FILE]");
	text = read_file(argv[3]);
	times = atoi(argv[4]);
	p = text;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	easy = curl_easy_init();
	if (easy == NULL)
		fail("no libcurl");
	snprintf(line, sizeof(line), "X-Auth-Token: %s", argv[2]);
	headers = curl_slist_append(headers, line);
	headers = curl_slist_append(headers, "Accept: application/json");
	headers = curl_slist_append(headers, "Expect:");
	headers_with_body = curl_slist_append(NULL, line);
	headers_with_body = curl_slist_append(headers_with_body, "Accept: application/json");
	headers_with_body = curl_slist_append(headers_with_body, "Expect:");
	headers_with_body = curl_slist_append(headers_with_body, "Content-Type: application/json");
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_reply);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &reply);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	if (argc > 5)
		curl_easy_setopt(easy, CURLOPT_CAINFO, argv[5]);

	getrusage(RUSAGE_SELF, &before);
	while (*p || --times > 0)
	{
		char		method[16];
		char		url[16384];
		long		len;
		int			at;
		int			path;
		char	   *end;
		long		status = 0;
		long		made = 0;

		if (*p == '\0')
			p = text;
		if (sscanf(p, "%15s %ld %n", method, &len, &path) != 2 || (end = strchr(p, '\n')) == NULL)
			fail("the file of requests is broken");
		at = snprintf(url, sizeof(url), "%s%.*s", argv[1], (int) (end - p - path), p + path);
		if (at >= (int) sizeof(url))
			fail("a path is too long");
		p = end + 1;
		reply.len = 0;
		curl_easy_setopt(easy, CURLOPT_URL, url);
		if (len > 0)
		{
			curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_with_body);
			curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, len);
			curl_easy_setopt(easy, CURLOPT_POSTFIELDS, p);
		}
		else
		{
			curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
			curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
		}
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
		if (curl_easy_perform(easy) != CURLE_OK)
			fail("a request failed");
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &made);
		bad += status < 200 || status > 299;
		connections += made;
		requests++;
		p += len + 1;
	}
	getrusage(RUSAGE_SELF, &after);
	printf("%ld %ld %ld %lld %lld\n", requests, bad, connections,
		   microseconds(after.ru_utime) - microseconds(before.ru_utime),
		   microseconds(after.ru_stime) - microseconds(before.ru_stime));
	curl_easy_cleanup(easy);
	return 0;
}
