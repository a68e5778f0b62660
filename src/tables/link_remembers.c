/*
 * link_remembers.c
 *		bcdelta.link: which record had a natural key before a reply was lost.
 *
 * What a record holds is unknown then (link.payload), but it may hold what it
 * held before (link.remembered), or what it was about to give up (link.aside).
 * Only rows that are about to be pushed again have such records, so they are
 * found by bcdelta.pending.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "resource/resource.h"
#include "tables/link_remembers.h"

static BcdStatement select_remembered = {
	"SELECT l.feed, l.key FROM bcdelta.link AS l JOIN bcdelta.pending AS p USING (feed, key)"
	" JOIN bcdelta.feed AS o USING (feed) JOIN bcdelta.feed AS g ON g.server = o.server AND g.store = o.store"
	" WHERE g.feed = $1 AND o.resource = $2 AND p.state IN ('ready', 'in_flight', 'waiting')"
	"  AND (l.payload -> $3) IS NULL AND lower($4) IN (lower(l.remembered ->> $3), lower(l.aside ->> $3))"
	" LIMIT 1",
	4, {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/*
 * Finds a row of the resource that shares this one's natural keys whose record
 * was known to have one before a reply was lost, and may have it still.
 */
bool
bcd_link_remembers(const char *feed, const BcdResource *resource, const char *field, const char *value, char **other_feed, char **other_key)
{
	Datum		args[4];

	if (resource->keys_with == NULL)
		return false;
	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(resource->keys_with);
	args[2] = CStringGetTextDatum(field);
	args[3] = CStringGetTextDatum(value);
	if (bcd_select(&select_remembered, args, NULL) == 0)
		return false;
	*other_feed = bcd_column_text(0, 1);
	*other_key = bcd_column_text(0, 2);
	return true;
}

static BcdStatement select_remembered_element = {
	"SELECT l.feed, l.key FROM bcdelta.link AS l JOIN bcdelta.pending AS p USING (feed, key)"
	" JOIN bcdelta.feed AS o USING (feed) JOIN bcdelta.feed AS g ON g.server = o.server AND g.store = o.store AND g.resource = o.resource"
	" WHERE g.feed = $1 AND (l.feed, l.key) <> ($1, $2) AND p.state IN ('ready', 'in_flight', 'waiting')"
	"  AND (l.payload -> $3) IS NULL AND l.remembered -> $3 @> jsonb_build_array(jsonb_build_object($4, $5))"
	" LIMIT 1",
	5, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/* The same for an element of a collection, of another row's record. */
bool
bcd_link_remembers_element(const char *feed, const char *key, const char *collection, const char *field, const char *value,
						   char **other_feed, char **other_key)
{
	Datum		args[5];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = CStringGetTextDatum(collection);
	args[3] = CStringGetTextDatum(field);
	args[4] = CStringGetTextDatum(value);
	if (bcd_select(&select_remembered_element, args, NULL) == 0)
		return false;
	*other_feed = bcd_column_text(0, 1);
	*other_key = bcd_column_text(0, 2);
	return true;
}
