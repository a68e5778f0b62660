/*
 * utility.c
 *		Statements of others that concern databases, roles and servers of ours.
 *
 * Workers leave databases that a statement needs for itself, and look when a
 * prepared transaction is committed; REASSIGN OWNED includes what is in our tables, with a server its cutover ends, what belongs
 * to a server follows its new name, and tables that are imported from a store
 * get comments.  None of this may make a statement fail that would succeed
 * without us.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/extension.h"
#include "base/shmem.h"
#include "foreign/import.h"
#include "functions/server_dropped.h"
#include "functions/server_renamed.h"
#include "functions/utility.h"
#include "tables/criterion.h"
#include "tables/cutover.h"
#include "tables/feed_owner.h"
#include "tables/schedule_owner.h"
#include "worker/make_room.h"

static ProcessUtility_hook_type previous_hook = NULL;

/* What belongs to roles */
static const struct
{
	const char *name;
	int64		(*reassign) (Oid from, Oid to);
}			owned[] =

{
	{"feeds", bcd_feeds_reassign},
	{"schedules", bcd_schedules_reassign},
	{"plans of cutovers", bcd_cutovers_reassign},
	{"criteria", bcd_criteria_reassign},
};

/* PostgreSQL has checked the rights to both roles. */
static void
reassign(const ReassignOwnedStmt *statement)
{
	Oid			to = get_rolespec_oid(statement->newrole, false);
	StringInfoData taken;
	BcdRights	saved;
	int			i;

	initStringInfo(&taken);
	bcd_spi_begin(&saved);
	for (i = 0; i < lengthof(owned); i++)
	{
		int64		n = 0;
		ListCell   *lc;

		foreach(lc, statement->roles)
		{
			Oid			from = get_rolespec_oid(lfirst(lc), false);

			if (from != to)
				n += owned[i].reassign(from, to);
		}
		if (n > 0)
			appendStringInfo(&taken, "%s%s: " INT64_FORMAT, taken.len > 0 ? ", " : "", owned[i].name, n);
	}
	bcd_spi_end(&saved);
	if (taken.len == 0)
		return;
	ereport(NOTICE,
			(errmsg("role \"%s\" also takes over %s", GetUserNameFromId(to, false), taken.data),
			 errhint("It needs SELECT on what the mappings read, USAGE on the server, and a user mapping.")));
	bcd_wake_worker_at_commit();
}

/* Can servers be dropped by this statement? */
static bool
drops_servers(const Node *statement)
{
	ObjectType	type = IsA(statement, DropStmt) ? ((const DropStmt *) statement)->removeType : OBJECT_COLUMN;

	return type == OBJECT_FOREIGN_SERVER || type == OBJECT_FDW || IsA(statement, DropOwnedStmt);
}

static void
process_utility(BCD_UTILITY_PARAMS)
{
	Node	   *statement = pstmt->utilityStmt;
	ReassignOwnedStmt *reassigns = NULL;
	bool		drops = drops_servers(statement);
	bool		commits = IsA(statement, TransactionStmt) && castNode(TransactionStmt, statement)->kind == TRANS_STMT_COMMIT_PREPARED;
	RenameStmt *renames = NULL;
	ImportForeignSchemaStmt *imports = NULL;

	/* as a statement that ends its transaction may free its own tree */
	if (IsA(statement, ReassignOwnedStmt))
		reassigns = copyObject(castNode(ReassignOwnedStmt, statement));
	if (IsA(statement, RenameStmt) && castNode(RenameStmt, statement)->renameType == OBJECT_FOREIGN_SERVER)
		renames = copyObject(castNode(RenameStmt, statement));
	if (IsA(statement, ImportForeignSchemaStmt))
		imports = copyObject(castNode(ImportForeignSchemaStmt, statement));
	if (bcd_shared && IsTransactionState() && !IsAbortedTransactionBlockState())
		bcd_make_room(statement);
	if (previous_hook)
		previous_hook(BCD_UTILITY_ARGS);
	else
		standard_ProcessUtility(BCD_UTILITY_ARGS);
	if (commits)
		bcd_prepared_committed();
	if (reassigns && bcd_extension_trouble() == NULL)
		reassign(reassigns);
	if (drops && bcd_extension_trouble() == NULL)
		bcd_servers_dropped();
	if (renames && bcd_extension_trouble() == NULL)
		bcd_server_renamed(strVal(renames->object), renames->newname);
	if (imports)
		bcd_foreign_comment(imports);
}

/* From _PG_init() of a preloaded library. */
void
bcd_utility_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
