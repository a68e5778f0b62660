/*
 * link_sum.c
 *		bcdelta.link: whether two sets of keys are the same.
 *
 * A set has a sum of hashes that does not depend on the order, so neither set
 * has to be in memory.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link.h"
#include "tables/link_sum.h"

#define HALF	INT64CONST(0xFFFFFFFF)

/* Adds a key to a set, in which it is not yet. */
void
bcd_keysum_add(BcdKeySum *sum, const char *key)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((const unsigned char *) key, strlen(key), 0));

	sum->n++;
	sum->low += hash & HALF;
	sum->high += hash >> 32;
}

bool
bcd_keysum_same(const BcdKeySum *a, const BcdKeySum *b)
{
	return a->n == b->n && a->low == b->low && a->high == b->high;
}

/* The same function as above: the collation does not change the bytes */
static BcdStatement select_sum = {
	"SELECT count(*), coalesce(sum(h & 4294967295), 0)::bigint, coalesce(sum((h >> 32) & 4294967295), 0)::bigint, max(key) FROM ("
	" SELECT key, hashtextextended(key COLLATE \"C\", 0) AS h FROM bcdelta.link WHERE feed = $1 AND " BCD_BEHIND_KEY
	" ORDER BY key LIMIT $3) AS next",
	3, {TEXTOID, TEXTOID, INT8OID}
};

/*
 * Adds up to limit keys of a feed's links, which follow a key (NULL: from the
 * start).  Returns the last one, in the current memory context; NULL: there are
 * no more.
 */
char *
bcd_links_sum(const char *feed, const char *after, int64 limit, BcdKeySum *sum)
{
	Datum		args[3];
	char		nulls[] = "   ";
	int64		n;

	args[0] = CStringGetTextDatum(feed);
	args[1] = bcd_text_or_null(after, &nulls[1]);
	args[2] = Int64GetDatum(limit);
	(void) bcd_select(&select_sum, args, nulls);
	n = bcd_column_int64(0, 1, NULL);
	sum->n += n;
	sum->low += bcd_column_int64(0, 2, NULL);
	sum->high += bcd_column_int64(0, 3, NULL);
	return n < limit ? NULL : bcd_column_text(0, 4);
}
