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
#include "utils/jsonb.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/change.h"
#include "engine/engine.h"
#include "engine/referrers.h"
#include "fold/key_moves.h"
#include "resource/resource.h"

/*
 * $2 are the fields that hold ids of the resource in question.  In lax mode a
 * single id is an array of one.
 */
#define REFERRERS \
	" FROM bcdelta.feed AS f JOIN bcdelta.link AS l USING (feed)" \
	" CROSS JOIN unnest($2) AS field" \
	" CROSS JOIN LATERAL pg_catalog.jsonb_path_query(" \
	"  pg_catalog.jsonb_build_array(l.payload -> field, l.remembered -> field, l.referred -> field), 'lax $[*][*]') AS id" \
	" JOIN unnest($3) AS gone ON gone = id" \
	" WHERE f.server = $1 AND f.fields ?| $2"

static BcdStatement mark_referrers = {
	"INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT l.feed, l.key, clock_timestamp()" REFERRERS
	" GROUP BY l.feed, l.key ORDER BY l.feed, l.key"
	BCD_MARK_PENDING,
	3, {NAMEOID, TEXTARRAYOID, JSONBARRAYOID}
};
static BcdStatement select_referrers = {
	"SELECT f.feed_id::int8, l.key" REFERRERS " GROUP BY f.feed_id, l.key ORDER BY f.feed_id, l.key",
	3, {NAMEOID, TEXTARRAYOID, JSONBARRAYOID}
};

/* The names of all fields that refer to a resource, as a text array. */
static Datum
fields_referring_to(const char *resource)
{
	Datum		names[64];
	const BcdResource *r;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; (r = bcd_resource_nth(i)) != NULL; i++)
		for (j = 0; j < r->nfields; j++)
		{
			const BcdField *field = &r->fields[j];

			if (field->refers_to && strcmp(field->refers_to, resource) == 0 && n < lengthof(names))
				names[n++] = CStringGetTextDatum(field->name);
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

static void
set_arguments(const BcdFeed *feed, const int64 *ids, int n, Datum *args)
{
	Datum	   *numbers = palloc(sizeof(Datum) * n);
	int			i;

	for (i = 0; i < n; i++)
		numbers[i] = DirectFunctionCall1(jsonb_in,
										 CStringGetDatum(psprintf(INT64_FORMAT, ids[i])));
	args[0] = DirectFunctionCall1(namein, CStringGetDatum(feed->server));
	args[1] = fields_referring_to(feed->resource->name);
	args[2] = bcd_array(JSONBOID, numbers, NULL, n);
}

/* Marks what refers to these records; in a transaction of the caller. */
void
bcd_mark_referrers(const BcdFeed *feed, const int64 *ids, int n)
{
	Datum		args[3];

	set_arguments(feed, ids, n, args);
	(void) bcd_execute(&mark_referrers, args, NULL);
}

/*
 * The same in a session, where pending is not written to: as changes of the
 * rows that refer to the record.  SPI is connected.
 */
void
bcd_note_referrers(const BcdFeed *feed, int64 store_id)
{
	Datum		args[3];
	SPITupleTable *rows;
	BcdChanges *changes = NULL;
	int64		current = 0;
	uint64		n;
	uint64		i;

	set_arguments(feed, &store_id, 1, args);
	n = bcd_execute(&select_referrers, args, NULL);
	rows = SPI_tuptable;
	for (i = 0; i < n; i++)
	{
		bool		isnull;
		int64		feed_id = DatumGetInt64(SPI_getbinval(rows->vals[i], rows->tupdesc, 1, &isnull));
		Datum		key = SPI_getbinval(rows->vals[i], rows->tupdesc, 2, &isnull);

		if (changes == NULL || feed_id != current)
		{
			if (changes)
				bcd_changes_end(changes);
			changes = bcd_changes_begin((int32) feed_id);
			current = feed_id;
		}
		bcd_changes_add(changes, BCD_OP_CHANGE, DatumGetTextPP(key));
	}
	if (changes)
		bcd_changes_end(changes);
}
