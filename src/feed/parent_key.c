/*
 * parent_key.c
 *		Checks whether columns of a child table hold the key of a feed's rows.
 *
 * Keys are compared as text, so both must print alike.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "feed/parent_key.h"

/* A list of names, for messages */
char *
bcd_name_text(List *names)
{
	StringInfoData out;
	ListCell   *cell;

	initStringInfo(&out);
	foreach(cell, names)
		appendStringInfo(&out, "%s%s", out.len ? ", " : "", (char *) lfirst(cell));
	return out.data;
}

static void
wrong_number(const BcdFeed *feed, List *keys, List *parent_key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg_plural("argument \"parent_key\" names %d column, but the key of feed \"%s\" has %d",
						   "argument \"parent_key\" names %d columns, but the key of feed \"%s\" has %d",
						   list_length(parent_key),
						   list_length(parent_key), feed->name, list_length(keys)),
			 errdetail("The key is (%s).", bcd_name_text(keys)),
			 errhint("Name the columns of the child that hold it, in the same order.")));
}

/*
 * Checks whether a column of the child holds what a key column of the source
 * holds.
 */
static void
check_column(const BcdFeed *feed, Oid child, const char *column, const char *key)
{
	AttrNumber	attnum = get_attnum(child, column);
	AttrNumber	key_attnum = get_attnum(feed->source, key);
	Oid			type;
	Oid			key_type;
	int32		typmod;
	int32		key_typmod;
	Oid			collation;
	Oid			key_collation;

	if (attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("parent key column \"%s\" of table \"%s\" does not exist",
						column, get_rel_name(child))));
	if (get_attgenerated(child, attnum) == ATTRIBUTE_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("parent key column \"%s\" of table \"%s\" is a virtual generated column",
						column, get_rel_name(child)),
				 errdetail("Triggers do not see its values."),
				 errhint("Use a stored generated column.")));
	if (key_attnum == InvalidAttrNumber)
		return;					/* the source reports this itself */
	get_atttypetypmodcoll(child, attnum, &type, &typmod, &collation);
	get_atttypetypmodcoll(feed->source, key_attnum, &key_type, &key_typmod, &key_collation);
	if (!bcd_keytext_alike(key_type, type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("parent key column \"%s\" of table \"%s\" does not fit key column \"%s\" of feed \"%s\"",
						column, get_rel_name(child), key, feed->name),
				 errdetail("Equal values of types %s and %s may be printed differently, but rows are identified by the text of their key.",
						   format_type_with_typemod(type, typmod),
						   format_type_with_typemod(key_type, key_typmod)),
				 errhint("Give both columns the same type, such as bigint or text.")));
}

/* Raises an error unless a child's columns can hold the key of a feed's rows. */
void
bcd_parent_key_check(const BcdFeed *feed, Oid child, List *parent_key)
{
	List	   *keys = bcd_name_list(feed->key_names);
	ListCell   *cell;
	ListCell   *key_cell;

	if (list_length(parent_key) != list_length(keys))
		wrong_number(feed, keys, parent_key);
	forboth(cell, parent_key, key_cell, keys)
		check_column(feed, child, lfirst(cell), lfirst(key_cell));
}

/*
 * Follows the foreign keys of exactly these columns, in their order.  The
 * first result is whether they lead to the key of the source, or a relative of
 * it; the second, the table that the first of them leads to.
 */
static BcdStatement follow = {
	"WITH RECURSIVE reach (relid, columns, depth) AS ("
	"  SELECT $1, ARRAY(SELECT a.attnum FROM unnest($2) WITH ORDINALITY AS n(name, i)"
	"   JOIN pg_attribute AS a ON a.attrelid = $1 AND a.attname = n.name ORDER BY n.i), 0"
	" UNION ALL"
	"  SELECT c.confrelid, ARRAY(SELECT c.confkey[array_position(c.conkey, n.attnum)]"
	"   FROM unnest(r.columns) WITH ORDINALITY AS n(attnum, i) ORDER BY n.i), r.depth + 1"
	"  FROM reach AS r JOIN pg_constraint AS c ON c.conrelid = r.relid AND c.contype = 'f'"
	"   AND c.conkey @> r.columns AND c.conkey <@ r.columns WHERE r.depth < 8),"
	" family (relid) AS ("
	"  SELECT $3 UNION SELECT i.inhparent FROM family AS f JOIN pg_inherits AS i ON i.inhrelid = f.relid),"
	" children (relid) AS ("
	"  SELECT $3 UNION SELECT i.inhrelid FROM children AS f JOIN pg_inherits AS i ON i.inhparent = f.relid)"
	" SELECT bool_or(r.relid IN (SELECT relid FROM family UNION SELECT relid FROM children)"
	"  AND $4 = ARRAY(SELECT a.attname FROM unnest(r.columns) WITH ORDINALITY AS n(attnum, i)"
	"   JOIN pg_attribute AS a ON a.attrelid = r.relid AND a.attnum = n.attnum ORDER BY n.i)),"
	" min(r.relid::regclass::text || ' (' || (SELECT string_agg(a.attname, ', ' ORDER BY n.i)"
	"  FROM unnest(r.columns) WITH ORDINALITY AS n(attnum, i)"
	"  JOIN pg_attribute AS a ON a.attrelid = r.relid AND a.attnum = n.attnum) || ')')"
	" FILTER (WHERE r.depth = 1)"
	" FROM reach AS r WHERE r.depth > 0 HAVING count(*) > 0",
	4, {OIDOID, NAMEARRAYOID, OIDOID, NAMEARRAYOID}
};

/*
 * Warns when a foreign key says that the child's columns hold the key of
 * another table, or another key of the source.
 */
void
bcd_parent_key_warn(const BcdFeed *feed, Oid child, List *parent_key)
{
	Datum	   *names = palloc(sizeof(Datum) * (list_length(parent_key) + 1));
	MemoryContext cxt = CurrentMemoryContext;
	char	   *target = NULL;
	BcdRights	rights;
	ListCell   *cell;
	Datum		args[4];
	int			n = 0;

	foreach(cell, parent_key)
		names[n++] = bcd_name_datum(lfirst(cell));
	args[0] = ObjectIdGetDatum(child);
	args[1] = bcd_array(NAMEOID, names, NULL, n);
	args[2] = ObjectIdGetDatum(feed->source);
	args[3] = feed->key_names;
	bcd_spi_begin(&rights);
	if (bcd_execute(&follow, args, NULL) > 0 && !bcd_column_bool(0, 1))
		target = MemoryContextStrdup(cxt, bcd_column_text(0, 2));
	bcd_spi_end(&rights);
	if (target)
		ereport(WARNING,
				(errmsg("a foreign key of table \"%s\" shows that (%s) refers to %s, not to the key of feed \"%s\"",
						get_rel_name(child), bcd_name_text(parent_key), target, feed->name),
				 errdetail("Its changes would mark rows that happen to have these keys, or that do not exist."),
				 errhint("If the rows are two steps away, pass a query that returns their keys, as in lookup => 'SELECT parent FROM public.between WHERE id = $1'.")));
}

/* A smaller table than this is read as fast as an index, in bytes. */
#define SMALL_TABLE	"524288"

static BcdStatement lacks_index = {
	"SELECT FROM (SELECT pg_relation_size($1) + coalesce((SELECT sum(pg_relation_size(p.relid)) FROM pg_partition_tree($1) AS p"
	"  WHERE p.relid <> $1), 0) AS size) AS r"
	" WHERE r.size > " SMALL_TABLE " AND NOT EXISTS (SELECT FROM pg_index AS i"
	"  JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
	"  WHERE i.indrelid = $1 AND i.indisvalid AND i.indpred IS NULL AND a.attname = ANY ($2))",
	2, {OIDOID, NAMEARRAYOID}
};

/*
 * Tells how to spare pushes the reading of a whole child table for each row, if
 * no index leads from the row's key to its rows of the child.
 */
void
bcd_parent_key_advise(const BcdFeed *feed, Oid child, List *parent_key)
{
	BcdRights	rights;
	ListCell   *cell;
	List	   *columns = NIL;
	Datum	   *names = palloc(sizeof(Datum) * (list_length(parent_key) + 1));
	Datum		args[2];
	bool		lacks;
	int			n = 0;

	foreach(cell, parent_key)
	{
		names[n++] = bcd_name_datum(lfirst(cell));
		columns = lappend(columns, unconstify(char *, quote_identifier(lfirst(cell))));
	}
	args[0] = ObjectIdGetDatum(child);
	args[1] = bcd_array(NAMEOID, names, NULL, n);
	bcd_spi_begin(&rights);
	lacks = bcd_execute(&lacks_index, args, NULL) > 0;
	bcd_spi_end(&rights);
	if (lacks)
		ereport(NOTICE,
				(errmsg("table \"%s\" has no index on (%s)", get_rel_name(child), bcd_name_text(parent_key)),
				 errdetail("If the mapping looks up rows of this table, each row of feed \"%s\" that is pushed or verified reads the whole table.",
						   feed->name),
				 errhint("CREATE INDEX ON %s (%s)",
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(child)), get_rel_name(child)),
						 bcd_name_text(columns))));
}
