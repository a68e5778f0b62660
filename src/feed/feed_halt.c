/*
 * feed_halt.c
 *		Feeds that may not be pushed because of where they are, or where to.
 *
 * A feed in a copy of its database, and one whose server leads to another
 * store than its links, read as paused from that moment on, whatever the
 * table says.  The worker writes it down when it comes by (feed_state.c).
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "feed/database_identity.h"
#include "feed/feed_halt.h"

/* How this reason begins; it is told from others by that */
#define REASON_STORE	"its links belong to store "

/*
 * What keeps a feed from being pushed, and why, in words.
 *
 * store: what its links belong to, or NULL; has_links: there are some, or a
 * record may have been created there; present: what its server leads to, or
 * NULL.
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
 * Is this why a feed was paused that nothing halts any more?  A server that
 * leads back to the store of the links leaves nothing to be decided; other
 * reasons are a person's to take back.
 */
bool
bcd_halt_is_over(const char *paused_reason)
{
	return paused_reason && strncmp(paused_reason, REASON_STORE, strlen(REASON_STORE)) == 0;
}
