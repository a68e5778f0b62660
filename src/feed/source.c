/*
 * source.c
 *		Checks whether a table can be the source of a feed, or a table that a
 *		feed depends on.
 *
 * A source is a permanent table whose rows a unique key identifies.  Captured
 * changes contain the key, so the key must never be null, and a change of it
 * must be recognizable.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "feed/source.h"

/* What a table is to be used for, in the words of messages */
typedef struct BcdPurpose
{
	const char *verb;
	const char *noun;
	const char *other_kind;		/* for hints */
	const char *foreign;
	const char *unlogged;
	const char *no_trigger;
} BcdPurpose;

static const BcdPurpose source_purpose = {
	.verb = "track",
	.noun = "Tracking a table",
	.other_kind = "Track a table; the expressions of its mapping may read others in sub-selects.",
	.foreign = "Track it with capture => 'none' and mark its changes, or copy it to a table.",
	.unlogged = "ALTER TABLE ... SET LOGGED, or track it with capture => 'none' and mark its changes.",
	.no_trigger = ", or track it with capture => 'none' and mark its changes",
};

static const BcdPurpose child_purpose = {
	.verb = "depend on",
	.noun = "Depending on a table",
	.other_kind = "Depend on the tables behind it, or mark the rows that its changes affect.",
	.foreign = "Mark the rows that its changes affect.",
	.unlogged = "ALTER TABLE ... SET LOGGED, or mark the rows of the feed that its changes affect.",
	.no_trigger = "",
};

/* Returns the kind of a relation that cannot be tracked, or NULL. */
static const char *
kind_words(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "a view";
		case RELKIND_MATVIEW:
			return "a materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "a foreign table";
		case RELKIND_SEQUENCE:
			return "a sequence";
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return "an index";
		case RELKIND_COMPOSITE_TYPE:
			return "a composite type";
		default:
			return "no table";
	}
}

/*
 * A foreign table changes elsewhere, so its rows can only be marked.
 */
static void
check_kind(Form_pg_class form, const char *capture, const BcdPurpose *purpose)
{
	bool		foreign = form->relkind == RELKIND_FOREIGN_TABLE;
	const char *name = NameStr(form->relname);

	if (IsCatalogNamespace(form->relnamespace) || IsToastNamespace(form->relnamespace) ||
		form->oid < FirstNormalObjectId)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s system catalog \"%s\"", purpose->verb, name)));
	if (form->relnamespace == get_namespace_oid(BCD_EXTENSION, true))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s \"%s\": it is a table of bcdelta itself", purpose->verb, name)));
	if (foreign && strcmp(capture, "none") == 0)
		return;
	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s \"%s\": it is %s", purpose->verb, name, kind_words(form->relkind)),
				 errhint("%s", foreign ? purpose->foreign : purpose->other_kind)));
}

static void
check_persistence(Form_pg_class form, const char *capture, const BcdPurpose *purpose)
{
	const char *name = NameStr(form->relname);

	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot %s \"%s\": it is a temporary table", purpose->verb, name),
				 errdetail("The worker cannot see its rows.")));
	if (form->relpersistence == RELPERSISTENCE_UNLOGGED && strcmp(capture, "none") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot capture changes of unlogged table \"%s\"", name),
				 errdetail("A crash of the server would empty it without a trace."),
				 errhint("%s", purpose->unlogged)));
}

/*
 * Checks the caller's rights.  What the mapping reads is checked with the
 * mapping.
 */
static void
check_rights(Form_pg_class form, const char *capture, const BcdPurpose *purpose)
{
	Oid			role = GetUserId();
	const char *name = NameStr(form->relname);

	if (pg_class_aclcheck(form->oid, role, ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(form->oid, role, ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("%s needs the privilege SELECT on it.", purpose->noun)));
	if (strcmp(capture, "none") != 0 &&
		pg_class_aclcheck(form->oid, role, ACL_TRIGGER) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errdetail("Capturing its changes creates triggers, which requires the TRIGGER privilege on it."),
				 errhint("GRANT TRIGGER ON %s TO %s%s.",
						 quote_identifier(name), quote_identifier(GetUserNameFromId(role, false)),
						 purpose->no_trigger)));
}

static void
no_table(Oid relid)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_TABLE),
			 errmsg("there is no table with OID %u", relid)));
}

static Relation
open_table(Oid relid, const char *capture, LOCKMODE lock, const BcdPurpose *purpose)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	Relation	table;

	if (!HeapTupleIsValid(tuple))
		no_table(relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	check_kind(form, capture, purpose);
	check_persistence(form, capture, purpose);
	check_rights(form, capture, purpose);
	ReleaseSysCache(tuple);
	table = try_relation_open(relid, lock);
	if (table == NULL)
		no_table(relid);
	return table;
}

/*
 * Opens and locks a table that the current user may track; raises an error
 * that says why it cannot be a source.
 *
 * A caller that will create triggers passes the lock that this takes, since
 * upgrading a lock later could deadlock.  The lock is requested after the
 * rights were checked.
 */
Relation
bcd_source_open(Oid relid, const char *capture, LOCKMODE lock)
{
	return open_table(relid, capture, lock, &source_purpose);
}

/* The same for a table that a feed of the current user will depend on. */
Relation
bcd_child_open(Oid relid, const char *capture, LOCKMODE lock)
{
	return open_table(relid, capture, lock, &child_purpose);
}

/* Returns the columns of an index; NIL if it has expressions. */
static List *
index_columns(Form_pg_index index)
{
	List	   *columns = NIL;
	int			i;

	for (i = 0; i < index->indnkeyatts; i++)
	{
		if (index->indkey.values[i] <= 0)
			return NIL;
		columns = lappend_int(columns, index->indkey.values[i]);
	}
	return columns;
}

/* Returns why an index does not guarantee a key, or NULL if it does. */
static const char *
index_flaw(HeapTuple tuple)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);

	if (!index->indisunique)
		return "is not unique";
	if (!index->indisvalid)
		return "is not valid";
	if (!heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
		return "is partial";
	if (!index->indimmediate)
		return "is deferrable, so two rows may temporarily have the same key";
	return NULL;
}

static bool
same_columns(List *a, List *b)
{
	ListCell   *cell;

	if (a == NIL || list_length(a) != list_length(b))
		return false;
	foreach(cell, a)
		if (!list_member_int(b, lfirst_int(cell)))
		return false;
	return true;
}

/*
 * Looks for the index of a key: the primary key's if columns is NIL, else a
 * unique one of exactly these columns, in any order.
 *
 * Returns its columns; or NIL, with flaw set if there is one that cannot be
 * used.
 */
static List *
key_index(Relation source, List *columns, char **flaw)
{
	List	   *indexes = RelationGetIndexList(source);
	ListCell   *cell;

	*flaw = NULL;
	foreach(cell, indexes)
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(cell)));
		Form_pg_index index;
		List	   *found;
		const char *why_not;

		if (!HeapTupleIsValid(tuple))
			continue;
		index = (Form_pg_index) GETSTRUCT(tuple);
		found = index_columns(index);
		why_not = index_flaw(tuple);
		if (columns ? !same_columns(found, columns) : !index->indisprimary)
			found = NIL;
		else if (why_not)
		{
			*flaw = psprintf("Index \"%s\" %s.", get_rel_name(index->indexrelid), why_not);
			found = NIL;
		}
		ReleaseSysCache(tuple);
		if (found)
			return found;
	}
	return NIL;
}

/* Returns a list of columns, for messages. */
static char *
column_names(Relation source, List *columns)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, columns)
		appendStringInfo(&names, "%s%s", names.len ? ", " : "",
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(source),
																lfirst_int(cell) - 1)->attname)));
	return names.data;
}

static void
no_primary_key(Relation source, const char *flaw)
{
	const char *name = RelationGetRelationName(source);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 flaw ? errmsg("the primary key of table \"%s\" cannot be the key of a feed", name) :
			 errmsg("table \"%s\" has no primary key", name),
			 flaw ? errdetail_internal("%s", flaw) : 0,
			 errhint("%s key => ARRAY['column', ...] with columns that are NOT NULL and have a unique index.",
					 flaw ? "Make it immediate, or pass" : "Add one, or pass")));
}

/* Returns the columns that argument "key" names. */
static List *
wanted_columns(Relation source, Datum wanted)
{
	const char *table = RelationGetRelationName(source);
	List	   *columns = NIL;
	Datum	   *names;
	bool	   *nulls;
	int			n;
	int			i;

	deconstruct_array(DatumGetArrayTypeP(wanted), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &names, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"key\" names no column"),
				 errhint("Omit it to use the primary key.")));
	for (i = 0; i < n; i++)
	{
		const char *name = nulls[i] ? "" : NameStr(*DatumGetName(names[i]));
		AttrNumber	attnum = nulls[i] ? InvalidAttrNumber :
		get_attnum(RelationGetRelid(source), name);

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("key column \"%s\" of table \"%s\" does not exist", name, table)));
		if (list_member_int(columns, attnum))
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("key column \"%s\" is named twice", name)));
		if (!TupleDescAttr(RelationGetDescr(source), attnum - 1)->attnotnull)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("key column \"%s\" of table \"%s\" may be null", name, table),
					 errhint("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL.",
							 quote_identifier(table), quote_identifier(name))));
		columns = lappend_int(columns, attnum);
	}
	return columns;
}

static Datum
name_array(Relation source, List *columns)
{
	Datum	   *names = palloc(sizeof(Datum) * list_length(columns));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, columns)
		names[n++] = NameGetDatum(&TupleDescAttr(RelationGetDescr(source),
												 lfirst_int(cell) - 1)->attname);
	return PointerGetDatum(construct_array(names, n, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/*
 * Returns the key of a feed as name[]: the given columns (name[], 0 for none)
 * or those of the primary key; raises an error if they do not identify rows.
 * A foreign table has no indexes, so its owner has to know.
 */
Datum
bcd_source_key(Relation source, Datum wanted)
{
	List	   *columns = wanted ? wanted_columns(source, wanted) : NIL;
	bool		foreign = RelationGetForm(source)->relkind == RELKIND_FOREIGN_TABLE;
	char	   *flaw;
	List	   *found = key_index(source, columns, &flaw);

	if (foreign && columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("foreign table \"%s\" has no primary key", RelationGetRelationName(source)),
				 errhint("Pass key => ARRAY['column', ...] with the columns that identify a row of the table that it stands for.")));
	if (foreign)
		return name_array(source, columns);
	if (found == NIL && columns == NIL)
		no_primary_key(source, flaw);
	if (found == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no unique index of table \"%s\" is on exactly the key columns (%s)",
						RelationGetRelationName(source), column_names(source, columns)),
				 flaw ? errdetail_internal("%s", flaw) : 0,
				 errhint("CREATE UNIQUE INDEX ON %s (%s).",
						 quote_identifier(RelationGetRelationName(source)),
						 column_names(source, columns))));
	return name_array(source, columns ? columns : found);
}
