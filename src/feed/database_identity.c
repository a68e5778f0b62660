/*
 * database_identity.c
 *		Identifies where this database is, and whether it may push from there.
 *
 * A home is "system/database.table/timeline/place".  A feed remembers the home
 * that it was pushed from.  A restored dump, a copy made with CREATE DATABASE
 * ... TEMPLATE, an upgraded cluster differ in the first two.  A dump that is
 * restored in place of what is in its own database has another table of feeds:
 * it may be older than what the store has.  (Homes that version 0.1.0 has
 * written have no table, and say nothing of that.)  A copy of the files
 * (a base backup, a snapshot) that is started, and an archive that is
 * recovered, have those of the original: they differ in the place, which is a
 * machine and a directory, or in the timeline.  None of them may push.
 *
 * A promoted standby differs as well, but continues. It is recognized by two
 * facts: it was started as a standby (standby.signal, which the postmaster
 * still sees), and it has streamed; not every archive that is replayed in
 * standby mode is a standby.  That it has streamed is noted in a file of the
 * data directory, because the standby may be restarted after its primary has
 * died; and so is, with the timeline, that it was promoted, because the server
 * may be restarted before a worker has moved the feeds.  The file may be
 * copied with the others: it contains its place, and is ignored elsewhere.
 */
#include "postgres.h"

#include <ctype.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "replication/walreceiver.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/spin.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/extension.h"
#include "base/shutdown.h"
#include "feed/database_identity.h"

#define PLACE_FILE		"bcdelta_place"
#define STANDBY_SIGNAL	"standby.signal"
#define WATCH_NAP_MS	1000	/* how often a standby checks whether it
								 * streams */

static char *place_name = NULL;
static bool name_is_given = false;	/* on the command line */

/* The name of a place is part of a home. */
static bool
check_place(char **newval, void **extra, GucSource source)
{
	bool	   *given;
	const char *p;

	for (p = *newval; *p; p++)
		if (!isalnum((unsigned char) *p) && strchr("._-", *p) == NULL)
		{
			GUC_check_errdetail("The name of a place may contain only letters, digits, dots, hyphens and underscores.");
			return false;
		}
	given = bcd_guc_malloc(sizeof(bool));
	if (given == NULL)
		return false;
	*given = source == PGC_S_ARGV;
	*extra = given;
	return true;
}

static void
assign_place(const char *newval, void *extra)
{
	name_is_given = extra && *(bool *) extra;
}

/* Called before the other settings are defined, because they end the definition of settings. */
void
bcd_place_define(void)
{
	DefineCustomStringVariable("bcdelta.place",
							   "Name of the place where this server runs; feeds are pushed only from their place.",
							   "A copy that is started with another name pushes nothing. On the command line, the name replaces the machine and the data directory.",
							   &place_name, "", PGC_SIGHUP, 0, check_place, assign_place, NULL);
}

/* Of this postmaster, and inherited by its children */
static bool started_as_standby = false;

/* The first line of a file, without its end; NULL: there is none. */
static char *
first_line(const char *path)
{
	char		line[256];
	FILE	   *file = AllocateFile(path, "r");
	bool		found;

	if (file == NULL)
		return NULL;
	found = fgets(line, sizeof(line), file) != NULL;
	FreeFile(file);
	if (!found)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	return line[0] ? pstrdup(line) : NULL;
}

/*
 * The machine that the server runs on, as a hash of its id, which is
 * confidential. Containers often have no id: in this case, we use the inode of
 * a file in the data directory, which differs in a copy.
 */
static char *
machine(void)
{
	char	   *id = first_line("/etc/machine-id");
	struct stat st;

	if (id == NULL)
		id = first_line("/var/lib/dbus/machine-id");
	if (id && strcmp(id, "uninitialized") != 0)
		return psprintf("%016llx", (unsigned long long)
						hash_bytes_extended((unsigned char *) id, strlen(id), 0));
	if (stat(psprintf("%s/PG_VERSION", DataDir), &st) == 0)
		return psprintf("inode %llu", (unsigned long long) st.st_ino);
	return pstrdup("");
}

/* "machine:directory", which no setting changes. */
static const char *
location(void)
{
	static char *text = NULL;

	if (text == NULL)
	{
		char	   *dir = realpath(DataDir, NULL);
		char	   *made = psprintf("%s:%s", machine(), dir ? dir : DataDir);

		free(dir);
		text = strdup(made);
		if (text == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
	}
	return text;
}

/* The timeline that is written; 0: none, in recovery. */
static uint32
timeline(void)
{
	return RecoveryInProgress() ? 0 : bcd_timeline();
}

/*
 * This database's home.  A name of the place that is given on the command
 * line, and so cannot be copied with the files, replaces machine and
 * directory.
 */
char *
bcd_home(void)
{
	const char *name = place_name ? place_name : "";

	if (name[0] && name_is_given)
		return psprintf(UINT64_FORMAT "/%u.%u/%u/%s@", GetSystemIdentifier(), MyDatabaseId,
						bcd_table_oid("feed"), timeline(), name);
	return psprintf(UINT64_FORMAT "/%u.%u/%u/%s@%s", GetSystemIdentifier(), MyDatabaseId,
					bcd_table_oid("feed"), timeline(), name, location());
}

/* A home, taken apart */
typedef struct Home
{
	uint64		system;
	unsigned	database;
	unsigned	table;			/* of the feeds; 0: not known */
	unsigned	timeline;
	char	   *name;
	char	   *location;		/* empty: the name stands for it */
} Home;

static bool
parse_home(const char *text, Home *home)
{
	unsigned long long system;
	int			at = 0;
	char	   *name;
	char	   *end;

	home->table = 0;
	if ((sscanf(text, "%llu/%u.%u/%u/%n", &system, &home->database, &home->table, &home->timeline, &at) < 4 || at == 0) &&
		(sscanf(text, "%llu/%u/%u/%n", &system, &home->database, &home->timeline, &at) < 3 || at == 0))
		return false;
	home->system = system;
	name = pstrdup(text + at);
	end = strchr(name, '@');
	if (end == NULL)
		return false;
	*end = '\0';
	home->name = name;
	home->location = end + 1;
	return true;
}

/* The contents of the file, if it was written here */
typedef struct PlaceFile
{
	bool		promoted;		/* else: has streamed as a standby */
	unsigned	timeline;		/* that the promotion began */
} PlaceFile;

static char *
file_path(void)
{
	return psprintf("%s/" PLACE_FILE, DataDir);
}

static bool
read_file(PlaceFile *content)
{
	char		text[MAXPGPATH + 512];
	FILE	   *file = AllocateFile(file_path(), "r");
	unsigned long long system;
	size_t		len;
	char		state[16];
	int			at = 0;

	if (file == NULL)
		return false;
	len = fread(text, 1, sizeof(text) - 1, file);
	FreeFile(file);
	text[len] = '\0';
	if (sscanf(text, "%llu %15s %u %n", &system, state, &content->timeline, &at) < 3 || at == 0 ||
		system != GetSystemIdentifier())
		return false;
	text[strcspn(text, "\n")] = '\0';
	content->promoted = strcmp(state, "promoted") == 0;
	return strcmp(text + at, location()) == 0;
}

/* Trouble is logged: without the file, a person has to say resume(). */
static void
write_file(const char *state, uint32 tli)
{
	char	   *path = file_path();
	char	   *temporary = psprintf("%s.tmp", path);
	FILE	   *file = AllocateFile(temporary, "w");

	if (file == NULL ||
		fprintf(file, UINT64_FORMAT " %s %u %s\n", GetSystemIdentifier(), state, tli, location()) < 0)
	{
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("bcdelta: could not write file \"%s\": %m", temporary)));
		if (file)
			FreeFile(file);
		return;
	}
	if (FreeFile(file) != 0)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("bcdelta: could not write file \"%s\": %m", temporary)));
	else
		(void) durable_rename(temporary, path, LOG);
}

/* Has WAL been received since the server was started? */
static bool
has_streamed(void)
{
	bool		streamed;

	if (WalRcv == NULL)
		return false;
	SpinLockAcquire(&WalRcv->mutex);
	streamed = WalRcv->latestWalEnd != 0;
	SpinLockRelease(&WalRcv->mutex);
	return streamed;
}

/* Was this place a streaming standby, whose promotion began this timeline? */
static bool
was_promoted(uint32 tli)
{
	PlaceFile	file;
	bool		known = read_file(&file);

	if (started_as_standby && (has_streamed() || (known && !file.promoted)))
		return true;
	return known && file.promoted && file.timeline == tli;
}

static char *
words(const Home *home)
{
	const char *quote = home->name[0] ? "\"" : "";

	return psprintf("%s%s%s%s%s", quote, home->name, quote,
					home->name[0] && home->location[0] ? " on " : "", home->location);
}

/*
 * Describes why the database may not push feeds that were pushed from this
 * home; NULL: it may, because this is its home, or has become it.
 */
char *
bcd_home_trouble(const char *text)
{
	char	   *present = bcd_home();
	Home		then;
	Home		now;

	if (strcmp(text, present) == 0)
		return NULL;
	(void) parse_home(present, &now);
	if (!parse_home(text, &then) || then.system != now.system || then.database != now.database)
		return "this database is a copy of the one that pushed this feed";
	if (then.table != 0 && then.table != now.table)
		return "this database was restored from a dump, and the store may have changes that are not in it: verify() finds them";
	if (RecoveryInProgress())
		return NULL;			/* a standby shows what its primary does */
	if (strcmp(then.name, now.name) != 0)
		return psprintf("this database is a copy of the one that pushed this feed, according to the setting bcdelta.place: this place is \"%s\", but the feed was pushed from \"%s\"",
						now.name, then.name);
	if (then.timeline < now.timeline && was_promoted(now.timeline))
		return NULL;
	if (strcmp(then.location, now.location) != 0)
		return psprintf("this database is a copy of the one that pushed this feed, or was moved: it is in %s, and was in %s",
						words(&now), words(&then));
	if (then.timeline == now.timeline)
		return NULL;
	return "this database is a copy of the one that pushed this feed: it has since been recovered from an archive";
}

/* Is this home one of version 0.1.0, which differs only in what it does not tell? */
bool
bcd_home_is_here(const char *text)
{
	Home		then;
	Home		now;

	return parse_home(bcd_home(), &now) && parse_home(text, &then) &&
		then.timeline == now.timeline && strcmp(then.location, now.location) == 0;
}

extern PGDLLEXPORT void bcd_standby_main(Datum arg);

/*
 * The process that notes that a standby has streamed, and then ends. It is not
 * connected to a database.
 */
void
bcd_standby_main(Datum arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	bcd_stop_init();
	BackgroundWorkerUnblockSignals();
	while (RecoveryInProgress() && !has_streamed())
	{
		bcd_stop_if_asked(0);
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, WATCH_NAP_MS,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	if (RecoveryInProgress())
		write_file("standby", 0);
	proc_exit(0);
}

/* From _PG_init() of a preloaded library. */
void
bcd_place_register(void)
{
	BackgroundWorker worker;

	started_as_standby = access(psprintf("%s/" STANDBY_SIGNAL, DataDir), F_OK) == 0;
	if (!started_as_standby)
		return;
	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker.bgw_start_time = BgWorkerStart_ConsistentState;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, BCD_EXTENSION, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "bcd_standby_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "bcdelta standby", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "bcdelta standby", BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/* By the launcher, which starts when recovery is over: is this a promotion? */
void
bcd_place_note_promotion(void)
{
	uint32		tli = timeline();
	PlaceFile	file;

	if (!started_as_standby || !was_promoted(tli) ||
		(read_file(&file) && file.promoted && file.timeline == tli))
		return;
	write_file("promoted", tli);
}
