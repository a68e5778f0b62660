/*
 * backend.h
 *		Stand-ins for what the backend provides to sockets.c and http.c.
 *
 * Latch, wait event set, file descriptors, random bytes and error reports.
 */
#ifndef BCD_BACKEND_H
#define BCD_BACKEND_H

#include "postgres.h"

#include <poll.h>
#include <sys/random.h>

#include "storage/fd.h"
#include "storage/latch.h"

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
	occurred->events = latch.is_set ? WL_LATCH_SET : 0;
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

#endif							/* BCD_BACKEND_H */
