/*
 * mapping_guard.c
 *		Protects the worker and its session from the code of feeds.
 *
 * A feed's mapping, its filter, the types and policies of its source are
 * somebody else's code, and it runs in a process that others depend on.  All
 * of it goes through bcd_guard_run(): as the feed's owner, in a security-
 * restricted operation, with every setting restored afterwards.  In the
 * worker, moreover:
 *
 * - It has a time limit, which also applies to planning. At the limit it is
 *   cancelled; code that catches the cancel gets a grace period, then the
 *   worker ends in an orderly way, and another one is started.
 *
 * - It cannot change settings that would turn an error into the end of the
 *   process.
 *
 * - State that outlives a transaction is released; in a restricted operation,
 *   this can only be advisory locks.
 *
 * - A note says whose code is running, where it survives the process: in a
 *   file that is mapped into memory, so a note costs no more than a copy.  It
 *   is in pg_stat_tmp, which no base backup contains.  A worker that finds a
 *   note of its predecessor knows whose code took that one down, by a crash or
 *   by using up the memory.  Processes that end for another reason take their
 *   note back.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access/parallel.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/pmsignal.h"
#include "tcop/tcopprot.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/debug.h"
#include "base/guc.h"
#include "base/time_limit.h"
#include "feed/mapping_guard.h"

#define FIRST_GRACE_MS	1000
#define LAST_GRACE_MS	5000

/* How a worker that leaves a note has ended */
typedef enum Ending
{
	CRASHED,					/* it had no time to record how */
	OUTLIVED,					/* the code ran beyond its time limit */
	ENDED						/* the code terminated the process */
} Ending;

/* The note that survives the worker; lives in a file, and is also written by signal handlers */
typedef struct Note
{
	volatile int32 feed_id;		/* 0: nobody's code is running */
	volatile int32 ending;
	char		feed[256];
	char		key[256];
} Note;

/* Settings with which an error or a timeout would end the process */
static const char *const deadly_settings[] = {"exit_on_error", "transaction_timeout"};

static Note no_file;
static Note *note = NULL;		/* NULL: this is not the worker */
static Note before;				/* the note of the previous worker */
static bool running = false;
static BcdTimeLimit limit;
static BcdWorkerSlot *my_slot = NULL;
static volatile sig_atomic_t told_to_end = false;
static volatile sig_atomic_t told_to_cancel = false;

/* The code has caught the cancel and continues: it cannot catch this. */
static void
grace_over(void)
{
	note->ending = OUTLIVED;
	bcd_time_limit_die();
}

/*
 * The code never reaches a check for interrupts: it loops in C. Any action
 * from here would put the whole server at risk: a process that exits without
 * cleaning up makes the postmaster restart all of them, and one that cleans up
 * in a signal handler may be in the middle of any operation. So we report it,
 * and a person has to decide.
 */
static void
show_stuck(void)
{
	static const char words[] = "the worker is stuck in the code of feed ";
	char	   *trouble = my_slot->trouble;
	size_t		room = sizeof(my_slot->trouble) - sizeof(words);
	size_t		len = strlen(note->feed);

	/*
	 * no lock: this is a signal handler, and readers stop at the end of the
	 * text
	 */
	if (len > room)
		len = pg_mbcliplen(note->feed, len, room);
	memcpy(trouble, words, sizeof(words) - 1);
	memcpy(trouble + sizeof(words) - 1, note->feed, len);
	trouble[sizeof(words) - 1 + len] = '\0';
	my_slot->stuck = true;
}

/* The worker is being terminated: was it by the code that it runs? */
static void
terminated(int signo, siginfo_t *info, void *context)
{
	int			save_errno = errno;

	if (info->si_pid != MyProcPid)
		told_to_end = true;
	die(signo);
	errno = save_errno;
}

/* The worker is being cancelled from outside, not by the code. */
static void
cancelled(SIGNAL_ARGS)
{
	told_to_cancel = true;
	StatementCancelHandler(postgres_signal_arg);
}

/*
 * Another process crashed, or the server is stopped at once.  The code that
 * runs here is not the cause, unless it also runs in parallel workers.
 */
static void
crash_elsewhere(SIGNAL_ARGS)
{
	if (running && !ParallelContextActive())
		note->feed_id = 0;
	SignalHandlerForCrashExit(postgres_signal_arg);
}

/* Keeps code in a restricted operation from changing a setting. */
static void
forbid_deadly_settings(void)
{
	int			n;
	struct config_generic **settings = bcd_guc_variables(n);
	int			i;
	int			j;

	for (i = 0; i < n; i++)
		for (j = 0; j < lengthof(deadly_settings); j++)
			if (strcmp(settings[i]->name, deadly_settings[j]) == 0)
			{
				SetConfigOption(deadly_settings[j], "0", PGC_SUSET, PGC_S_OVERRIDE);
				settings[i]->flags |= GUC_NOT_WHILE_SEC_REST;
			}
}

/* The note, in a file of this database's; without one, in this process. */
static Note *
map_note(void)
{
	char		path[MAXPGPATH];
	Note		empty = {0};
	Note	   *mapped = MAP_FAILED;
	off_t		size;
	int			fd;

	snprintf(path, sizeof(path), "%s/bcdelta.%u", PG_STAT_TMP_DIR, MyDatabaseId);
	fd = OpenTransientFile(path, O_RDWR | O_CREAT | PG_BINARY);
	if (fd >= 0)
	{
		/* written, not only extended: a full disk must be noticed now */
		size = lseek(fd, 0, SEEK_END);
		if (size == sizeof(Note) ||
			(ftruncate(fd, 0) == 0 && pg_pwrite(fd, &empty, sizeof(empty), 0) == sizeof(empty)))
			mapped = mmap(NULL, sizeof(Note), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CloseTransientFile(fd);
	}
	if (mapped != MAP_FAILED)
		return mapped;
	ereport(WARNING,
			(errcode_for_file_access(),
			 errmsg("could not write file \"%s\": %m", path),
			 errdetail("A feed whose mapping takes the bcdelta worker down will not be identified.")));
	return &no_file;
}

/* Is this the worker, which others wait for? */
bool
bcd_guard_in_worker(void)
{
	return note != NULL;
}

/* In the worker, connected to its database and with its signal handlers set. */
void
bcd_guard_init(BcdWorkerSlot *slot)
{
	struct sigaction terminate;

	note = map_note();
	memcpy(&before, note, sizeof(before));
	bcd_time_limit_register(&limit, grace_over, show_stuck);
	my_slot = slot;
	forbid_deadly_settings();
	memset(&terminate, 0, sizeof(terminate));
	sigemptyset(&terminate.sa_mask);
	terminate.sa_flags = SA_RESTART | SA_SIGINFO;
	terminate.sa_sigaction = terminated;
	sigaction(SIGTERM, &terminate, NULL);
	pqsignal(SIGQUIT, crash_elsewhere);
	pqsignal(SIGINT, cancelled);
}

/* Keys may be longer than the part that is reported. */
static void
note_key(const char *key)
{
	size_t		len = strlen(key);

	if (len >= sizeof(note->key))
		len = pg_mbcliplen(key, len, sizeof(note->key) - 1);
	memcpy(note->key, key, len);
	note->key[len] = '\0';
}

static void
enter(const BcdFeed *feed, const char *key, int turns)
{
	int			limit_ms = Min((int64) bcd_mapping_timeout * turns, INT_MAX - 2 * LAST_GRACE_MS);

	strlcpy(note->feed, feed->name, sizeof(note->feed));
	note_key(key ? key : "");
	note->ending = CRASHED;
	note->feed_id = feed->feed_id;
	running = true;
	told_to_cancel = false;
	bcd_time_limit_begin(&limit, limit_ms, Min(Max(limit_ms, FIRST_GRACE_MS), LAST_GRACE_MS));
}

static void
leave(void)
{
	bcd_time_limit_end(&limit);
	LockReleaseSession(USER_LOCKMETHOD);
	note->feed_id = 0;
	running = false;
}

static void
run_as_owner(const BcdFeed *feed, void (*work) (void *arg), void *arg)
{
	BcdRights	rights;

	bcd_become(&rights, feed->owner, true);
	work(arg);
	bcd_become_again(&rights);
}

/*
 * Does some work that runs a feed's code; for one row, if a key is given.  It
 * may take turns times as long as bcdelta.mapping_timeout.
 *
 * Whatever error ends the work is attributed to the feed.  An error at the
 * time limit is BCD_ERRCODE_OVERTIME, because ERRCODE_QUERY_CANCELED would be
 * mistaken for a user's request, as would errors of this class that the code
 * itself raises.
 */
void
bcd_guard_run(const BcdFeed *feed, const char *key, int turns, void (*work) (void *arg), void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (note == NULL || running)
	{
		run_as_owner(feed, work, arg);
		return;
	}
	if (before.feed_id == feed->feed_id)
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("the crash of the worker caused by its code cannot be recorded: another session has locked the feed")));
	enter(feed, key, turns);
	PG_TRY();
	{
		BCD_DEBUG_POINT("guarded");
		run_as_owner(feed, work, arg);
	}
	PG_CATCH();
	{
		leave();
		if (bcd_time_limit_reached(&limit) && geterrcode() == ERRCODE_QUERY_CANCELED)
		{
			FlushErrorState();
			ereport(ERROR,
					(errcode(BCD_ERRCODE_OVERTIME),
					 turns == 1 ? errmsg("the mapping took longer than bcdelta.mapping_timeout, which is %d ms", bcd_mapping_timeout) :
					 errmsg("it took longer than %d times bcdelta.mapping_timeout, which is %d ms", turns, bcd_mapping_timeout)));
		}
		if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_OPERATOR_INTERVENTION && !told_to_cancel)
		{
			ErrorData  *error;

			MemoryContextSwitchTo(cxt);
			error = CopyErrorData();
			FlushErrorState();
			error->sqlerrcode = ERRCODE_EXTERNAL_ROUTINE_EXCEPTION;
			ReThrowError(error);
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	leave();
}

/* Before the worker exits: is the code that it runs the cause? */
bool
bcd_guard_at_exit(void)
{
	if (!running)
		return false;
	running = false;
	if (note->ending == OUTLIVED)
		ereport(WARNING,
				(errmsg("feed \"%s\": its code continued after it was cancelled; the bcdelta worker was terminated",
						note->feed)));
	else if (told_to_end || !PostmasterIsAlive())
		note->feed_id = 0;
	else
		note->ending = ENDED;
	return note->feed_id != 0;
}

static char *
words_for(int ending)
{
	switch (ending)
	{
		case OUTLIVED:
			return "it continued after it was cancelled for exceeding bcdelta.mapping_timeout";
		case ENDED:
			return "it ended the process";
		default:
			return "the process crashed or was killed while it ran";
	}
}

/* Did a feed's code take down the worker before this one? */
bool
bcd_guard_blamed(BcdBlame *blame)
{
	if (before.feed_id == 0)
		return false;
	blame->feed_id = before.feed_id;
	blame->feed = before.feed;
	blame->key = before.key[0] ? before.key : NULL;
	blame->how = words_for(before.ending);
	return true;
}

/* Clears the note, because it has been recorded and committed. */
void
bcd_guard_forgive(void)
{
	before.feed_id = 0;
	note->feed_id = 0;
}
