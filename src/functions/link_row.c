/*
 * link_row.c
 *		Links by hand: bcdelta.link(feed, key, store_id), bcdelta.unlink().
 *
 * What a session writes here the worker reads with its next claim.  A row
 * that is claimed already has its link written by what comes of the claim, so
 * it is refused for the moment.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
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
#include "tables/feed_state.h"

PG_FUNCTION_INFO_V1(bcdelta_link_row);
PG_FUNCTION_INFO_V1(bcdelta_unlink);

static BcdStatement in_flight = {
	"SELECT FROM bcdelta.pending WHERE feed = $1 AND key = $2 AND state = 'in_flight'",
	2, {TEXTOID, TEXTOID}
};

/* SPI is connected. */
static void
check_not_in_flight(const BcdFeed *feed, const char *key)
{
	Datum		args[2];

	args[0] = CStringGetTextDatum(feed->name);
	args[1] = CStringGetTextDatum(key);
	if (bcd_execute(&in_flight, args, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("row %s of feed \"%s\" is being pushed at this moment", key, feed->name),
				 errhint("Do it again when the run has ended; bcdelta.cancel() ends it.")));
}

static BcdStatement linked_key = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND store_id = $3 AND key <> $2",
	3, {TEXTOID, TEXTOID, INT8OID}
};
static BcdStatement other_id = {
	"SELECT store_id FROM bcdelta.link WHERE feed = $1 AND key = $2 AND store_id <> $3",
	3, {TEXTOID, TEXTOID, INT8OID}
};
static BcdStatement put_link = {
	"INSERT INTO bcdelta.link (feed, key, store_id) VALUES ($1, $2, $3)"
	" ON CONFLICT (feed, key) DO UPDATE SET store_id = excluded.store_id,"
	" payload = CASE WHEN link.store_id = excluded.store_id THEN link.payload END,"
	" remembered = CASE WHEN link.store_id = excluded.store_id THEN link.remembered END,"
	" aside = CASE WHEN link.store_id = excluded.store_id THEN link.aside END",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/* The links of a feed belong to one store. */
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
 * Links a source row to a record of the store, replacing the row's link.
 * What the record holds is not known: the next push of the row sends every
 * field.
 */
Datum
bcdelta_link_row(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed;
	char	   *key;
	int64		store_id = PG_GETARG_INT64(2);
	BcdRights	rights;
	Datum		args[3];
	bool		exists;

	bcd_check_writable("bcdelta.link()");
	feed = bcd_feed_load(bcd_arg_text(fcinfo, 0), false);
	bcd_feed_check_owner(feed, "link rows of");
	if (store_id <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"store_id\" must be greater than zero")));
	check_store(feed);
	key = bcd_key_given(feed, bcd_arg_text(fcinfo, 1));
	/* a claim that does not see the link yet would write its own over it */
	bcd_links_add(feed->feed_id);
	bcd_spi_begin(&rights);
	exists = bcd_feed_exists(feed, key);
	bcd_spi_end(&rights);
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the source of feed \"%s\" has no row %s", feed->name, key)));
	args[0] = CStringGetTextDatum(feed->name);
	args[1] = CStringGetTextDatum(key);
	args[2] = Int64GetDatum(store_id);
	bcd_spi_begin(&rights);
	if (bcd_execute(&linked_key, args, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("record " INT64_FORMAT " of feed \"%s\" is linked to row %s already",
						store_id, feed->name, bcd_column_text(0, 1)),
				 errhint("SELECT bcdelta.unlink(%s, %s) forgets that link.", quote_literal_cstr(feed->name),
						 quote_literal_cstr(bcd_column_text(0, 1)))));
	check_not_in_flight(feed, key);
	/* what refers to the record that was the row's has to be written again */
	if (bcd_execute(&other_id, args, NULL) > 0)
		bcd_note_referrers(feed, bcd_column_int64(0, 1, NULL));
	(void) bcd_execute(&put_link, args, NULL);
	bcd_note_deferred(feed, key);
	bcd_feed_settle_in(feed->name, feed->server_store);
	bcd_spi_end(&rights);
	bcd_feed_free(feed);
	PG_RETURN_VOID();
}

static BcdStatement delete_link = {
	"DELETE FROM bcdelta.link WHERE feed = $1 AND key = $2 RETURNING store_id", 2, {TEXTOID, TEXTOID}
};

/* The link of one row; the key may be spelled otherwise. */
static int64
unlink_row(const BcdFeed *feed, const char *key)
{
	Datum		args[2];
	BcdRights	rights;
	uint64		n;

	args[0] = CStringGetTextDatum(feed->name);
	args[1] = CStringGetTextDatum(key);
	bcd_spi_begin(&rights);
	check_not_in_flight(feed, key);
	n = bcd_execute(&delete_link, args, NULL);
	if (n > 0)
		bcd_note_referrers(feed, bcd_column_int64(0, 1, NULL));
	bcd_spi_end(&rights);
	return n;
}

static BcdStatement delete_links = {
	"DELETE FROM bcdelta.link WHERE feed = $1", 1, {TEXTOID}
};

/* What came of rows in that store is nothing to the next one */
static BcdStatement reset_pending = {
	"UPDATE bcdelta.pending SET sought = NULL,"
	" state = CASE WHEN state = 'in_flight' THEN state ELSE 'ready' END, attempts = 0,"
	" next_attempt_at = NULL, last_error = NULL, waits_feed = NULL, waits_key = NULL"
	" WHERE feed = $1 AND (sought IS NOT NULL OR attempts > 0 OR state NOT IN ('ready', 'in_flight'))",
	1, {TEXTOID}
};

/*
 * Everything that the feed knows of its store.  Where the server leads to
 * another one by now, somebody has to say that the feed goes there.
 */
static int64
unlink_all(const BcdFeed *feed)
{
	Datum		arg = CStringGetTextDatum(feed->name);
	char	   *reason = NULL;
	BcdRights	rights;
	uint64		n;

	if (feed->halt == BCD_HALT_STORE)
		reason = psprintf("its links to store %s were forgotten; bcdelta.resume(%s) takes it to store %s",
						  feed->store, quote_literal_cstr(feed->name), feed->server_store);
	bcd_spi_begin(&rights);
	n = bcd_execute(&delete_links, &arg, NULL);
	(void) bcd_execute(&reset_pending, &arg, NULL);
	bcd_feed_forget_store(feed->name, reason);
	bcd_spi_end(&rights);
	if (n > 0)
		ereport(NOTICE,
				(errmsg("changes that were pushed to the records linked before are not pending for others"),
				 errhint("SELECT bcdelta.mark_all(%s) marks every row; one that its record agrees with costs no request.",
						 quote_literal_cstr(feed->name))));
	return n;
}

/*
 * bcdelta.unlink(feed, key): the number of links forgotten.
 *
 * Without a key it works whatever became of the source and the server.
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
	bcd_feed_free(feed);
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(n);
}
