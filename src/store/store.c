/*
 * store.c
 *		Stores: credentials and rights.
 *
 * A store is a foreign server of the wrapper "bcdelta"; its access token is in
 * the user mapping of the role for which a request is made.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "store/store.h"
#include "store/store_options.h"

/*
 * The OID of a store's server, after checking that the role may use it.
 */
Oid
bcd_store_check(const char *server, Oid userid)
{
	ForeignServer *fs = GetForeignServerByName(server, true);

	if (fs == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("server \"%s\" does not exist", server),
				 errhint("Create it with CREATE SERVER %s FOREIGN DATA WRAPPER bcdelta OPTIONS (store_hash '...').",
						 quote_identifier(server))));
	if (strcmp(GetForeignDataWrapper(fs->fdwid)->fdwname, BCD_EXTENSION) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is not a BigCommerce store", server),
				 errdetail("Its foreign-data wrapper is not \"%s\".", BCD_EXTENSION)));
	if (bcd_server_aclcheck(fs->serverid, userid) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for foreign server %s", server),
				 errhint("GRANT USAGE ON FOREIGN SERVER %s TO %s lets the role use the store.",
						 quote_identifier(server),
						 quote_identifier(GetUserNameFromId(userid, false)))));
	return fs->serverid;
}

/* Returns the first line of a token file. */
static char *
token_from_file(const char *path)
{
	char	   *token = palloc0(BCD_TOKEN_BYTES + 3);
	FILE	   *file = AllocateFile(path, "r");

	if (file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open the file named by option \"access_token_file\": %m")));
	if (fgets(token, BCD_TOKEN_BYTES + 2, file) == NULL)
		token[0] = '\0';
	FreeFile(file);
	token[strcspn(token, "\r\n")] = '\0';
	if (!bcd_token_is_valid(token))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("the file named by option \"access_token_file\" does not hold a token on its first line")));
	return token;
}

/*
 * Returns the access token that a role uses for a store, from its user mapping
 * or that of PUBLIC.
 */
char *
bcd_store_token(Oid serverid, Oid userid)
{
	ForeignServer *fs = GetForeignServer(serverid);
	HeapTuple	tuple;
	ListCell   *lc;
	UserMapping *mapping;

	tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
							ObjectIdGetDatum(serverid));
	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(serverid));
	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no access token for role \"%s\" on server \"%s\"",
						GetUserNameFromId(userid, false), fs->servername),
				 errhint("CREATE USER MAPPING FOR %s SERVER %s OPTIONS (access_token '...').",
						 quote_identifier(GetUserNameFromId(userid, false)),
						 quote_identifier(fs->servername))));
	ReleaseSysCache(tuple);
	mapping = GetUserMapping(userid, serverid);
	foreach(lc, mapping->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "access_token") == 0)
			return pstrdup(defGetString(def));
		if (strcmp(def->defname, "access_token_file") == 0)
			return token_from_file(defGetString(def));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_OPTION_NAME_NOT_FOUND),
			 errmsg("the user mapping of role \"%s\" on server \"%s\" has no access token",
					GetUserNameFromId(userid, false), fs->servername)));
	return NULL;
}

/* Raises an error unless the user may use every store that there is, and there is one. */
void
bcd_store_check_all(Oid userid, const char *what)
{
	Relation	rel = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	int			n = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server form = (Form_pg_foreign_server) GETSTRUCT(tuple);

		if (strcmp(GetForeignDataWrapper(form->srvfdw)->fdwname, BCD_EXTENSION) != 0)
			continue;
		n++;
		if (bcd_server_aclcheck(form->oid, userid) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to %s", what),
					 errdetail("That applies to all stores, and needs USAGE on each of their servers; it is missing on \"%s\".", NameStr(form->srvname))));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no store yet"),
				 errhint("CREATE SERVER ... FOREIGN DATA WRAPPER bcdelta makes one.")));
}

/*
 * Returns the name of the only store that the role may use. Raises an error if
 * there are none, or several; the hint says what to do then (NULL: name one).
 */
char *
bcd_store_only_one(Oid userid, const char *hint)
{
	Relation	rel = table_open(ForeignServerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	char	   *found = NULL;
	HeapTuple	tuple;
	int			n = 0;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_foreign_server form = (Form_pg_foreign_server) GETSTRUCT(tuple);

		if (strcmp(GetForeignDataWrapper(form->srvfdw)->fdwname, BCD_EXTENSION) == 0 &&
			bcd_server_aclcheck(form->oid, userid) == ACLCHECK_OK)
		{
			found = pstrdup(NameStr(form->srvname));
			n++;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no store that role \"%s\" may use",
						GetUserNameFromId(userid, false)),
				 errhint("Create one with CREATE SERVER ... FOREIGN DATA WRAPPER bcdelta, or GRANT USAGE ON FOREIGN SERVER.")));
	if (n > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_PARAMETER),
				 hint ? errmsg("there are %d stores", n) : errmsg("there are %d stores: name one", n),
				 hint ? errhint("%s", hint) : errhint("Pass server => '%s', for example.", found)));
	return found;
}
