/*
 * badserver.h
 *		A server that misbehaves as it is asked to.
 *
 * It is a child process that answers plain http on loopback; the request's
 * path says how.  It counts, in shared memory, the requests that it has read
 * as a whole: what a store would have carried out.
 */
#ifndef BCD_BADSERVER_H
#define BCD_BADSERVER_H

#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
	else if (strncmp(path, "/page/", 6) == 0)
	{
		char		line[32];

		snprintf(line, sizeof(line), "%d Page", atoi(path + 6));
		send_reply(fd, line, "Content-Type: text/html\r\nX-Rate-Limit-Requests-Left: 7\r\n",
				   "\xEF\xBB\xBF\n<!DOCTYPE html><html><head><title lang='en'>\n secret-token\nis\ta &amp; b </title>");
	}
	else if (strncmp(path, "/untitled", 9) == 0)
		send_reply(fd, "403 Forbidden", "Content-Type: application/json\r\n", "<p>no<title");
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

static void
stop_server(void)
{
	/* a test may do without one, and the group 0 is our own */
	if (server_pid > 0)
	{
		kill(-server_pid, SIGTERM);
		waitpid(server_pid, NULL, 0);
	}
}

#endif							/* BCD_BADSERVER_H */
