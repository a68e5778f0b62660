/*
 * row_security.c
 *		Rows that row-level security hides from a feed's owner.
 *
 * A row that is hidden looks as if it had been deleted, so a feed that hides or
 * deletes the records of deleted rows must see all rows.  Row-level security
 * can be enabled at any time: this is checked when a feed is made or altered,
 * when a run begins, and for each row that is not found, while the source is
 * locked.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/rls.h"

#include "feed/row_security.h"

static bool
may_hide(Oid source, Oid owner, BcdOnDelete on_delete)
{
	return on_delete != BCD_DELETE_IGNORE && check_enable_rls(source, owner, true) == RLS_ENABLED;
}

/* Raises an error if deleted and hidden rows of a feed could not be told apart. */
void
bcd_check_row_security(Oid source, Oid owner, BcdOnDelete on_delete)
{
	if (may_hide(source, owner, on_delete))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("on_delete \"%s\" is not possible for table \"%s\": it has row-level security",
						on_delete == BCD_DELETE_HIDE ? "hide" : "delete", get_rel_name(source)),
				 errdetail("Rows that are hidden from role \"%s\" would be treated as deleted.",
						   GetUserNameFromId(owner, false)),
				 errhint("Use on_delete => 'ignore', or a feed whose owner has BYPASSRLS.")));
}

/*
 * Raises an error if a row that was not found may be there, but hidden: it waits
 * until its feed is paused, by the next run.  In the transaction in which the
 * source was read, which keeps its lock.
 */
void
bcd_row_check_hidden(const BcdFeed *feed)
{
	if (may_hide(feed->source, feed->owner, feed->on_delete))
		ereport(ERROR,
				(errcode(BCD_ERRCODE_HIDDEN),
				 errmsg("table \"%s\" has got row-level security, which may hide the row", get_rel_name(feed->source))));
}
