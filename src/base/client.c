/*
 * client.c
 *		Is the client of this session still there?
 *
 * PostgreSQL itself checks only when it reads from or writes to the client, or
 * if client_connection_check_interval is set. A function that waits for hours
 * does neither.
 */
#include "postgres.h"

#include <poll.h>
#include <sys/socket.h>

#include "miscadmin.h"

#include "base/client.h"
#include "base/compat.h"

/*
 * Has the other end of a connection gone? Data that it sent before may still
 * be unread: a Terminate message, the end of a TLS session.
 */
static bool
peer_is_gone(pgsocket sock)
{
#ifdef POLLRDHUP
	struct pollfd fd = {.fd = sock,.events = POLLRDHUP};

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
#else
	char		byte;

	return recv(sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
#endif
}

/*
 * Ends the session when its client has gone, because nobody waits for the
 * result. A session without a client (a background worker's) has none to lose.
 */
void
bcd_client_check(void)
{
	if (MyProcPort == NULL || bcd_client_socket() == PGINVALID_SOCKET ||
		!peer_is_gone(bcd_client_socket()))
		return;
	ClientConnectionLost = true;
	InterruptPending = true;
	CHECK_FOR_INTERRUPTS();
}
