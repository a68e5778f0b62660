/*
 * referrers.c
 *		Rows that refer to a record which no longer belongs to its row.
 *
 * The record may be created again, with another id, or rows may exchange
 * records along with their natural keys.  Nothing in the source shows then
 * that a row which refers to the record has to be written again.  So these
 * rows are marked; if the row they refer to has no record, they wait until it
 * has a new one.
 *
 * The store may have removed the reference together with the record, and may
 * already have told us; then link.referred still has it.  It may also be among
 * the values that were forgotten, in link.remembered.
 *
 * Before we remove records ourselves, the rows are marked, and this is
 * committed before the request is sent; a few statements do this for many
 * records.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/change.h"
#include "engine/engine.h"
#include "engine/referrers.h"
#include "payload/reference.h"
#include "resource/resource.h"
#include "tables/link_referrers.h"
#include "tables/pending_deferred.h"
#include "tables/pending_mark.h"

/*
 * Returns the names of all fields that refer to a resource, as a text array.
 */
static Datum
fields_referring_to(const char *resource)
{
	return bcd_text_array(bcd_names_of_references(NULL, resource));
}

/*
 * Returns the names of a resource's fields that refer to others, as a text
 * array.
 */
Datum
bcd_reference_fields(const BcdResource *r)
{
	return bcd_text_array(bcd_names_of_references(r, NULL));
}

/* bigint[] */
static Datum
hashes_of(const BcdFeed *feed, const int64 *ids, int n)
{
	Datum	   *hashes = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		hashes[i] = Int64GetDatum(bcd_record_hash(feed->resource->name, ids[i]));
	return bcd_array(INT8OID, hashes, NULL, n);
}

/* Marks the rows that refer to these records; in the caller's transaction. */
void
bcd_mark_referrers(const BcdFeed *feed, const int64 *ids, int n)
{
	bcd_pending_mark_referrers(feed->server, fields_referring_to(feed->resource->name),
							   hashes_of(feed, ids, n));
}

static void
note_changes(const BcdFoundRow *rows, uint64 n)
{
	BcdChanges *changes = NULL;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		if (i == 0 || rows[i].feed_id != rows[i - 1].feed_id)
		{
			if (changes)
				bcd_changes_end(changes);
			changes = bcd_changes_begin(rows[i].feed_id);
		}
		bcd_changes_add(changes, BCD_OP_MARK, DatumGetTextPP(rows[i].key));
	}
	if (changes)
		bcd_changes_end(changes);
}

/*
 * The same in a session, which must not write to bcdelta.pending: records
 * changes of these rows instead.  SPI is connected.
 */
void
bcd_note_referrers(const BcdFeed *feed, int64 store_id)
{
	uint64		n;
	BcdFoundRow *rows = bcd_link_referrers(feed->server, fields_referring_to(feed->resource->name),
										   hashes_of(feed, &store_id, 1), &n);

	note_changes(rows, n);
}

/*
 * Likewise for rows that are deferred until this row is linked, as it now is.
 */
void
bcd_note_deferred(const BcdFeed *feed, const char *key)
{
	uint64		n;
	BcdFoundRow *rows = bcd_deferred_until(feed->name, key, &n);

	note_changes(rows, n);
}
