/*
 * utility.c
 *		Statements of others that concern databases and roles of ours.
 *
 * Workers leave databases that a statement needs for itself, and REASSIGN
 * OWNED includes feeds, schedules and criteria.  None of this may make a statement fail
 * that would succeed without us.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/acl.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/extension.h"
#include "base/shmem.h"
#include "functions/utility.h"
#include "tables/criterion.h"
#include "tables/feed_owner.h"
#include "tables/schedule_owner.h"
#include "worker/make_room.h"

static ProcessUtility_hook_type previous_hook = NULL;

/* PostgreSQL has checked the rights to both roles. */
static void
reassign(const ReassignOwnedStmt *statement)
{
	Oid			to = get_rolespec_oid(statement->newrole, false);
	BcdRights	saved;
	int64		feeds = 0;
	int64		schedules = 0;
	int64		criteria = 0;
	ListCell   *lc;

	bcd_spi_begin(&saved);
	foreach(lc, statement->roles)
	{
		Oid			from = get_rolespec_oid(lfirst(lc), false);

		if (from == to)
			continue;
		feeds += bcd_feeds_reassign(from, to);
		schedules += bcd_schedules_reassign(from, to);
		criteria += bcd_criteria_reassign(from, to);
	}
	bcd_spi_end(&saved);
	if (feeds + schedules + criteria == 0)
		return;
	ereport(NOTICE,
			(errmsg("role \"%s\" also takes over feeds: " INT64_FORMAT ", schedules: " INT64_FORMAT "%s",
					GetUserNameFromId(to, false), feeds, schedules,
					criteria ? psprintf(", criteria: " INT64_FORMAT, criteria) : ""),
			 errhint("It needs SELECT on what the mappings read, USAGE on the server, and a user mapping.")));
	bcd_wake_worker_at_commit();
}

static void
process_utility(BCD_UTILITY_PARAMS)
{
	Node	   *statement = pstmt->utilityStmt;
	ReassignOwnedStmt *reassigns = NULL;

	/* as a statement that ends its transaction may free its own tree */
	if (IsA(statement, ReassignOwnedStmt))
		reassigns = copyObject(castNode(ReassignOwnedStmt, statement));
	if (bcd_shared && IsTransactionState() && !IsAbortedTransactionBlockState())
		bcd_make_room(statement);
	if (previous_hook)
		previous_hook(BCD_UTILITY_ARGS);
	else
		standard_ProcessUtility(BCD_UTILITY_ARGS);
	if (reassigns && bcd_extension_trouble() == NULL)
		reassign(reassigns);
}

/* From _PG_init() of a preloaded library. */
void
bcd_utility_install(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
