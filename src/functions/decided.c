/*
 * decided.c
 *		Writes what a session has decided into bcdelta.journal, and
 *		bcdelta.note().
 *
 * A decision is that of the role that has logged in, whatever role it has
 * assumed since.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "payload/payload.h"
#include "tables/feed.h"
#include "tables/journal.h"

PG_FUNCTION_INFO_V1(bcdelta_note);

/*
 * Writes an entry for the session; returns its number.  SPI must not be
 * connected.
 */
int64
bcd_decided_on(const char *what, const char *server, const char *feed, const char *key,
			   const char *reason, Jsonb *detail)
{
	BcdJournalEntry decision = {what, server, feed, key, NULL, application_name, reason, detail};
	BcdRights	rights;
	int64		id;

	decision.by = GetUserNameFromId(GetSessionUserId(), true);
	bcd_spi_begin(&rights);
	id = bcd_journal(&decision);
	bcd_spi_end(&rights);
	return id;
}

/* The same where the feed says which server it is */
int64
bcd_decided(const char *what, const char *feed, const char *key, const char *reason, Jsonb *detail)
{
	return bcd_decided_on(what, NULL, feed, key, reason, detail);
}

/* Adds a text to what the journal says of a decision; NULL adds nothing. */
Jsonb *
bcd_detail_text(Jsonb *detail, const char *name, const char *value)
{
	JsonbValue	v;

	if (value == NULL)
		return detail;
	v.type = jbvString;
	v.val.string.val = unconstify(char *, value);
	v.val.string.len = strlen(value);
	return bcd_payload_set(detail, name, &v);
}

/* Raises an error unless the current user may use the store of a feed. */
static void
check_uses_a_store(void)
{
	BcdRights	rights;
	Oid			role = GetUserId();
	bool		any;

	bcd_spi_begin(&rights);
	any = bcd_feed_servers(role) != NIL;
	bcd_spi_end(&rights);
	if (!any)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to write into the journal"),
				 errdetail("A note needs USAGE on the server of a feed.")));
}

/* Returns a key as the feed spells it. */
static char *
key_of(const char *feed_name, const char *key)
{
	BcdFeed    *feed = bcd_feed_load(feed_name, false);
	char	   *spelled = bcd_key_given(feed, key);

	bcd_feed_free(feed);
	return spelled;
}

/*
 * bcdelta.note(note, feed, key): returns the number of the entry.
 */
Datum
bcdelta_note(PG_FUNCTION_ARGS)
{
	char	   *note = bcd_arg_text(fcinfo, 0);
	char	   *feed = bcd_arg_text(fcinfo, 1);
	char	   *key = bcd_arg_text(fcinfo, 2);

	bcd_check_writable("bcdelta.note()");
	bcd_check_reason(note, "note");
	if (key && feed == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"key\" needs argument \"feed\"")));
	if (feed)
	{
		BcdFeed    *found = bcd_feed_read(feed, false);

		bcd_feed_check_owner(found, "write notes on");
		bcd_feed_free(found);
	}
	else
		check_uses_a_store();
	if (key)
		key = key_of(feed, key);
	PG_RETURN_INT64(bcd_decided("note", feed, key, note, NULL));
}
