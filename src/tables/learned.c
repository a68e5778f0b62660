/*
 * learned.c
 *		bcdelta.learned: what stores do where their vendor's documents are silent.
 *
 * What is learned of a store is about that store, whichever server leads there.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/learned.h"

static BcdStatement select_learned = {
	"SELECT keeps FROM bcdelta.learned WHERE store = $1 AND resource = $2 AND collection = $3",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Does an update of a record in this store keep elements of a collection that
 * it does not have?  1: it does, 0: it does not, -1: that is not known.
 */
int
bcd_learned_keeps(const char *store, const char *resource, const char *collection)
{
	Datum		args[3];

	args[0] = CStringGetTextDatum(store);
	args[1] = CStringGetTextDatum(resource);
	args[2] = CStringGetTextDatum(collection);
	return bcd_select(&select_learned, args, NULL) == 0 ? -1 : bcd_column_bool(0, 1);
}

static BcdStatement upsert_learned = {
	"INSERT INTO bcdelta.learned (store, resource, collection, keeps) VALUES ($1, $2, $3, $4)"
	" ON CONFLICT (store, resource, collection) DO UPDATE SET keeps = excluded.keeps, learned_at = excluded.learned_at",
	4, {TEXTOID, TEXTOID, TEXTOID, BOOLOID}
};

/* Notes the answer. */
void
bcd_learned_note(const char *store, const char *resource, const char *collection, bool keeps)
{
	Datum		args[4];

	args[0] = CStringGetTextDatum(store);
	args[1] = CStringGetTextDatum(resource);
	args[2] = CStringGetTextDatum(collection);
	args[3] = BoolGetDatum(keeps);
	(void) bcd_execute(&upsert_learned, args, NULL);
}
