/*
 * sockets.c
 *		Waits for libcurl's sockets and timer in a WaitEventSet.
 *
 * libcurl reports which sockets and which timer it waits for; we wait for them
 * together with the process latch and the postmaster's death, and report the
 * events to libcurl. The sockets count towards the server's limit of file
 * descriptors.
 *
 * The functions that libcurl calls back only write to malloc'd memory and
 * never throw.  Signals are blocked while libcurl runs: it may start a thread
 * to look up a host name, and a thread inherits the mask of its maker; a
 * signal handler of the server must not run in that thread.
 */
#include "postgres.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/compat.h"
#include "libpq/pqsignal.h"
#include "portability/instr_time.h"
#include "http/sockets.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

/* Without this flag, poll() notices only broken connections. */
#ifdef POLLRDHUP
#define CLOSED_BY_PEER	POLLRDHUP
#else
#define CLOSED_BY_PEER	0
#endif

typedef struct Socket
{
	curl_socket_t fd;
	uint32		events;			/* what libcurl waits for, as WL_ bits */
	uint32		set_events;		/* what the set below waits for */
	int			position;		/* in the set */
} Socket;

static Socket *sockets = NULL;
static int	nsockets = 0;
static int	sockets_size = 0;
static bool sockets_changed = true; /* the set has to be made anew */

static struct pollfd *connections = NULL;	/* the open ones, idle or not */
static uint32 *connection_hosts = NULL; /* and where they lead: host_of() */
static int	nconnections = 0;
static int	connections_size = 0;

static int64 timer_at = -1;		/* monotonic ms, -1: no timer */

static WaitEventSet *wait_set = NULL;
static Latch *wait_latch = NULL;	/* the latch in the set */

static int	on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg);
static void forget_socket(curl_socket_t fd);
static bool remember_connection(curl_socket_t fd, uint32 host);
static void forget_connection(curl_socket_t fd);
static int	on_timer(CURLM *multi, long timeout_ms, void *arg);
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address);
static int	on_close(void *arg, curl_socket_t fd);
static void prepare_wait_set(void);
static void act(CURLM *multi, curl_socket_t fd, int bits);
static int64 now_ms(void);

/* Make libcurl report its sockets and its timer */
CURLMcode
bcd_sockets_attach(CURLM *multi)
{
	CURLMcode	rc;

	rc = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	if (rc == CURLM_OK)
		rc = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	return rc;
}

/*
 * A hash of the part of a URL that determines which connections may be used. A
 * collision costs no more than a new connection.
 */
static uint32
host_of(const char *url)
{
	const char *end = strstr(url, "://");
	uint32		hash = 2166136261u; /* FNV-1a */

	end = end ? end + strlen("://") : url;
	for (end += strcspn(end, "/?"); url < end; url++)
		hash = (hash ^ (unsigned char) *url) * 16777619u;
	return hash;
}

/* Track the connections that this handle opens */
CURLcode
bcd_sockets_account(CURL *easy, const char *url)
{
	CURLcode	rc;

	rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, (void *) (uintptr_t) host_of(url));
	if (rc == CURLE_OK)
		rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	return rc;
}

/*
 * Has the other side closed a connection that libcurl may want to use for this
 * URL?
 *
 * libcurl checks this itself, but since 8.22 at most once a second.
 */
bool
bcd_sockets_any_closed(const char *url)
{
	uint32		host = host_of(url);
	int			i;

	if (nconnections == 0 || poll(connections, nconnections, 0) <= 0)
		return false;
	for (i = 0; i < nconnections; i++)
		if (connection_hosts[i] == host &&
			(connections[i].revents & (CLOSED_BY_PEER | POLLERR | POLLHUP)))
			return true;
	return false;
}

/*
 * Wait until the latch is set, a socket is ready, a timer is due or the
 * timeout has passed (-1: none), then let libcurl work.  Leaves the latch as
 * it is; returns whether it has ended the wait.
 */
bool
bcd_sockets_wait(CURLM *multi, long timeout_ms, uint32 wait_event_info)
{
	WaitEvent	event;
	bool		latch_is_set;

	if (timer_at >= 0)
	{
		long		left = (long) Max(timer_at - now_ms(), 0);

		if (timeout_ms < 0 || left < timeout_ms)
			timeout_ms = left;
	}
	prepare_wait_set();
	latch_is_set = WaitEventSetWait(wait_set, timeout_ms, &event, 1, wait_event_info) > 0 && event.events & WL_LATCH_SET;
	bcd_sockets_drive(multi);
	return latch_is_set;
}

/*
 * Let libcurl do all work that does not need waiting.
 *
 * The sockets are checked here rather than in the result of the wait, which
 * may report only the latch: even if the latch is set all the time, the
 * sockets must get their turn.
 */
void
bcd_sockets_drive(CURLM *multi)
{
	static struct pollfd *ready = NULL;
	static int	ready_size = 0;
	int			n = nsockets;
	int			i;

	if (n > ready_size)
	{
		struct pollfd *more = realloc(ready, n * sizeof(struct pollfd));

		if (more == NULL)
			n = ready_size;		/* the others get their turn later */
		else
		{
			ready = more;
			ready_size = n;
		}
	}
	for (i = 0; i < n; i++)
	{
		ready[i].fd = sockets[i].fd;
		ready[i].events = ((sockets[i].events & WL_SOCKET_READABLE) ? POLLIN : 0) |
			((sockets[i].events & WL_SOCKET_WRITEABLE) ? POLLOUT : 0);
		ready[i].revents = 0;
	}
	if (n > 0 && poll(ready, n, 0) > 0)
	{
		/* the sockets may change below; libcurl ignores those that are gone */
		for (i = 0; i < n; i++)
		{
			int			bits = 0;

			if (ready[i].revents & POLLIN)
				bits |= CURL_CSELECT_IN;
			if (ready[i].revents & POLLOUT)
				bits |= CURL_CSELECT_OUT;
			if (ready[i].revents & (POLLERR | POLLHUP | POLLNVAL))
				bits |= CURL_CSELECT_ERR;
			if (bits != 0)
				act(multi, ready[i].fd, bits);
		}
	}
	if (timer_at >= 0 && now_ms() >= timer_at)
	{
		timer_at = -1;
		act(multi, CURL_SOCKET_TIMEOUT, 0);
	}
}

/* Any call that makes libcurl work goes between these two */
void
bcd_sockets_block_signals(sigset_t *saved)
{
	(void) sigprocmask(SIG_SETMASK, &BlockSig, saved);
}

void
bcd_sockets_restore_signals(const sigset_t *saved)
{
	(void) sigprocmask(SIG_SETMASK, saved, NULL);
}

static void
act(CURLM *multi, curl_socket_t fd, int bits)
{
	sigset_t	saved;
	int			running;

	/* its result only reports misuse: the outcome comes with each request */
	bcd_sockets_block_signals(&saved);
	(void) curl_multi_socket_action(multi, fd, bits, &running);
	bcd_sockets_restore_signals(&saved);
}

/* libcurl now waits for other events of a socket, or no longer for any */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	uint32		events;
	int			i;

	if (what == CURL_POLL_REMOVE)
	{
		forget_socket(fd);
		return 0;
	}
	for (i = 0; i < nsockets && sockets[i].fd != fd; i++)
		;
	if (i == nsockets)
	{
		if (nsockets == sockets_size)
		{
			Socket	   *more = realloc(sockets, (sockets_size + 16) * sizeof(Socket));

			if (more == NULL)
				return -1;
			sockets = more;
			sockets_size += 16;
		}
		sockets[nsockets].fd = fd;
		sockets[nsockets++].events = 0;
		sockets_changed = true;
	}
	events = ((what & CURL_POLL_IN) ? WL_SOCKET_READABLE : 0) |
		((what & CURL_POLL_OUT) ? WL_SOCKET_WRITEABLE : 0);
	if (events == 0 || sockets[i].events == 0)
		sockets_changed = true; /* the set takes none without events */
	sockets[i].events = events;
	return 0;
}

static void
forget_socket(curl_socket_t fd)
{
	int			i;

	for (i = 0; i < nsockets; i++)
	{
		if (sockets[i].fd == fd)
		{
			sockets[i] = sockets[--nsockets];
			sockets_changed = true;
			return;
		}
	}
}

static int
on_timer(CURLM *multi, long timeout_ms, void *arg)
{
	/* a millisecond may have begun: rather late than twice */
	timer_at = timeout_ms < 0 ? -1 : now_ms() + timeout_ms + (timeout_ms > 0 ? 1 : 0);
	return 0;
}

static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	curl_socket_t fd;

	if (!AcquireExternalFD())
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype, address->protocol);
	if (fd != CURL_SOCKET_BAD && !remember_connection(fd, (uint32) (uintptr_t) arg))
	{
		close(fd);
		fd = CURL_SOCKET_BAD;
	}
	if (fd == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	return fd;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	/* the next socket may get the same number, and must be added to the set */
	forget_socket(fd);
	forget_connection(fd);
	ReleaseExternalFD();
	return close(fd);
}

static bool
remember_connection(curl_socket_t fd, uint32 host)
{
	if (nconnections == connections_size)
	{
		int			size = connections_size + 16;
		struct pollfd *more = realloc(connections, size * sizeof(struct pollfd));
		uint32	   *hosts = realloc(connection_hosts, size * sizeof(uint32));

		if (more)
			connections = more;
		if (hosts)
			connection_hosts = hosts;
		if (more == NULL || hosts == NULL)
			return false;
		connections_size = size;
	}
	connection_hosts[nconnections] = host;
	connections[nconnections].fd = fd;
	connections[nconnections].revents = 0;
	connections[nconnections++].events = CLOSED_BY_PEER;
	return true;
}

static void
forget_connection(curl_socket_t fd)
{
	int			i;

	for (i = 0; i < nconnections; i++)
	{
		if (connections[i].fd == fd)
		{
			connections[i] = connections[--nconnections];
			connection_hosts[i] = connection_hosts[nconnections];
			return;
		}
	}
}

/*
 * Bring the wait event set up to date. Creating a set costs several system
 * calls, so it is kept as long as the sockets stay the same.
 */
static void
prepare_wait_set(void)
{
	int			i;

	if (wait_set && wait_latch == MyLatch && !sockets_changed)
	{
		for (i = 0; i < nsockets; i++)
		{
			if (sockets[i].events == sockets[i].set_events)
				continue;
			ModifyWaitEvent(wait_set, sockets[i].position, sockets[i].events, NULL);
			sockets[i].set_events = sockets[i].events;
		}
		return;
	}

	if (wait_set)
		FreeWaitEventSet(wait_set);
	wait_set = NULL;			/* making the new one may fail */
	sockets_changed = true;
	wait_set = bcd_create_wait_event_set(nsockets + 2);
	wait_latch = MyLatch;
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (i = 0; i < nsockets; i++)
	{
		sockets[i].set_events = sockets[i].events;
		if (sockets[i].events == 0)
			continue;
		sockets[i].position = AddWaitEventToSet(wait_set, sockets[i].events, sockets[i].fd,
												NULL, NULL);
	}
	sockets_changed = false;
}

static int64
now_ms(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MILLISEC(now);
}
