/*
 * worker_words.c
 *		Whether a worker serves this database, and why not.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker_internals.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "worker/worker_words.h"

/*
 * Returns the process id of this database's worker, or 0. The caller holds the
 * lock.
 */
pid_t
bcd_worker_pid(void)
{
	int			i;

	for (i = 0; i < BCD_MAX_WORKERS; i++)
		if (bcd_shared->workers[i].pid != 0 && bcd_shared->workers[i].dbid == MyDatabaseId)
			return bcd_shared->workers[i].pid;
	return 0;
}

/* Is this process the worker? */
bool
bcd_is_worker(void)
{
	bool		is;

	if (bcd_shared == NULL)
		return false;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	is = bcd_worker_pid() == MyProcPid;
	LWLockRelease(bcd_shared->lock);
	return is;
}

static bool
is_listed(const char *database)
{
	ListCell   *cell;

	foreach(cell, bcd_database_list())
		if (strcmp((const char *) lfirst(cell), database) == 0)
		return true;
	return false;
}

/* What is known in shared memory */
typedef struct Served
{
	pid_t		pid;			/* of the worker, or 0 */
	char	   *trouble;		/* why it does not work, or is not there; may
								 * be empty */
	bool		launcher;		/* is it running? */
	bool		no_place;		/* all are taken by other databases */
} Served;

static Served
look(const char *database)
{
	char		trouble[BCD_NAME_BYTES] = "";
	Served		found = {.no_place = true};
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	found.pid = bcd_worker_pid();
	found.launcher = bcd_shared->launcher != 0;
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		const BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (strcmp(slot->database, database) == 0)
			strlcpy(trouble, slot->trouble, sizeof(trouble));
		else if (slot->database[0])
			continue;
		found.no_place = false;
	}
	LWLockRelease(bcd_shared->lock);
	found.trouble = pstrdup(trouble);
	return found;
}

/*
 * Returns NULL if a worker serves this database, otherwise the reason why not.
 *
 * Sets *starting if the caller only has to wait for it.
 */
char *
bcd_worker_words(bool *starting)
{
	char	   *database = get_database_name(MyDatabaseId);
	Served		found;

	*starting = false;
	if (RecoveryInProgress())
		return pstrdup("this server is a standby; its worker starts when it is promoted");
	if (bcd_shared == NULL)
		return pstrdup("bcdelta is not in shared_preload_libraries");
	found = look(database);
	if (found.pid != 0)
		return found.trouble[0] ? found.trouble : NULL;
	if (!is_listed(database))
		return psprintf("database \"%s\" is not in bcdelta.databases", database);
	if (found.no_place)
		return psprintf("bcdelta serves at most %d databases", BCD_MAX_WORKERS);
	*starting = true;
	if (!found.launcher)
		return psprintf("the bcdelta launcher is not running; it needs one of max_worker_processes, which is %d",
						max_worker_processes);
	return found.trouble[0] ? psprintf("the worker is starting: %s", found.trouble) :
		pstrdup("the worker is starting");
}

/*
 * Returns what keeps a worker that serves this database from going on, or NULL.
 * A commit that waits for a standby that is there is none of our business: it is
 * over in a moment.
 */
char *
bcd_worker_waits(void)
{
	SyncRepStandbyData *standbys;
	PGPROC	   *proc;
	pid_t		pid;

	if (bcd_shared == NULL || SyncRepConfig == NULL)
		return NULL;
	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	pid = bcd_worker_pid();
	LWLockRelease(bcd_shared->lock);
	proc = pid != 0 ? BackendPidGetProc(pid) : NULL;
	if (proc == NULL || proc->wait_event_info != WAIT_EVENT_SYNC_REP ||
		SyncRepGetCandidateStandbys(&standbys) >= SyncRepConfig->num_sync)
		return NULL;
	return pstrdup("the worker's commit waits for a synchronous standby, and too few are connected: see synchronous_standby_names");
}

/* What to do about it. */
const char *
bcd_worker_hint(void)
{
	char	   *database = get_database_name(MyDatabaseId);

	if (bcd_shared == NULL)
		return "Add bcdelta to shared_preload_libraries and restart the server.";
	if (!is_listed(database))
		return psprintf("Add %s to bcdelta.databases and reload the configuration with SELECT pg_reload_conf().",
						quote_identifier(database));
	if (RecoveryInProgress())
		return "Use the primary server.";
	return "A worker that has ended is started again within a minute; the server log says why it ended.";
}
