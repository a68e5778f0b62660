/*
 * directory.c
 *		bcdelta.directory: names in the store's lists, and their ids.
 *
 * The worker replaces a list as a whole, when it has read all of it.  A list
 * belongs to the store that it was read from: if a server comes to lead to
 * another one, its lists are not found any more, and are deleted when the
 * first list of the new store is read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/directory.h"

/* Lists of servers that were dropped or renamed go, too. */
static BcdStatement delete_list = {
	"DELETE FROM bcdelta.directory AS d WHERE server = $1 AND (store <> $2 OR resource = $3)"
	" OR NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server AS s WHERE s.srvname = d.server)",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/* A record that moved while the list was read may be on two of its pages. */
static BcdStatement insert_list = {
	"INSERT INTO bcdelta.directory (server, store, resource, name, store_id)"
	" SELECT $1, $2, $3, l.name, l.id FROM unnest($4, $5) AS l(name, id)"
	" ON CONFLICT (server, store, resource, store_id) DO NOTHING",
	5, {NAMEOID, TEXTOID, TEXTOID, TEXTARRAYOID, INT8ARRAYOID}
};

/* Replaces a list of the store that a server leads to. */
void
bcd_directory_replace(const char *server, const char *store, const char *resource,
					  Datum names, Datum ids)
{
	Datum		args[5];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(store);
	args[2] = CStringGetTextDatum(resource);
	args[3] = names;
	args[4] = ids;
	(void) bcd_execute(&delete_list, args, NULL);
	(void) bcd_execute(&insert_list, args, NULL);
}

static BcdStatement select_ids = {
	"SELECT store_id FROM bcdelta.directory"
	" WHERE server = $1 AND store = $2 AND resource = $3 AND name = $4 ORDER BY store_id LIMIT $5",
	5, {NAMEOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
};

/* Finds the ids that a name has; returns their number. */
int
bcd_directory_find(const char *server, const char *store, const char *resource,
				   const char *name, int64 *ids, int most)
{
	Datum		args[5];
	int			n;
	int			i;

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(store);
	args[2] = CStringGetTextDatum(resource);
	args[3] = CStringGetTextDatum(name);
	args[4] = Int64GetDatum(most);
	n = (int) bcd_select(&select_ids, args, NULL);
	for (i = 0; i < n; i++)
		ids[i] = bcd_column_int64(i, 1, NULL);
	return n;
}

static BcdStatement select_alike = {
	"SELECT DISTINCT name FROM bcdelta.directory WHERE server = $1 AND store = $2 AND resource = $3"
	" AND lower(btrim(name)) = lower(btrim($4)) ORDER BY name LIMIT 3",
	4, {NAMEOID, TEXTOID, TEXTOID, TEXTOID}
};

/* Returns some names that differ from this one only in case, or in white space around them. */
List *
bcd_directory_alike(const char *server, const char *store, const char *resource, const char *name)
{
	Datum		args[4];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(store);
	args[2] = CStringGetTextDatum(resource);
	args[3] = CStringGetTextDatum(name);
	return bcd_column_list(bcd_select(&select_alike, args, NULL), 1);
}

static BcdStatement select_any = {
	"SELECT FROM bcdelta.directory WHERE server = $1 AND store = $2 AND resource = $3 LIMIT 1",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/* Is anything known of a list?  If not, it is empty, or was not read. */
bool
bcd_directory_has(const char *server, const char *store, const char *resource)
{
	Datum		args[3];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(store);
	args[2] = CStringGetTextDatum(resource);
	return bcd_select(&select_any, args, NULL) > 0;
}

static BcdStatement count_names = {
	"SELECT count(*) FROM bcdelta.directory WHERE server = $1 AND store = $2 AND resource = $3",
	3, {NAMEOID, TEXTOID, TEXTOID}
};

/* Returns how many records of a list are known. */
int64
bcd_directory_count(const char *server, const char *store, const char *resource)
{
	Datum		args[3];

	args[0] = bcd_name_datum(server);
	args[1] = CStringGetTextDatum(store);
	args[2] = CStringGetTextDatum(resource);
	(void) bcd_select(&count_names, args, NULL);
	return bcd_column_int64(0, 1, NULL);
}

static BcdStatement delete_of_name = {
	"DELETE FROM bcdelta.directory WHERE server = $1", 1, {NAMEOID}
};

static BcdStatement rename_server = {
	"UPDATE bcdelta.directory SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the lists of a server follow its new name; what an earlier server of that name has left goes.
 * Returns the number of rows.
 */
int64
bcd_directory_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	(void) bcd_execute(&delete_of_name, &args[1], NULL);
	return (int64) bcd_execute(&rename_server, args, NULL);
}
