/*
 * find_table.c
 *		Finds the foreign table that shows a resource of a store.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "foreign/find_table.h"
#include "resource/resource.h"

static bool
shows(Oid relid, const BcdResource *resource)
{
	ListCell   *lc;

	foreach(lc, GetForeignTable(relid)->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "resource") == 0)
			return strcmp(defGetString(def), resource->name) == 0;
	}
	return false;
}

static bool
may_read(Oid relid, Oid userid)
{
	return bcd_schema_aclcheck(get_rel_namespace(relid), userid) == ACLCHECK_OK &&
		(pg_class_aclcheck(relid, userid, ACL_SELECT) == ACLCHECK_OK ||
		 pg_attribute_aclcheck_all(relid, userid, ACL_SELECT, ACLMASK_ANY) == ACLCHECK_OK);
}

/*
 * Does the table belong to somebody who may act for the user anyway?  The types
 * of its columns can have functions, which are called in queries of others.
 */
static bool
is_trusted(Oid relid, Oid userid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return false;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return superuser_arg(owner) || has_privs_of_role(userid, owner);
}

/* Is a the better choice: of a trusted owner, in the search_path, or older? */
static bool
is_better(Oid a, Oid b, Oid userid)
{
	if (!OidIsValid(b))
		return true;
	if (is_trusted(a, userid) != is_trusted(b, userid))
		return is_trusted(a, userid);
	if (RelationIsVisible(a) != RelationIsVisible(b))
		return RelationIsVisible(a);
	return a < b;
}

/*
 * Returns the table, in whatever schema it is, that the user may read; of
 * several, one of an owner whom the user trusts, in the search_path, or else the
 * oldest. Raises an error if there
 * is none.
 */
Oid
bcd_find_foreign_table(Oid serverid, const BcdResource *resource, Oid userid)
{
	Relation	rel = table_open(ForeignTableRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	char	   *server = GetForeignServer(serverid)->servername;
	Oid			found = InvalidOid;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_table form = (Form_pg_foreign_table) GETSTRUCT(tuple);

		if (form->ftserver == serverid && shows(form->ftrelid, resource) && may_read(form->ftrelid, userid) &&
			is_better(form->ftrelid, found, userid))
			found = form->ftrelid;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (!OidIsValid(found))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
				 errmsg("there is no foreign table with the records of resource %s of server \"%s\" that role \"%s\" may read",
						resource->name, server, GetUserNameFromId(userid, false)),
				 errhint("IMPORT FOREIGN SCHEMA bigcommerce LIMIT TO (%s) FROM SERVER %s INTO ... makes one.",
						 quote_identifier(resource->name), quote_identifier(server))));
	return found;
}
