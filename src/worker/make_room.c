/*
 * make_room.c
 *		Workers leave databases that are about to be dropped, renamed, moved or
 *		copied.
 *
 * PostgreSQL refuses these statements while anybody else is connected to the
 * database.  It waits for five seconds, but asks only autovacuum to leave; so
 * we ask our worker, before the statement is executed.  The statement locks
 * the database until its end, and the launcher starts no worker while it does:
 * see bcd_database_is_locked().
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "storage/latch.h"
#include "storage/lock.h"
#include "storage/lwlock.h"
#include "storage/procarray.h"
#include "utils/acl.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "worker/make_room.h"

#define PATIENCE_MS		5000	/* PostgreSQL waits as long */
#define NAP_MS			10

static const char *
option_text(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0 && option->arg)
			return defGetString(option);
	}
	return NULL;
}

/* The database that a statement needs for itself, or NULL. */
static const char *
wanted_database(Node *statement)
{
	switch (nodeTag(statement))
	{
		case T_DropdbStmt:
			return castNode(DropdbStmt, statement)->dbname;
		case T_CreatedbStmt:
			return option_text(castNode(CreatedbStmt, statement)->options, "template");
		case T_RenameStmt:
			return castNode(RenameStmt, statement)->renameType == OBJECT_DATABASE ?
				castNode(RenameStmt, statement)->subname : NULL;
		case T_AlterDatabaseStmt:
			return option_text(castNode(AlterDatabaseStmt, statement)->options, "tablespace") ?
				castNode(AlterDatabaseStmt, statement)->dbname : NULL;
		default:
			return NULL;
	}
}

/* Returns the process id of a database's worker, or 0; notes why it leaves. */
static pid_t
leaving_worker(Oid dbid)
{
	pid_t		pid = 0;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (slot->pid == 0 || slot->dbid != dbid)
			continue;
		pid = slot->pid;
		slot->makes_room = true;
	}
	LWLockRelease(bcd_shared->lock);
	return pid;
}

/*
 * Waits for the end of a process, since DROP DATABASE WITH (FORCE) does not,
 * and fails if it may not terminate a superuser's process.
 */
static void
wait_for_end(pid_t pid)
{
	int			naps = PATIENCE_MS / NAP_MS;

	while (BackendPidGetProc(pid) != NULL && naps-- > 0)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Before a statement that needs a database for itself.  Only the owner of the
 * database makes its worker leave; PostgreSQL checks the rights again.
 */
void
bcd_make_room(Node *statement)
{
	const char *database = wanted_database(statement);
	Oid			dbid;
	pid_t		pid;

	/* of these statements, only RENAME can be part of a transaction */
	if (database == NULL || (!IsA(statement, RenameStmt) && IsTransactionBlock()))
		return;
	dbid = get_database_oid(database, true);
	if (!OidIsValid(dbid) || dbid == MyDatabaseId || !bcd_owns_database(dbid, GetUserId()))
		return;
	pid = leaving_worker(dbid);
	if (pid == 0 || kill(pid, SIGTERM) != 0)
		return;
	ereport(LOG,
			(errmsg("bcdelta: the worker of database \"%s\" makes room for a statement that needs the database for itself",
					database)));
	wait_for_end(pid);
}

/*
 * Would a session that connects to the database have to wait for such a
 * statement?  In a transaction of the launcher's.
 */
bool
bcd_database_is_locked(Oid dbid)
{
	LOCKTAG		tag;

	/* as InitPostgres() does */
	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, dbid, 0);
	return LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL;
}

/*
 * Does a worker that has just started have to leave again?  A statement that
 * began before it had its slot could not ask it to.
 */
bool
bcd_leave_at_once(BcdWorkerSlot *slot)
{
	bool		locked;

	StartTransactionCommand();
	locked = bcd_database_is_locked(MyDatabaseId);
	CommitTransactionCommand();
	if (!locked)
		return false;
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	slot->makes_room = true;
	LWLockRelease(bcd_shared->lock);
	return true;
}
