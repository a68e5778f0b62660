/*
 * refs.c
 *		Rows that refer to a record which is their row's no more.
 *
 * A record that is gone from the store is made again, with another id; rows
 * that exchange their natural keys exchange their records.  Nothing in the
 * source says then that a row which refers to them has to be written again.
 * So these rows are marked when the link goes; they wait until there is a new
 * one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "db.h"
#include "engine.h"
#include "moves.h"

/*
 * Which field refers to which kind of record is the mapping's business.  So a
 * feed is looked through when its mapping has this feed's name in it, and a row
 * that has the number in any field that refers to something may be read in
 * vain.
 */
static BcdStatement mark_referrers = {
	"INSERT INTO bcdelta.pending AS p (feed, key, changed_at)"
	" SELECT l.feed, l.key, clock_timestamp() FROM bcdelta.link AS l JOIN bcdelta.feed AS f USING (feed)"
	" WHERE f.server = (SELECT g.server FROM bcdelta.feed AS g WHERE g.feed = $1)"
	" AND strpos(f.fields::text, $1) > 0"
	" AND EXISTS (SELECT FROM unnest($3) AS field"
	"  WHERE l.payload -> field @> pg_catalog.to_jsonb($2))"
	" ORDER BY l.feed, l.key"
	BCD_MARK_PENDING,
	3, {TEXTOID, INT8OID, TEXTARRAYOID}
};

/* The names of all fields that hold ids of records, as a text array. */
static Datum
reference_fields(void)
{
	Datum		names[64];
	const BcdResource *r;
	int			n = 0;
	int			i;
	int			j;

	for (i = 0; (r = bcd_resource_nth(i)) != NULL; i++)
		for (j = 0; j < r->nfields; j++)
			if (r->fields[j].flags & BCD_F_REFERENCE && n < lengthof(names))
				names[n++] = CStringGetTextDatum(r->fields[j].name);
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* A row of the feed has lost its record; in a transaction of the caller. */
void
bcd_mark_referrers(const char *feed, int64 store_id)
{
	Datum		args[3];

	args[0] = CStringGetTextDatum(feed);
	args[1] = Int64GetDatum(store_id);
	args[2] = reference_fields();
	(void) bcd_execute(&mark_referrers, args, NULL);
}
