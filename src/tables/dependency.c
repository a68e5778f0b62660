/*
 * dependency.c
 *		bcdelta.dependency: child tables whose changes mark rows of a feed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/dependency.h"
#include "tables/table_names.h"

static BcdStatement select_of = {
	"SELECT dependency_id::int8, child::oid::int8, parent_key, lookup FROM bcdelta.dependency"
	" WHERE feed = $1 ORDER BY dependency_id",
	1, {TEXTOID}
};

/*
 * Returns the current dependencies of a feed as BcdDependency structs,
 * allocated in the current memory context.
 */
List *
bcd_dependencies_of(const char *feed)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = CStringGetTextDatum(feed);
	uint64		n = bcd_query_newest(&select_of, &arg, NULL, 0);
	List	   *list = NIL;
	uint64		i;

	MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		BcdDependency *dependency = palloc0(sizeof(BcdDependency));
		bool		isnull;

		dependency->id = (int32) bcd_column_int64(i, 1, NULL);
		dependency->child = (Oid) bcd_column_int64(i, 2, NULL);
		dependency->parent_key = bcd_name_list(bcd_column_datum(i, 3, &isnull));
		dependency->lookup = bcd_column_text(i, 4);
		list = lappend(list, dependency);
	}
	return list;
}

static BcdStatement select_one = {
	"SELECT d.feed, d.child::oid::int8, d.parent_key, d.lookup FROM bcdelta.dependency AS d"
	" WHERE d.dependency_id = $1",
	1, {INT4OID}
};

/*
 * Reads a dependency into the current memory context. Returns false if there
 * is none with this id.
 */
bool
bcd_dependency_read(int32 id, BcdDependency *dependency)
{
	Datum		arg = Int32GetDatum(id);
	bool		isnull;

	if (bcd_select(&select_one, &arg, NULL) == 0)
		return false;
	dependency->id = id;
	dependency->feed = bcd_column_text(0, 1);
	dependency->child = (Oid) bcd_column_int64(0, 2, NULL);
	dependency->parent_key = bcd_name_list(bcd_column_datum(0, 3, &isnull));
	dependency->lookup = bcd_column_text(0, 4);
	return true;
}

static BcdStatement insert_dependency = {
	"INSERT INTO bcdelta.dependency (feed, child, parent_key, lookup, child_name)"
	" SELECT feed, $2, $3, $4, " BCD_NAME_OF_TABLE("$2") " FROM bcdelta.feed WHERE feed = $1 FOR KEY SHARE"
	" ON CONFLICT (feed, child, parent_key) DO NOTHING",
	4, {TEXTOID, REGCLASSOID, NAMEARRAYOID, TEXTOID}
};

static void
set_arguments(Datum *args, char *nulls, const char *feed, Oid child, Datum parent_key,
			  const char *lookup)
{
	args[0] = CStringGetTextDatum(feed);
	args[1] = ObjectIdGetDatum(child);
	args[2] = parent_key;
	args[3] = bcd_text_or_null(lookup, &nulls[3]);
}

/*
 * Makes a feed depend on columns of a child table (name[]), and locks the feed
 * so that it cannot be removed meanwhile. Returns false if the dependency
 * exists already or the feed does not exist.
 */
bool
bcd_dependency_insert(const char *feed, Oid child, Datum parent_key, const char *lookup)
{
	Datum		args[4];
	char		nulls[] = "    ";

	set_arguments(args, nulls, feed, child, parent_key, lookup);
	return bcd_execute(&insert_dependency, args, nulls) > 0;
}

static BcdStatement select_id = {
	"SELECT dependency_id::int8 FROM bcdelta.dependency"
	" WHERE feed = $1 AND child = $2 AND parent_key = $3",
	3, {TEXTOID, REGCLASSOID, NAMEARRAYOID}
};

/* Returns the id of a dependency, or 0 if there is none. */
int32
bcd_dependency_id(const char *feed, Oid child, Datum parent_key)
{
	Datum		args[4];
	char		nulls[] = "    ";

	set_arguments(args, nulls, feed, child, parent_key, NULL);
	return bcd_execute(&select_id, args, NULL) == 0 ? 0 : (int32) bcd_column_int64(0, 1, NULL);
}

/*
 * Values captured for one lookup must not be used for another: see
 * parent_wait.c.
 */
static BcdStatement delete_other = {
	"DELETE FROM bcdelta.dependency WHERE feed = $1 AND child = $2 AND parent_key = $3"
	" AND lookup IS DISTINCT FROM $4 RETURNING dependency_id::int8",
	4, {TEXTOID, REGCLASSOID, NAMEARRAYOID, TEXTOID}
};

/*
 * Removes the same dependency with a different lookup; returns its id, or 0 if
 * there was none.
 */
int32
bcd_dependency_delete_other(const char *feed, Oid child, Datum parent_key, const char *lookup)
{
	Datum		args[4];
	char		nulls[] = "    ";

	set_arguments(args, nulls, feed, child, parent_key, lookup);
	return bcd_execute(&delete_other, args, nulls) == 0 ? 0 : (int32) bcd_column_int64(0, 1, NULL);
}

static BcdStatement delete_dropped = {
	"DELETE FROM bcdelta.dependency AS d WHERE feed = $1"
	" AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = d.child)"
	" RETURNING array_to_string(parent_key, ', ')",
	1, {TEXTOID}
};

/*
 * Removes the dependencies on tables that were dropped; returns their parent
 * keys.
 */
List *
bcd_dependencies_delete_dropped(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	return bcd_column_list(bcd_select(&delete_dropped, &arg, NULL), 1);
}

static BcdStatement delete_child = {
	"DELETE FROM bcdelta.dependency WHERE feed = $1 AND child = $2 RETURNING dependency_id::int8",
	2, {TEXTOID, REGCLASSOID}
};

/* Removes all dependencies of a feed on a table; returns their ids. */
List *
bcd_dependencies_delete_child(const char *feed, Oid child)
{
	List	   *ids = NIL;
	Datum		args[2];
	uint64		n;
	uint64		i;

	args[0] = CStringGetTextDatum(feed);
	args[1] = ObjectIdGetDatum(child);
	n = bcd_select(&delete_child, args, NULL);
	for (i = 0; i < n; i++)
		ids = lappend_int(ids, (int) bcd_column_int64(i, 1, NULL));
	return ids;
}

static BcdStatement delete_all = {
	"DELETE FROM bcdelta.dependency WHERE feed = $1", 1, {TEXTOID}
};

void
bcd_dependencies_delete(const char *feed)
{
	Datum		arg = CStringGetTextDatum(feed);

	(void) bcd_execute(&delete_all, &arg, NULL);
}
