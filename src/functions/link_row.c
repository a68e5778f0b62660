/*
 * link_row.c
 *		Links made by hand: bcdelta.link(feed, key, store_id),
 *		bcdelta.unlink().
 *
 * The worker reads these links with its next claim. If a row is already
 * claimed, the outcome of that claim will overwrite the link, so the functions
 * raise an error.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "base/shmem.h"
#include "engine/engine.h"
#include "engine/referrers.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "feed/key.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "payload/payload.h"
#include "tables/adjustment.h"
#include "tables/feed_state.h"
#include "tables/conflict.h"
#include "tables/link.h"
#include "tables/pending.h"
#include "tables/undo.h"

PG_FUNCTION_INFO_V1(bcdelta_link_row);
PG_FUNCTION_INFO_V1(bcdelta_unlink);

/* SPI must be connected. */
static void
check_not_in_flight(const BcdFeed *feed, const char *key)
{
	if (bcd_pending_is_in_flight(feed->name, key))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", key, feed->name),
				 errhint("Try again after the run has ended; bcdelta.cancel() stops it.")));
}

/* Raises an error unless the server leads to the store of the feed's links. */
static void
check_store(const BcdFeed *feed)
{
	if (feed->server_store == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" of feed \"%s\" does not exist", feed->server, feed->name)));
	if (feed->halt == BCD_HALT_STORE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" is paused: %s", feed->name, feed->paused_reason)));
}

/*
 * Links a source row to a record of the store, replacing any link of the row.
 * The contents of the record are unknown, so the next push of the row sends
 * every field.
 */
Datum
bcdelta_link_row(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	char	   *key;
	int64		store_id = PG_GETARG_INT64(2);
	BcdRights	rights;
	char	   *other;
	int64		before;
	bool		exists;

	bcd_check_writable("bcdelta.link()");
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "link rows of");
	if (store_id <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"store_id\" must be greater than zero")));
	if (feed->resource->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a record of resource %s has no id that a row could be linked to", feed->resource->name),
				 errdetail("It is identified by the values of the row."),
				 errhint("SELECT bcdelta.link(%s) links all rows whose records exist.", quote_literal_cstr(feed->name))));
	check_store(feed);
	key = bcd_key_given(feed, bcd_arg_text(fcinfo, 1));
	/* a claim that does not see the link yet would later overwrite it */
	bcd_links_add(feed->feed_id);
	bcd_spi_begin(&rights);
	exists = bcd_feed_exists(feed, key);
	bcd_spi_end(&rights);
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the source of feed \"%s\" has no row %s", feed->name, key)));
	bcd_spi_begin(&rights);
	other = bcd_link_key_but(feed->name, store_id, key);
	if (other)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("record " INT64_FORMAT " of feed \"%s\" is already linked to row %s",
						store_id, feed->name, other),
				 errhint("SELECT bcdelta.unlink(%s, %s) forgets that link.", quote_literal_cstr(feed->name),
						 quote_literal_cstr(other))));
	check_not_in_flight(feed, key);
	/* rows that refer to the previous record have to be written again */
	before = bcd_link_id_but(feed->name, key, store_id);
	if (before != 0)
	{
		bcd_note_referrers(feed, before);
		(void) bcd_adjustments_delete(feed->name, key);
	}
	bcd_link_put(feed->name, key, store_id);
	bcd_note_deferred(feed, key);
	bcd_feed_settle_in(feed->name, feed->server_store);
	bcd_spi_end(&rights);
	bcd_decided("link", feed->name, key, NULL, bcd_payload_set_integer(NULL, "store_id", store_id));
	bcd_feed_free(feed);
	PG_RETURN_VOID();
}

/* Removes the link of one row; the key may be written differently. */
static int64
unlink_row(const BcdFeed *feed, const char *key)
{
	BcdRights	rights;
	int64		store_id = 0;
	char	   *address;

	bcd_spi_begin(&rights);
	check_not_in_flight(feed, key);
	address = bcd_link_delete(feed->name, key, &store_id);
	(void) bcd_adjustments_delete(feed->name, key);
	if (address)
		bcd_conflicts_forget(feed->name, address);
	if (store_id != 0)
		bcd_note_referrers(feed, store_id);
	bcd_spi_end(&rights);
	return address ? 1 : 0;
}

/*
 * Forgets everything that the feed knows about its store. If the server now
 * leads to another store, a user has to confirm that the feed is meant for it.
 */
static int64
unlink_all(const BcdFeed *feed)
{
	char	   *reason = NULL;
	BcdRights	rights;
	uint64		n;

	if (feed->halt == BCD_HALT_STORE)
		reason = psprintf("its links to store %s were forgotten; bcdelta.resume(%s) moves it to store %s",
						  feed->store, quote_literal_cstr(feed->name), feed->server_store);
	bcd_spi_begin(&rights);
	n = bcd_links_delete(feed->name);
	(void) bcd_adjustments_delete(feed->name, NULL);
	bcd_conflicts_forget(feed->name, NULL);
	bcd_undo_forget(feed->name);
	bcd_pending_reset(feed->name);
	bcd_feed_forget_store(feed->name, reason);
	bcd_spi_end(&rights);
	if (n > 0)
		ereport(NOTICE,
				(errmsg("changes that were pushed to the old records are not pending for new ones"),
				 errhint("SELECT bcdelta.mark_all(%s) marks every row; a row that agrees with its record costs no request.",
						 quote_literal_cstr(feed->name))));
	return n;
}

/*
 * bcdelta.unlink(feed, key): returns the number of links removed.
 *
 * Without a key, this works even if the source or the server no longer exist.
 */
Datum
bcdelta_unlink(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	char	   *key = bcd_arg_text(fcinfo, 1);
	int64		n;

	bcd_check_writable("bcdelta.unlink()");
	bcd_check_not_null(fcinfo, 0, "feed");
	feed = bcd_feed_read(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "unlink rows of");
	bcd_links_take(feed->feed_id);
	if (key == NULL)
		n = unlink_all(feed);
	else
	{
		n = unlink_row(feed, key);
		if (n == 0)
		{
			bcd_feed_free(feed);
			feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
			n = unlink_row(feed, bcd_key_given(feed, key));
		}
	}
	if (n > 0 || key == NULL)
		bcd_decided("unlink", feed->name, key, NULL, bcd_payload_set_integer(NULL, "links", n));
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(n);
}
