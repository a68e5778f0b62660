/*
 * launcher.c
 *		The process that keeps one worker per database running.
 *
 * It reads bcdelta.databases at start and at every reload, starts a worker for
 * each name that has none, and starts it again after it ended: at once (after
 * a second) when it lived long, ever later while it ends young.  It is not
 * connected to any database, so it does not prevent any from being dropped;
 * but it sees the shared catalogs, and starts nothing for a database that does
 * not exist.  A worker whose database left the list ends by itself.
 *
 * A worker's place in shared memory is the truth about it: the worker writes
 * its process id there, and takes it back when it exits.  So a launcher that
 * was itself restarted sees the workers of its predecessor.
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

/* pg_database.datconnlimit after a DROP DATABASE that did not get to its end */
#define INVALID_DATABASE	(-2)

#define LAUNCHER_RESTART	5	/* seconds */
#define FIRST_DELAY_MS		1000
#define LAST_DELAY_MS		60000
#define LONG_LIFE_MS		60000	/* a worker that lives this long is
									 * healthy */
#define NO_SLOT_DELAY_MS	10000
#define SAFETY_NAP_MS		60000	/* in case a notification got lost */
#define MISSING_NAP_MS		5000	/* before a missing database is looked for */
#define STRANGER_NAP_MS		2000	/* a worker whose end is not reported to
									 * us */

/* The launcher's knowledge of the worker in the same place of bcd_shared */
typedef struct BcdCharge
{
	BackgroundWorkerHandle *handle; /* of the worker that we started, or NULL */
	TimestampTz started_at;
	TimestampTz start_at;		/* not before */
	int			delay_ms;		/* after the next end */
	bool		told;			/* that there is no slot for it */
	bool		told_stuck;		/* that it reacts to nothing */
	bool		missed;			/* it was told that its database is not there */
} BcdCharge;

static BcdCharge charges[BCD_MAX_WORKERS];
static bool told_no_place = false;

/* From _PG_init() of a preloaded library. */
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

/* Gives up the places of workers that ended and whose database is not listed. */
static void
clear_places(List *databases)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (slot->database[0] == '\0' || slot->pid != 0 || charges[i].handle != NULL ||
			is_listed(databases, slot->database))
			continue;
		memset(slot, 0, sizeof(*slot));
		memset(&charges[i], 0, sizeof(BcdCharge));
	}
	LWLockRelease(bcd_shared->lock);
}

/* The place of a database's worker, a new one if needed; -1 when there is none. */
static int
place_of(const char *database)
{
	int			place = -1;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		BcdWorkerSlot *slot = &bcd_shared->workers[i];

		if (strcmp(slot->database, database) == 0)
		{
			place = i;
			break;
		}
		if (slot->database[0] == '\0' && place < 0)
			place = i;
	}
	if (place >= 0)
		strlcpy(bcd_shared->workers[place].database, database, NAMEDATALEN);
	LWLockRelease(bcd_shared->lock);
	return place;
}

/* Is there a worker in this place, whoever started it? */
static bool
is_alive(int place)
{
	bool		alive;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	alive = bcd_shared->workers[place].pid != 0;
	LWLockRelease(bcd_shared->lock);
	return alive;
}

/* Reports a worker that can only be ended by a signal that harms all others. */
static void
tell_stuck(int place)
{
	BcdWorkerSlot slot;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	slot = bcd_shared->workers[place];
	LWLockRelease(bcd_shared->lock);
	if (slot.stuck && !charges[place].told_stuck)
		ereport(WARNING,
				(errmsg("bcdelta: in database \"%s\" %s", slot.database, slot.trouble),
				 errdetail("Process %d was cancelled and terminated, but does not respond.", (int) slot.pid),
				 errhint("Pause the feed. Only SIGKILL ends the process, and it makes PostgreSQL restart all others.")));
	charges[place].told_stuck = slot.stuck;
}

/* Asks the postmaster for a worker; false when it has no place for one. */
static bool
start_worker(int place, const char *database)
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
	worker.bgw_main_arg = Int32GetDatum(place);
	worker.bgw_notify_pid = MyProcPid;
	started = RegisterDynamicBackgroundWorker(&worker, &charges[place].handle);
	MemoryContextSwitchTo(old);
	return started;
}

/*
 * Did a feed's code end the worker that was in this place?  The next one deals
 * with that feed, and the others are not to wait for it.
 */
static bool
is_excused(int place)
{
	bool		excused;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	excused = bcd_shared->workers[place].excused;
	LWLockRelease(bcd_shared->lock);
	return excused;
}

/* Notes the end of a worker that we started: when may the next one start? */
static void
note_end(int place, TimestampTz now)
{
	BcdCharge  *charge = &charges[place];
	bool		healthy = TimestampDifferenceExceeds(charge->started_at, now, LONG_LIFE_MS) ||
	is_excused(place);

	pfree(charge->handle);
	charge->handle = NULL;
	if (healthy || charge->delay_ms < FIRST_DELAY_MS)
		charge->delay_ms = FIRST_DELAY_MS;
	charge->start_at = TimestampTzPlusMilliseconds(now, charge->delay_ms);
	charge->delay_ms = Min(charge->delay_ms * 2, LAST_DELAY_MS);
}

/* Milliseconds from now until then, at least 1. */
static long
ms_until(TimestampTz then, TimestampTz now)
{
	return Max(1, (then - now) / 1000 + 1);
}

/* Why no worker can connect to a database, or NULL. */
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
 * The same for a name.  Without a database of its own a process has neither
 * indexes nor caches of catalogs: it reads all rows, as autovacuum does.
 */
static const char *
database_trouble(const char *name)
{
	MemoryContext cxt = CurrentMemoryContext;
	const char *trouble = "does not exist";
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

		if (strcmp(NameStr(form->datname), name) == 0)
			trouble = row_trouble(form);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(cxt);
	return trouble;
}

/* Does the database exist? If not, this is reported once. */
static bool
check_database(BcdCharge *charge, const char *name)
{
	const char *trouble = database_trouble(name);

	if (trouble && !charge->missed)
		ereport(WARNING,
				(errcode(ERRCODE_UNDEFINED_DATABASE),
				 errmsg("bcdelta: database \"%s\" of bcdelta.databases %s", name, trouble),
				 errhint("It gets a worker as soon as it is available; otherwise, remove it from the list.")));
	charge->missed = trouble != NULL;
	return trouble == NULL;
}

/*
 * Looks after one database; returns the milliseconds after which to look
 * again unless something happens before.
 */
static long
look_after(const char *database, TimestampTz now)
{
	int			place = place_of(database);
	BcdCharge  *charge;
	pid_t		pid;

	if (place < 0)
	{
		if (!told_no_place)
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("bcdelta serves at most %d databases", BCD_MAX_WORKERS),
					 errdetail("Database \"%s\" gets no worker.", database)));
		told_no_place = true;
		return SAFETY_NAP_MS;
	}
	charge = &charges[place];
	tell_stuck(place);
	if (charge->handle)
	{
		if (GetBackgroundWorkerPid(charge->handle, &pid) != BGWH_STOPPED)
			return SAFETY_NAP_MS;
		note_end(place, now);
	}
	if (is_alive(place))
		return STRANGER_NAP_MS;
	/* a clock that was set back must not keep the worker waiting */
	if (charge->start_at > TimestampTzPlusMilliseconds(now, LAST_DELAY_MS))
		charge->start_at = now;
	if (charge->start_at > now)
		return ms_until(charge->start_at, now);
	if (!check_database(charge, database))
		return MISSING_NAP_MS;
	if (!start_worker(place, database))
	{
		if (!charge->told)
			ereport(WARNING,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not start the bcdelta worker of database \"%s\": no slot for a background worker is free",
							database),
					 errhint("Increase max_worker_processes, which is %d, and restart the server.",
							 max_worker_processes)));
		charge->told = true;
		return NO_SLOT_DELAY_MS;
	}
	charge->told = false;
	charge->started_at = now;
	return SAFETY_NAP_MS;
}

/* Starts workers according to the list; returns how long to sleep. */
static long
look_after_all(void)
{
	List	   *databases = bcd_database_list();
	TimestampTz now = GetCurrentTimestamp();
	long		nap = SAFETY_NAP_MS;
	ListCell   *cell;
	int			i;

	/* those that left the list, too */
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		pid_t		pid;

		if (charges[i].handle && GetBackgroundWorkerPid(charges[i].handle, &pid) == BGWH_STOPPED)
			note_end(i, now);
	}
	clear_places(databases);
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
	told_no_place = false;
	/* the cause may have been fixed: stop waiting */
	for (i = 0; i < BCD_MAX_WORKERS; i++)
	{
		charges[i].start_at = 0;
		charges[i].delay_ms = 0;
	}
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

	cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta launcher", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	bcd_place_note_promotion();
	for (;;)
	{
		long		nap;

		/* with 0 the postmaster would not start it again */
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
