/*
 * import.c
 *		IMPORT FOREIGN SCHEMA: a foreign table for each resource that can be
 *		listed.
 *
 * PostgreSQL has checked that the user may use the server, and makes those
 * tables only that the statement asks for.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "commands/defrem.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/bcdelta.h"
#include "foreign/columns.h"
#include "foreign/import.h"
#include "resource/resource.h"

/* The schema that a store has */
#define REMOTE_SCHEMA	"bigcommerce"

/* Raises an error if a table that is asked for cannot be. */
static void
check_wanted(const ImportForeignSchemaStmt *stmt)
{
	ListCell   *lc;

	if (stmt->list_type != FDW_IMPORT_SCHEMA_LIMIT_TO)
		return;
	foreach(lc, stmt->table_list)
	{
		const RangeVar *wanted = lfirst_node(RangeVar, lc);
		const BcdResource *resource = bcd_resource_find(wanted->relname);

		if (resource == NULL || !bcd_resource_is_listed(resource))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_TABLE_NOT_FOUND),
					 resource == NULL ? errmsg("there is no resource \"%s\"", wanted->relname) :
					 errmsg("resource \"%s\" has no list of all its records", wanted->relname),
					 errhint("Foreign tables can show: %s.", bcd_resource_listed_names())));
	}
}

static char *
create_command(const BcdResource *resource, const char *server)
{
	StringInfoData command;
	const char *separator = "";
	ListCell   *lc;

	initStringInfo(&command);
	appendStringInfo(&command, "CREATE FOREIGN TABLE %s (", quote_identifier(resource->name));
	foreach(lc, bcd_foreign_columns(resource))
	{
		const BcdForeignColumn *column = lfirst(lc);

		appendStringInfo(&command, "%s\n\t%s %s", separator, quote_identifier(column->name), bcd_foreign_sql_type(column->type));
		separator = ",";
	}
	appendStringInfo(&command, "\n) SERVER %s OPTIONS (resource %s)", quote_identifier(server), quote_literal_cstr(resource->name));
	return command.data;
}

/* For FdwRoutine.ImportForeignSchema: the commands that make the tables. */
List *
bcd_foreign_import(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	ForeignServer *server = GetForeignServer(serverid);
	const BcdResource *resource;
	List	   *commands = NIL;
	int			n;

	if (strcmp(stmt->remote_schema, REMOTE_SCHEMA) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("schema \"%s\" is not present on foreign server \"%s\"", stmt->remote_schema, server->servername),
				 errhint("A store has one schema: IMPORT FOREIGN SCHEMA %s FROM SERVER %s INTO %s.",
						 REMOTE_SCHEMA, quote_identifier(server->servername), quote_identifier(stmt->local_schema))));
	if (stmt->options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\"", linitial_node(DefElem, stmt->options)->defname),
				 errhint("There are no valid options here.")));
	check_wanted(stmt);
	for (n = 0; (resource = bcd_resource_nth(n)) != NULL; n++)
		if (bcd_resource_is_listed(resource))
			commands = lappend(commands, create_command(resource, server->servername));
	return commands;
}

static void
comment_on(Oid relid, const BcdResource *resource)
{
	ListCell   *lc;

	CreateComments(relid, RelationRelationId, 0, bcd_foreign_table_comment(resource));
	foreach(lc, bcd_foreign_columns(resource))
	{
		const BcdForeignColumn *column = lfirst(lc);
		AttrNumber	attnum = get_attnum(relid, column->name);

		if (attnum != InvalidAttrNumber)
			CreateComments(relid, RelationRelationId, attnum, bcd_foreign_column_comment(resource, column));
	}
}

/*
 * After such a statement: comments on what it has made, which its commands
 * cannot contain.
 */
void
bcd_foreign_comment(const ImportForeignSchemaStmt *stmt)
{
	ForeignServer *server = GetForeignServerByName(stmt->server_name, true);
	Oid			schema = get_namespace_oid(stmt->local_schema, true);
	const BcdResource *resource;
	int			n;

	if (server == NULL || !OidIsValid(schema) || strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, BCD_EXTENSION) != 0)
		return;
	for (n = 0; (resource = bcd_resource_nth(n)) != NULL; n++)
	{
		Oid			relid = get_relname_relid(resource->name, schema);

		/* the statement would have failed if there had been one already */
		if (bcd_resource_is_listed(resource) && OidIsValid(relid) &&
			IsImportableForeignTable(resource->name, (ImportForeignSchemaStmt *) stmt))
			comment_on(relid, resource);
	}
}
