/*
 * referrers.c
 *		Rows that refer to a record which is their row's no more.
 *
 * The record may be made again, with another id; rows that exchange their
 * natural keys exchange their records.  Nothing in the source says then that a
 * row which refers to it has to be written again.  So these rows are marked;
 * where the row that they refer to has no record, they wait until there is a
 * new one.
 *
 * The store may have told meanwhile that the row's record is without it, since
 * what it had of a record that was removed is removed, too: link.referred has
 * kept it.  It may also be among what was forgotten, link.remembered.
 *
 * Records that we remove are told of before that: the rows are marked for good
 * before the request goes out, and a few statements do for many of them.
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
#include "resource/resource.h"
#include "tables/link_referrers.h"
#include "tables/pending_deferred.h"
#include "tables/pending_mark.h"

/* The names of all fields that refer to a resource, as a text array. */
static Datum
fields_referring_to(const char *resource)
{
	Datum	   *names = NULL;
	const BcdResource *r;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; (r = bcd_resource_nth(i)) != NULL; i++)
	{
		Size		size = sizeof(Datum) * (n + r->nfields);

		names = names ? repalloc(names, size) : palloc(size);
		for (j = 0; j < r->nfields; j++)
		{
			const BcdField *field = &r->fields[j];

			if (field->refers_to && strcmp(field->refers_to, resource) == 0)
				names[n++] = CStringGetTextDatum(field->name);
		}
	}
	return bcd_array(TEXTOID, names, NULL, n);
}

/* The names of a resource's fields that refer to others, as a text array. */
Datum
bcd_reference_fields(const BcdResource *r)
{
	Datum	   *names = palloc(sizeof(Datum) * r->nfields);
	int			n = 0;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (r->fields[i].refers_to)
			names[n++] = CStringGetTextDatum(r->fields[i].name);
	return bcd_array(TEXTOID, names, NULL, n);
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

/* Marks what refers to these records; in a transaction of the caller. */
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
		bcd_changes_add(changes, BCD_OP_CHANGE, DatumGetTextPP(rows[i].key));
	}
	if (changes)
		bcd_changes_end(changes);
}

/*
 * The same in a session, where pending is not written to: as changes of the
 * rows that refer to the record.  SPI is connected.
 */
void
bcd_note_referrers(const BcdFeed *feed, int64 store_id)
{
	uint64		n;
	BcdFoundRow *rows = bcd_link_referrers(feed->server, fields_referring_to(feed->resource->name),
										   hashes_of(feed, &store_id, 1), &n);

	note_changes(rows, n);
}

/* Likewise, rows that are deferred until a row is linked, which it is now. */
void
bcd_note_deferred(const BcdFeed *feed, const char *key)
{
	uint64		n;
	BcdFoundRow *rows = bcd_deferred_until(feed->name, key, &n);

	note_changes(rows, n);
}
