/*
 * extension.c
 *		The extension: whether it exists, in the version that this library is
 *		made for, and its tables and their owner.
 *
 * A new library comes with a restart of the server, a new script with ALTER
 * EXTENSION UPDATE in each database, so their versions may differ for a while.
 * Until they match, the triggers capture as always, since what they write has
 * not changed.  Everything else refuses to work: it would run statements on
 * columns that may not exist, or that mean something else.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/extension.h"

/*
 * The OID of a table of ours, or InvalidOid.
 */
Oid
bcd_table_oid(const char *name)
{
	Oid			schema = get_namespace_oid(BCD_EXTENSION, true);

	return OidIsValid(schema) ? get_relname_relid(name, schema) : InvalidOid;
}

/* Returns the role that our own statements run as: the owner of our tables. */
Oid
bcd_extension_owner(void)
{
	Oid			table = bcd_table_oid("feed");
	HeapTuple	tuple;
	Oid			owner;

	tuple = OidIsValid(table) ? SearchSysCache1(RELOID, ObjectIdGetDatum(table)) : NULL;
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"%s\" does not exist in database \"%s\"",
						BCD_EXTENSION, get_database_name(MyDatabaseId)),
				 errhint("Create it with CREATE EXTENSION %s.", BCD_EXTENSION)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Returns the OID of the extension and its version; InvalidOid if it does not
 * exist.
 */
Oid
bcd_extension_look(char **version)
{
	Relation	catalog = table_open(ExtensionRelationId, AccessShareLock);
	Oid			oid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	*version = NULL;
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(BCD_EXTENSION));
	scan = systable_beginscan(catalog, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, Anum_pg_extension_extversion,
										 RelationGetDescr(catalog), &isnull);

		oid = ((Form_pg_extension) GETSTRUCT(tuple))->oid;
		*version = isnull ? pstrdup("") : TextDatumGetCString(value);
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return oid;
}

/*
 * Returns the schema that the extension has made, even if it was renamed; or
 * InvalidOid.  Statements of the source must not fail for that; everything else
 * finds our tables by their names.
 */
Oid
bcd_extension_schema(void)
{
	char	   *version;
	Oid			extension = bcd_extension_look(&version);
	Relation	catalog;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			schema = InvalidOid;

	if (!OidIsValid(extension))
		return InvalidOid;
	catalog = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(ExtensionRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension));
	scan = systable_beginscan(catalog, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend member = (Form_pg_depend) GETSTRUCT(tuple);

		if (member->classid == NamespaceRelationId && member->deptype == DEPENDENCY_EXTENSION)
			schema = member->objid;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return schema;
}

/* Is version a, as in "0.2.0", before version b? */
static bool
is_older(const char *a, const char *b)
{
	for (;;)
	{
		char	   *a_end;
		char	   *b_end;
		long		x = strtol(a, &a_end, 10);
		long		y = strtol(b, &b_end, 10);

		if (x != y)
			return x < y;
		if (*a_end != '.' || *b_end != '.')
			return *b_end == '.';
		a = a_end + 1;
		b = b_end + 1;
	}
}

static const char *
advice(const char *version)
{
	return is_older(version, EXTVERSION) ? "Run ALTER EXTENSION " BCD_EXTENSION " UPDATE." :
		"Restart the server, so that it loads the library of that version.";
}

/* Describes why the extension cannot be used; NULL if it can. */
char *
bcd_extension_trouble(void)
{
	char	   *version;

	if (!OidIsValid(bcd_extension_look(&version)))
		return pstrdup("extension bcdelta does not exist in this database");
	if (!OidIsValid(bcd_table_oid("run")))
	{
		char	   *name = get_namespace_name(bcd_extension_schema());

		return psprintf("the schema of extension bcdelta was renamed; changes are captured, but nothing is pushed until it has its name again: ALTER SCHEMA %s RENAME TO bcdelta",
						name ? quote_identifier(name) : "?");
	}
	if (strcmp(version, EXTVERSION) == 0)
		return NULL;
	return psprintf("extension bcdelta has version %s, but the loaded library has version %s. %s",
					version, EXTVERSION, advice(version));
}

/*
 * For sessions: raises an error if script and library do not match.  Checks
 * once per transaction.
 */
void
bcd_extension_check(void)
{
	static TimestampTz checked = 0;
	char	   *version;

	if (checked == GetCurrentTransactionStartTimestamp())
		return;
	if (OidIsValid(bcd_extension_look(&version)) && strcmp(version, EXTVERSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"%s\" has version %s, but the loaded library has version %s",
						BCD_EXTENSION, version, EXTVERSION),
				 errhint("%s", advice(version))));
	checked = GetCurrentTransactionStartTimestamp();
}
