/*
 * parentkey.c
 *		Do columns of a child table hold the key of a feed's rows?
 *
 * A key is compared as text, so they must print it as the source's do.
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "keytext.h"
#include "parentkey.h"

/* Names as a list of strings */
List *
bcd_name_list(Datum names)
{
	List	   *list = NIL;
	Datum	   *elements;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(names), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elements, NULL, &n);
	for (i = 0; i < n; i++)
		list = lappend(list, pstrdup(NameStr(*DatumGetName(elements[i]))));
	return list;
}

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

/* Does a column of the child hold what a key column of the source holds? */
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
				 errhint("Make it a stored one.")));
	if (key_attnum == InvalidAttrNumber)
		return;					/* that is the source's trouble */
	get_atttypetypmodcoll(child, attnum, &type, &typmod, &collation);
	get_atttypetypmodcoll(feed->source, key_attnum, &key_type, &key_typmod, &key_collation);
	if (!bcd_keytext_alike(key_type, type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("parent key column \"%s\" of table \"%s\" does not fit key column \"%s\" of feed \"%s\"",
						column, get_rel_name(child), key, feed->name),
				 errdetail("Values of types %s and %s that are equal need not be printed alike, and rows are told by the printed key.",
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
