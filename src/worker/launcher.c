/*
 * launcher.c
 *		The process that keeps one worker per database running.
 *
 * It reads bcdelta.databases at start and at every reload, and starts a worker
 * for each name that has none. A worker that ends is restarted: within a
 * second if it lived long, otherwise after a delay that grows each time. The
 * launcher is not connected to any database, so it does not prevent any from
 * being dropped; but it sees the shared catalogs, and does not start a worker
 * for a database that does not exist. A worker whose database is removed from
 * the list ends by itself.
 *
 * A worker's slot in shared memory is authoritative: the worker writes its
 * process id there, and removes it when it exits. A restarted launcher thus
 * finds the workers that its predecessor started.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/shutdown.h"
#include "feed/database_identity.h"
#include "worker/launcher.h"
#include "worker/make_room.h"

/* pg_database.datconnlimit after an unfinished DROP DATABASE */
#define INVALID_DATABASE	(-2)

#define LAUNCHER_RESTART	5	/* seconds */
#define FIRST_DELAY_MS		1000
#define LAST_DELAY_MS		60000
#define LONG_LIFE_MS		60000	/* a worker that lives this long is
									 * healthy */
#define NO_SLOT_DELAY_MS	10000
#define SAFETY_NAP_MS		60000	/* in case a notification was lost */
#define MISSING_NAP_MS		5000	/* delay before looking for a missing
									 * database again */
#define LOCKED_NAP_MS		500 /* delay before looking again whether a
								 * database is locked */
#define STRANGER_NAP_MS		2000	/* for workers whose end is not reported
									 * to us */

/* What the launcher knows about the worker in the same slot of bcd_shared */
typedef struct BcdManaged
{
	BackgroundWorkerHandle *handle; /* of the worker that we started, or NULL */
	TimestampTz started_at;
	TimestampTz start_at;		/* not before this time */
	int			delay_ms;		/* delay after the worker's next end */
	bool		reported_full;	/* reported that there was no slot for it */
	bool		reported_stuck; /* reported that it does not respond */
	bool		reported_missing;	/* reported that its database does not
									 * exist */
} BcdManaged;

/* Whether a worker can connect to a database */
typedef struct BcdAccess
{
	const char *trouble;		/* why not, or NULL */
	bool		locked;			/* by a statement that needs it for itself */
} BcdAccess;

static BcdManaged managed[BCD_MAX_WORKERS];
static bool reported_no_slot = false;

/* Called from _PG_init() when the library is preloaded. */
void
bcd_launcher_register(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = LAUNCHER_RESTART;
	strlcpy(worker.bgw_library_name, BCD_EXTENSION, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "bcd_launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "bcdelta launcher", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bcdelta launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

static bool
is_listed(List *databases, const char *name)
{
	ListCell   *cell;

	foreach(cell, databases)
		if (strcmp((const char *) lfirst(cell), name) == 0)
		return true;
	return false;
}

/*
 * Frees the slots of workers that have ended and whose databases are not
 * listed.
 */
static void
free_slots(List *databases)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (slot->database[0] == '\0' || slot->pid != 0 || managed[i].handle != NULL ||
			is_listed(databases, slot->database))
			continue;
		memset(slot, 0, sizeof(*slot));
		memset(&managed[i], 0, sizeof(BcdManaged));
	}
	LWLockRelease(bcd_shared->lock);
}

/*
 * Returns the slot of a database's worker, a new one if needed, or -1 if there
 * is none.
 */
static int
slot_number(const char *database)
{
	int			number = -1;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (strcmp(slot->database, database) == 0)
		{
			number = i;
			break;
		}
		if (slot->database[0] == '\0' && number < 0)
			number = i;
	}
	if (number >= 0)
		strlcpy(bcd_shared->workers[number].database, database, NAMEDATALEN);
	LWLockRelease(bcd_shared->lock);
	return number;
}

/* Returns whether there is a worker in this slot, no matter who started it. */
static bool
is_alive(int number)
{
	bool		alive;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	alive = bcd_shared->workers[number].pid != 0;
	LWLockRelease(bcd_shared->lock);
	return alive;
}

/*
 * Reports a worker that only a signal could end that would also harm all
 * others.
 */
static void
report_stuck(int number)
{
	BcdWorkerSlot slot;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	slot = bcd_shared->workers[number];
	LWLockRelease(bcd_shared->lock);
	if (slot.stuck && !managed[number].reported_stuck)
		ereport(WARNING,
				(errmsg("bcdelta: in database \"%s\" %s", slot.database, slot.trouble),
				 errdetail("Process %d was cancelled and terminated, but does not respond.", (int) slot.pid),
				 errhint("Pause the feed. Only SIGKILL ends the process, and it makes PostgreSQL restart all others.")));
	managed[number].reported_stuck = slot.stuck;
}

/*
 * Asks the postmaster for a worker. Returns false if it has no slot for one.
 */
static bool
start_worker(int number, const char *database)
{
	BackgroundWorker worker;
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
	bool		started;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	strlcpy(worker.bgw_library_name, BCD_EXTENSION, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "bcd_worker_main", sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, BGW_MAXLEN, "bcdelta worker for %s", database);
	strlcpy(worker.bgw_type, BCD_WORKER_TYPE, BGW_MAXLEN);
	strlcpy(worker.bgw_extra, database, BGW_EXTRALEN);
	worker.bgw_main_arg = Int32GetDatum(number);
	worker.bgw_notify_pid = MyProcPid;
	started = RegisterDynamicBackgroundWorker(&worker, &managed[number].handle);
	MemoryContextSwitchTo(old);
	return started;
}

/*
 * Returns whether the worker in this slot ended for no fault of its own. If
 * the code of a feed has crashed it, the next worker deals with that feed, so
 * other feeds should not have to wait.
 */
static bool
is_excused(int number)
{
	bool		excused;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	excused = bcd_shared->workers[number].excused || bcd_shared->workers[number].makes_room;
	LWLockRelease(bcd_shared->lock);
	return excused;
}

/*
 * Notes the end of a worker that we started, and decides when the next one may
 * start.
 */
static void
note_end(int number, TimestampTz now)
{
	BcdManaged *worker = &managed[number];
	bool		healthy = TimestampDifferenceExceeds(worker->started_at, now, LONG_LIFE_MS) ||
	is_excused(number);

	pfree(worker->handle);
	worker->handle = NULL;
	if (healthy || worker->delay_ms < FIRST_DELAY_MS)
		worker->delay_ms = FIRST_DELAY_MS;
	worker->start_at = TimestampTzPlusMilliseconds(now, worker->delay_ms);
	worker->delay_ms = Min(worker->delay_ms * 2, LAST_DELAY_MS);
}

/* Returns the milliseconds from now until then, at least 1. */
static long
ms_until(TimestampTz then, TimestampTz now)
{
	return Max(1, (then - now) / 1000 + 1);
}

/* Returns why no worker can connect to a database, or NULL. */
static const char *
row_trouble(const FormData_pg_database *form)
{
	if (!form->datallowconn)
		return "does not accept connections";
	if (form->datconnlimit == INVALID_DATABASE)
		return "is invalid, since its removal was interrupted";
	return NULL;
}

/*
 * Looks whether a worker can connect to a database. A process that is not
 * connected to a database has no indexes or catalog caches, so it reads all
 * rows, as autovacuum does.
 */
static BcdAccess
database_access(const char *name)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdAccess	found = {"does not exist", false};
	Relation	relation;
	TableScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		if (strcmp(NameStr(form->datname), name) != 0)
			continue;
		found.trouble = row_trouble(form);
		found.locked = bcd_database_is_locked(form->oid);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	return found;
}

/* Reports once that a database is missing. */
static void
report_missing(BcdManaged *worker, const char *name, const char *trouble)
{
	if (trouble && !worker->reported_missing)
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("bcdelta: database \"%s\" of bcdelta.databases %s", name, trouble),
				 errhint("It gets a worker as soon as it is available; otherwise, remove it from the list.")));
	worker->reported_missing = trouble != NULL;
}

/*
 * Reports once that there are too few processes for the worker. Those who ask
 * for it are told by its slot.
 */
static void
report_full(int number, const char *database)
{
	if (!managed[number].reported_full)
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start the bcdelta worker of database \"%s\": no slot for a background worker is free",
						database),
				 errhint("Increase max_worker_processes, which is %d, and restart the server. The worker starts by itself when a slot is free.",
						 max_worker_processes)));
	managed[number].reported_full = true;
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	snprintf(bcd_shared->workers[number].trouble, BCD_NAME_BYTES,
			 "all background workers are in use; max_worker_processes is %d", max_worker_processes);
	LWLockRelease(bcd_shared->lock);
}

/*
 * Manages the worker of one database. Returns the milliseconds after which to
 * look again unless something happens before that.
 */
static long
look_after(const char *database, TimestampTz now)
{
	int			number = slot_number(database);
	BcdManaged *worker;
	BcdAccess	access;
	pid_t		pid;

	if (number < 0)
	{
		if (!reported_no_slot)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("bcdelta serves at most %d databases", BCD_MAX_WORKERS),
					 errdetail("Database \"%s\" gets no worker.", database)));
		reported_no_slot = true;
		return SAFETY_NAP_MS;
	}
	worker = &managed[number];
	report_stuck(number);
	if (worker->handle)
	{
		if (GetBackgroundWorkerPid(worker->handle, &pid) != BGWH_STOPPED)
			return SAFETY_NAP_MS;
		note_end(number, now);
	}
	if (is_alive(number))
		return STRANGER_NAP_MS;
	/* a clock that was set back must not delay the worker */
	if (worker->start_at > TimestampTzPlusMilliseconds(now, LAST_DELAY_MS))
		worker->start_at = now;
	if (worker->start_at > now)
		return ms_until(worker->start_at, now);
	access = database_access(database);
	if (access.locked)
		return LOCKED_NAP_MS;
	report_missing(worker, database, access.trouble);
	if (access.trouble)
		return MISSING_NAP_MS;
	if (!start_worker(number, database))
	{
		report_full(number, database);
		return NO_SLOT_DELAY_MS;
	}
	worker->reported_full = false;
	worker->started_at = now;
	return SAFETY_NAP_MS;
}

/* Starts the workers on the list; returns how long to sleep. */
static long
look_after_all(void)
{
	List	   *databases = bcd_database_list();
	TimestampTz now = GetCurrentTimestamp();
	long		nap = SAFETY_NAP_MS;
	ListCell   *cell;
	int			i;

	/* including databases that were removed from the list */
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		pid_t		pid;

		if (managed[i].handle && GetBackgroundWorkerPid(managed[i].handle, &pid) == BGWH_STOPPED)
			note_end(i, now);
	}
	free_slots(databases);
	foreach(cell, databases)
		nap = Min(nap, look_after((const char *) lfirst(cell), now));
	return nap;
}

static void
reload(void)
{
	int			i;

	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	reported_no_slot = false;
	/* the cause may have been fixed, so stop waiting */
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		managed[i].start_at = 0;
		managed[i].delay_ms = 0;
	}
}

static void
leave(int code, Datum arg)
{
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	bcd_shared->launcher = 0;
	LWLockRelease(bcd_shared->lock);
}

static void
enter(void)
{
	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	bcd_shared->launcher = MyProcPid;
	LWLockRelease(bcd_shared->lock);
	before_shmem_exit(leave, (Datum) 0);
}

void
bcd_launcher_main(Datum arg)
{
	MemoryContext cxt;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	bcd_stop_init();
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	enter();

	cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta launcher", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	bcd_place_note_promotion();
	for (;;)
	{
		long		nap;

		/* after status 0, the postmaster would not restart it */
		bcd_stop_if_asked(1);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
			reload();
		nap = look_after_all();
		MemoryContextReset(cxt);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, nap,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
