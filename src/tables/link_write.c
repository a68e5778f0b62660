/*
 * link_write.c
 *		bcdelta.link: links that runs create, change and remove.
 *
 * Statements for several rows find the rows one by one; see pending_settle.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/link_write.h"
#include "tables/pending_mark.h"

/*
 * What a link refers to when its payload is replaced. If the record was read
 * without the ids that we gave it, those ids are kept (referrers.c). $7 lists
 * the fields that hold ids of other records.
 */
#define REFERRED(l, new_payload, written, same) \
	" referred = CASE WHEN NOT " written " AND " same " THEN (" \
	"  SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(" \
	"   coalesce(" l ".referred, '{}') || coalesce(" l ".remembered, '{}') || coalesce(" l ".payload, '{}')) AS e" \
	"  WHERE e.key = ANY ($7) AND e.value <> 'null'" \
	"  AND e.value IS DISTINCT FROM " new_payload " -> e.key) END,"

/*
 * Updates links that exist, even if another row wants the record: it does not
 * belong to that row. After a write, the record refers to nothing but what was
 * written. Most updates are writes, so they have a statement of their own that
 * skips the work for the other case.
 */
#define SET_LINK(payload, referred, written, back) \
	" SET payload = " payload "," \
	" remembered = CASE WHEN " payload " IS NULL THEN coalesce(l.remembered, '{}') || coalesce(l.payload, '{}') END," \
	" sent = CASE WHEN " payload " IS NULL THEN l.sent END," \
	" found = CASE WHEN " payload " IS NULL THEN l.found END," \
	referred \
	" pushed_at = CASE WHEN " written " THEN clock_timestamp() ELSE l.pushed_at END," \
	" aside = CASE WHEN NOT " back " THEN l.aside END," \
	" doubt = CASE WHEN NOT " written " THEN l.doubt END"

#define UPDATE_LINKS(referred) \
	"UPDATE bcdelta.link AS l" SET_LINK("n.payload", referred, "n.written", "n.back") \
	" FROM unnest($2, $3, $4, $5, $6) AS n(key, address, payload, written, back)" \
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o" \
	"  WHERE o.feed = $1 AND o.key = n.key AND o.address = n.address LIMIT 1) AS found" \
	" WHERE l.ctid = found.tid"

static BcdStatement update_written = {
	UPDATE_LINKS(" referred = NULL,"),
	6, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, BOOLARRAYOID, BOOLARRAYOID}
};
static BcdStatement update_links = {
	UPDATE_LINKS(REFERRED("l", "n.payload", "n.written", "true")),
	7, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TEXTARRAYOID}
};

/*
 * Inserts the link of a row without one, for a record that no other row is
 * linked to
 */
static BcdStatement insert_links = {
	"INSERT INTO bcdelta.link (feed, key, store_id, address, payload, pushed_at)"
	" SELECT $1, n.key, CASE WHEN $8 THEN n.address::int8 END, n.address, n.payload, CASE WHEN n.written THEN clock_timestamp() END"
	" FROM unnest($2, $3, $4, $5, $6) AS n(key, address, payload, written, back)"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1)"
	" ON CONFLICT DO NOTHING",
	8, {TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBARRAYOID, BOOLARRAYOID, BOOLARRAYOID, TEXTARRAYOID, BOOLOID}
};

/* The same for a single link, which need not pay for the arrays */
static BcdStatement update_one_written = {
	"UPDATE bcdelta.link AS l" SET_LINK("$4", " referred = NULL,", "$5", "$6")
	" WHERE l.feed = $1 AND l.key = $2 AND l.address = $3",
	6, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID}
};
static BcdStatement insert_one = {
	"INSERT INTO bcdelta.link (feed, key, store_id, address, payload, pushed_at)"
	" SELECT $1, $2, CASE WHEN $8 THEN $3::int8 END, $3, $4, CASE WHEN $5 THEN clock_timestamp() END"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1)"
	" ON CONFLICT DO NOTHING",
	8, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID, TEXTARRAYOID, BOOLOID}
};

static BcdStatement put_link = {
	"INSERT INTO bcdelta.link (feed, key, store_id, address, payload, pushed_at)"
	" SELECT $1, $2, CASE WHEN $8 THEN $3::int8 END, $3, $4, CASE WHEN $5 THEN clock_timestamp() END"
	" WHERE EXISTS (SELECT FROM bcdelta.feed AS f WHERE f.feed = $1)"
	" ON CONFLICT (feed, key) DO UPDATE SET store_id = excluded.store_id, address = excluded.address,"
	" payload = excluded.payload, remembered = NULL, sent = NULL, found = NULL, pushed_at = coalesce(excluded.pushed_at, link.pushed_at),"
	REFERRED("link", "excluded.payload", "$5", "link.address = excluded.address")
	" aside = CASE WHEN NOT $6 AND link.address = excluded.address THEN link.aside END,"
	" doubt = CASE WHEN NOT $5 AND link.address = excluded.address THEN link.doubt END",
	8, {TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID, TEXTARRAYOID, BOOLOID}
};

static BcdStatement put_found = {
	"UPDATE bcdelta.link AS l SET found = n.found FROM unnest($2, $3) AS n(key, found)"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o WHERE o.feed = $1 AND o.key = n.key LIMIT 1) AS o"
	" WHERE l.ctid = o.tid",
	3, {TEXTOID, TEXTARRAYOID, JSONBARRAYOID}
};

/*
 * Notes what rows of a feed (text[]) have in fields in which their records, which
 * were just found, differ (jsonb[]).
 */
void
bcd_links_found(const char *feed, Datum keys, Datum founds)
{
	Datum		args[] = {CStringGetTextDatum(feed), keys, founds};

	(void) bcd_execute(&put_found, args, NULL);
}

/*
 * The payload of a link whose record's contents are no longer known. That we
 * may have hidden the record is never forgotten, because it would not be shown
 * again when its row comes back. The arguments are the resource's hidden_by and
 * hidden_when.
 */
#define WITHOUT_PAYLOAD(hidden_by, hidden_when) \
	"CASE WHEN payload -> " hidden_by " IN ('null', to_jsonb(" hidden_when "))" \
	" THEN pg_catalog.jsonb_build_object(" hidden_by ", NULL) END"
#define REMEMBERED	"(coalesce(remembered, '{}') || coalesce(payload, '{}'))"

/*
 * What updates without a known outcome may have written since the payload was
 * known; it stays with the record, whichever row has that. intent: the
 * pending.intent of the last one
 */
#define SENT(intent) \
	"CASE WHEN " intent " ? 'fields' THEN coalesce(sent, '{}') || (" intent " -> 'fields') ELSE sent END"

/* The intent of the row with the feed and key in the first two arguments */
#define INTENT	"(SELECT p.intent FROM bcdelta.pending AS p WHERE p.feed = $1 AND p.key = $2)"

/*
 * The same, and collections may have these elements, too (a jsonb object of
 * arrays): they are ours, if they are found.
 */
#define FORGET_SENT(elements, intent, rest) \
	" remembered = " REMEMBERED " || coalesce((SELECT jsonb_object_agg(s.key, coalesce(" REMEMBERED " -> s.key, '[]') || s.value)" \
	"  FROM jsonb_each(" elements ") AS s WHERE jsonb_typeof(s.value) = 'array'), '{}'), sent = " SENT(intent) ", payload = " rest

/* The address of a record, as text. */
static Datum
address_of(const BcdLinkWrite *link)
{
	return CStringGetTextDatum(link->address ? link->address : psprintf(INT64_FORMAT, link->store_id));
}

/* Runs a statement for one link; returns whether it changed it. */
static bool
put_by(BcdStatement *statement, const char *feed, const BcdLinkWrite *link, Datum references)
{
	char		nulls[] = "        ";
	Datum		args[8];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(link->key);
	args[2] = address_of(link);
	args[3] = bcd_jsonb_or_null(link->payload, &nulls[3]);
	args[4] = BoolGetDatum(link->written);
	args[5] = BoolGetDatum(link->back);
	args[6] = references;
	args[7] = BoolGetDatum(link->address == NULL);
	return bcd_execute(statement, args, nulls) > 0;
}

/* Links one row, whether or not it has a link now. */
static void
put_one(const char *feed, const BcdLinkWrite *link, Datum references)
{
	if (link->address == NULL)
		bcd_pending_take_over(feed, link->key, link->store_id);
	(void) put_by(&put_link, feed, link, references);
}

/* Returns whether all rows that have links already were written. */
static bool
all_written(const BcdLinkWrite *links, int n)
{
	while (n-- > 0)
		if (links[n].linked && !links[n].written)
			return false;
	return true;
}

/*
 * Runs one of the first three statements, which are for several links, for those that it applies to;
 * returns whether it changed all of them.
 */
static bool
put_rows(BcdStatement *statement, const char *feed, const BcdLinkWrite *links, int n, bool linked,
		 Datum references)
{
	static const Oid types[] = {TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID};
	Datum	   *values[lengthof(types)];
	bool	   *nulls = palloc(sizeof(bool) * n);
	Datum		args[3 + lengthof(types)];
	int			rows = 0;
	int			i;

	for (i = 0; i < lengthof(types); i++)
		values[i] = palloc(sizeof(Datum) * n);
	for (i = 0; i < n; i++)
	{
		if (links[i].linked != linked)
			continue;
		values[0][rows] = CStringGetTextDatum(links[i].key);
		values[1][rows] = address_of(&links[i]);
		values[2][rows] = JsonbPGetDatum(links[i].payload);
		nulls[rows] = links[i].payload == NULL;
		values[3][rows] = BoolGetDatum(links[i].written);
		values[4][rows] = BoolGetDatum(links[i].back);
		rows++;
	}
	if (rows == 0)
		return true;
	args[0] = CStringGetTextDatum(feed);
	for (i = 0; i < lengthof(types); i++)
		args[1 + i] = bcd_array(types[i], values[i], types[i] == JSONBOID ? nulls : NULL, rows);
	args[1 + lengthof(types)] = references;
	args[2 + lengthof(types)] = BoolGetDatum(links[0].address == NULL);
	return bcd_execute(statement, args, NULL) == rows;
}

/*
 * Links rows of a feed. Rows with links and rows without are handled by one
 * statement each. If the table turns out to be different (the record has
 * another link, or a link has gone meanwhile), the rows are linked one by one,
 * in order. references (text[]) lists the fields that hold ids of other
 * records.
 */
void
bcd_links_put(const char *feed, const BcdLinkWrite *links, int n, Datum references)
{
	BcdStatement *update = all_written(links, n) ? &update_written : &update_links;
	int			i;

	if (n == 1 && (links->written || !links->linked))
	{
		if (!put_by(links->linked ? &update_one_written : &insert_one, feed, links, references))
			put_one(feed, links, references);
	}
	else if (!put_rows(update, feed, links, n, true, references) ||
			 !put_rows(&insert_links, feed, links, n, false, references))
		for (i = 0; i < n; i++)
			put_one(feed, &links[i], references);
}

/* Runs a statement that takes the usual arguments about one link */
static void
execute(BcdStatement *statement, const char *feed, const char *key, Datum value, bool isnull)
{
	char		nulls[] = "   ";
	Datum		args[3];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = value;
	nulls[2] = isnull ? 'n' : ' ';
	(void) bcd_execute(statement, args, nulls);
}

static BcdStatement forget_link = {
	"UPDATE bcdelta.link SET" FORGET_SENT(INTENT, INTENT, WITHOUT_PAYLOAD("$3", "$4")) " WHERE feed = $1 AND key = $2",
	4, {TEXTOID, TEXTOID, TEXTOID, BOOLOID}
};

/* Forgets what the record holds. */
void
bcd_link_forget_payload(const char *feed, const char *key, const BcdResource *resource)
{
	char		nulls[] = "    ";
	Datum		args[4];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = bcd_text_or_null(resource->hidden_by, &nulls[2]);
	args[3] = BoolGetDatum(resource->hidden_when);
	(void) bcd_execute(&forget_link, args, nulls);
}

static BcdStatement forget_fields = {
	"UPDATE bcdelta.link SET" FORGET_SENT("$4", INTENT, "payload - $3") " WHERE feed = $1 AND key = $2",
	4, {TEXTOID, TEXTOID, TEXTARRAYOID, JSONBOID}
};

/*
 * Forgets some of the record's fields (text[]). sent: elements that a request may
 * have added to collections, by name; or NULL.
 */
void
bcd_link_forget_fields(const char *feed, const char *key, Datum fields, Jsonb *sent)
{
	Datum		args[4];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = fields;
	args[3] = sent ? JsonbPGetDatum(sent) : (Datum) 0;
	(void) bcd_execute(&forget_fields, args, sent ? NULL : "   n");
}

static BcdStatement know_field = {
	"UPDATE bcdelta.link SET payload = CASE WHEN $4 IS NULL THEN payload - $3 ELSE payload || jsonb_build_object($3, $4) END"
	" WHERE feed = $1 AND key = $2 AND payload IS NOT NULL",
	4, {TEXTOID, TEXTOID, TEXTOID, JSONBOID}
};

/*
 * Of a record whose contents are known, the store holds this value of a field;
 * NULL: it is not known. Keeps the current memory context.
 */
void
bcd_link_know_field(const char *feed, const char *key, const char *field, Jsonb *value)
{
	char		nulls[] = "    ";
	Datum		args[4];

	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = CStringGetTextDatum(field);
	args[3] = bcd_jsonb_or_null(value, &nulls[3]);
	(void) bcd_select(&know_field, args, nulls);
}

static BcdStatement hide_link = {
	"UPDATE bcdelta.link SET payload = coalesce(payload, '{}') || pg_catalog.jsonb_build_object($3, NULL)"
	" WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* Notes that the record is about to be hidden. */
void
bcd_link_hide(const char *feed, const char *key, const char *hidden_by)
{
	execute(&hide_link, feed, key, CStringGetTextDatum(hidden_by), false);
}

static BcdStatement put_aside = {
	"UPDATE bcdelta.link SET aside = $3 WHERE feed = $1 AND key = $2",
	3, {TEXTOID, TEXTOID, JSONBOID}
};

/* Notes the values that the record is about to give up temporarily. */
void
bcd_link_put_aside(const char *feed, const char *key, Jsonb *aside)
{
	execute(&put_aside, feed, key, JsonbPGetDatum(aside), false);
}

static BcdStatement remove_link = {
	"DELETE FROM bcdelta.link WHERE feed = $1 AND key = $2",
	2, {TEXTOID, TEXTOID}
};

void
bcd_link_remove(const char *feed, const char *key)
{
	execute(&remove_link, feed, key, (Datum) 0, true);
}

static BcdStatement forget_in_flight = {
	"UPDATE bcdelta.link AS l SET" FORGET_SENT("p.intent", "p.intent", "CASE WHEN p.fields IS NULL THEN " WITHOUT_PAYLOAD("$3", "$6") " ELSE payload - p.fields END")
	" FROM (SELECT feed, key, intent, CASE WHEN intent IS NOT NULL AND NOT intent ? '' THEN"
	"   ARRAY(SELECT n.field FROM unnest($4, $5) AS n(facet, field) WHERE intent ? n.facet"
	"    UNION ALL SELECT jsonb_object_keys(intent -> 'fields')) END AS fields"
	"  FROM bcdelta.pending"
	"  WHERE state = 'in_flight' AND ($1 IS NULL OR feed = ANY ($1)) OFFSET 0) AS p"
	" CROSS JOIN LATERAL (SELECT f.feed FROM bcdelta.feed AS f WHERE f.feed = p.feed AND f.resource = $2 LIMIT 1) AS f"
	" CROSS JOIN LATERAL (SELECT o.ctid AS tid FROM bcdelta.link AS o WHERE o.feed = f.feed AND o.key = p.key LIMIT 1) AS o"
	" WHERE l.ctid = o.tid",
	6, {TEXTARRAYOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, BOOLOID}
};

/*
 * Returns the names of all facets but the first, and the fields of these
 * facets (text[]).
 */
static void
facet_fields(const BcdResource *r, Datum *facets, Datum *fields)
{
	Datum	   *facet = palloc(sizeof(Datum) * r->nfields);
	Datum	   *field = palloc(sizeof(Datum) * r->nfields);
	int			n = 0;
	int			i;

	for (i = 0; i < r->nfields; i++)
		if (r->fields[i].facet)
		{
			facet[n] = CStringGetTextDatum(r->fields[i].facet);
			field[n++] = CStringGetTextDatum(r->fields[i].name);
		}
	*facets = bcd_array(TEXTOID, facet, NULL, n);
	*fields = bcd_array(TEXTOID, field, NULL, n);
}

/*
 * For rows of these feeds (text[]; 0: all feeds) that are marked as in flight,
 * forgets what the store holds, because a request may or may not have been
 * carried out. If the intent of a row names only some facets, or the fields of
 * an update, only those are forgotten.
 */
void
bcd_links_forget_in_flight(Datum feeds, const BcdResource *resource)
{
	Datum		args[6];
	char		nulls[] = "      ";

	nulls[0] = feeds == (Datum) 0 ? 'n' : ' ';
	args[0] = feeds;
	args[1] = CStringGetTextDatum(resource->name);
	args[2] = bcd_text_or_null(resource->hidden_by, &nulls[2]);
	facet_fields(resource, &args[3], &args[4]);
	args[5] = BoolGetDatum(resource->hidden_when);
	(void) bcd_execute(&forget_in_flight, args, nulls);
}
