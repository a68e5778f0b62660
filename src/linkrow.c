/*
 * linkrow.c
 *		bcdelta.link(feed, key, store_id): a link from an id list.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "db.h"
#include "feed.h"
#include "key.h"

static BcdStatement linked_key = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND store_id = $3 AND key <> $2",
	3, {TEXTOID, TEXTOID, INT8OID}
};
static BcdStatement put_link = {
	"INSERT INTO bcdelta.link (feed, key, store_id) VALUES ($1, $2, $3)"
	" ON CONFLICT (feed, key) DO UPDATE SET store_id = excluded.store_id,"
	" payload = CASE WHEN link.store_id = excluded.store_id THEN link.payload END,"
	" remembered = CASE WHEN link.store_id = excluded.store_id THEN link.remembered END",
	3, {TEXTOID, TEXTOID, INT8OID}
};

PG_FUNCTION_INFO_V1(bcdelta_link_row);

/*
 * Links a source row to a record of the store, replacing the row's link.
 * What the record holds is not known: the next push of the row sends every
 * field.
 */
Datum
bcdelta_link_row(PG_FUNCTION_ARGS)
{
	BcdFeed    *feed = bcd_feed_load(text_to_cstring(PG_GETARG_TEXT_PP(0)), false);
	char	   *key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int64		store_id = PG_GETARG_INT64(2);
	BcdRights	rights;
	Datum		args[3];

	PreventCommandIfReadOnly("bcdelta.link()");
	bcd_feed_check_owner(feed, "link rows of");
	if (store_id <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"store_id\" must be greater than zero")));
	args[0] = CStringGetTextDatum(feed->name);
	args[1] = CStringGetTextDatum(bcd_key_given(feed, key));
	args[2] = Int64GetDatum(store_id);
	bcd_spi_begin(&rights);
	if (bcd_execute(&linked_key, args, NULL) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("record " INT64_FORMAT " of feed \"%s\" is linked to row %s already",
						store_id, feed->name, bcd_column_text(0, 1))));
	(void) bcd_execute(&put_link, args, NULL);
	bcd_spi_end(&rights);
	PG_RETURN_VOID();
}
