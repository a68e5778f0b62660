/*
 * feed_halt.c
 *		Halts feeds that must not be pushed from this database, or to this
 *		store.
 *
 * A feed in a copy of its database, and one whose server leads to another
 * store than its links, appear paused from that moment on, whatever their row
 * in the table contains. The worker records it later (feed_state.c).
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "feed/database_identity.h"
#include "feed/feed_halt.h"

/* The beginning of this reason, by which it is recognized */
#define REASON_STORE	"its links belong to store "

/*
 * Determines what keeps a feed from being pushed, and why.
 *
 * store: the store that its links belong to, or NULL; has_links: it has links,
 * or may have created a record there; present: the store that its server leads
 * to, or NULL.
 */
BcdHalt
bcd_halt(const char *feed, const char *home, const char *store, bool has_links,
		 const char *server, const char *present, char **reason)
{
	char	   *trouble = bcd_home_trouble(home);

	if (trouble)
	{
		*reason = psprintf("%s; bcdelta.resume(%s) makes this copy the source", trouble,
						   quote_literal_cstr(feed));
		return BCD_HALT_COPY;
	}
	if (store && has_links && present && strcmp(store, present) != 0)
	{
		*reason = psprintf(REASON_STORE "%s, and server \"%s\" now leads to store %s; bcdelta.unlink(%s) forgets them; if the server's options are restored, the feed resumes",
						   store, server, present, quote_literal_cstr(feed));
		return BCD_HALT_STORE;
	}
	return BCD_NO_HALT;
}

/*
 * Is this the reason of a paused feed that is no longer halted? When a server
 * leads back to the store of the links, there is nothing to decide; other
 * pauses must be ended by a person.
 */
bool
bcd_halt_is_over(const char *paused_reason)
{
	return paused_reason && strncmp(paused_reason, REASON_STORE, strlen(REASON_STORE)) == 0;
}
