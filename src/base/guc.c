/*
 * guc.c
 *		Settings.
 */
#include "postgres.h"

#include <limits.h>

#include "nodes/pg_list.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "base/compat.h"
#include "base/debug.h"
#include "base/guc.h"

char	   *bcd_databases = NULL;
int			bcd_naptime = 10;
int			bcd_gather_time = 500;
int			bcd_lock_timeout = 5000;
int			bcd_mapping_timeout = 10000;
int			bcd_crash_limit = 2;
int			bcd_change_turn = 300;
int			bcd_result_retention = 30;
int			bcd_event_retention = 90;
int			bcd_undo_retention = 30;
int			bcd_confirm_after = 10;
int			bcd_max_calls = 500;
int			bcd_read_valid = 30000;
int			bcd_sample_seconds = 300;

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("The value is a list of database names separated by commas.");
	pfree(copy);
	return valid;
}

static bool
check_retention(int *newval, void **extra, GucSource source)
{
	if (*newval != 0)
		return true;
	GUC_check_errdetail("Results are kept for at least one day; -1 keeps them forever.");
	return false;
}

/*
 * How long are results kept by default?  Up to version 0.1.0, zero meant
 * forever.  PostgreSQL refuses it now in a file that still has it, and takes
 * the default; that must not remove what was to be kept.
 */
static int
default_retention(void)
{
	const char *set = GetConfigOption("bcdelta.result_retention", true, false);

	return set && strcmp(set, "0") == 0 ? -1 : 30;
}

void
bcd_guc_define(void)
{
	DefineCustomStringVariable("bcdelta.databases",
							   "Databases that a bcdelta worker serves, separated by commas.",
							   "Names are identifiers: quote those with capital letters.",
							   &bcd_databases, "", PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	DefineCustomIntVariable("bcdelta.naptime",
							"How often an idle worker looks for changes and due schedules.",
							NULL, &bcd_naptime, 10, 1, 3600, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.gather_time",
							"How long changes of feeds with the option push 'immediate' are gathered before they are pushed together.",
							NULL, &bcd_gather_time, 500, 0, 60000, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.lock_timeout",
							"How long the worker waits for a lock on a source table before it tries again later.",
							NULL, &bcd_lock_timeout, 5000, 100, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.mapping_timeout",
							"How long the mapping of a feed may run for one row in the worker.",
							"A row that takes longer is invalid. Zero means no limit.",
							&bcd_mapping_timeout, 10000, 0, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.crash_limit",
							"How often the code of a feed may take the worker down before the feed is paused.",
							"Zero means that it is never paused for this reason.",
							&bcd_crash_limit, 2, 0, 1000, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.change_turn",
							"How long changes are captured into one of three tables before the next table takes its turn.",
							"The space of a table is freed when its turn is over and its changes are folded.",
							&bcd_change_turn, 300, 1, 86400, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.result_retention",
							"Days after which the results of finished runs, and conflicts that are over, are removed.",
							"Runs themselves are kept twelve times as long. -1 keeps both forever.",
							&bcd_result_retention, default_retention(), -1, 100000, PGC_SIGHUP, 0,
							check_retention, NULL, NULL);
	DefineCustomIntVariable("bcdelta.event_retention",
							"Days after which rows of bcdelta.event are removed, once they are over.",
							NULL,
							&bcd_event_retention, 90, 1, 100000, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.undo_retention",
							"Days for which it is kept what records held before they were written, so that it can be undone.",
							"Zero keeps nothing: then no run can be rolled back.",
							&bcd_undo_retention, 30, 0, 100000, PGC_SIGHUP, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.confirm_after",
							"How long a verify waits before it looks at a difference once more, and then reports it.",
							"Zero means that it does so at once.",
							&bcd_confirm_after, 10, 0, 3600, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.max_calls",
							"Most calls of the API that a statement may make to read foreign tables.",
							"Zero sets no limit.",
							&bcd_max_calls, 500, 0, 10000000, PGC_USERSET, 0,
							NULL, NULL, NULL);
#ifdef USE_ASSERT_CHECKING
	DefineCustomBoolVariable("bcdelta.debug_points",
							 "Lets tests stop the worker at certain points by advisory locks.",
							 NULL, &bcd_debug_points, false, PGC_SIGHUP, GUC_NOT_IN_SAMPLE,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.read_valid",
							"Lets tests shorten the time for which a record that was read may be written.",
							NULL, &bcd_read_valid, 30000, 0, 30000, PGC_SIGHUP, GUC_NOT_IN_SAMPLE | GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("bcdelta.sample_seconds",
							"Lets tests shorten the time between two samples for the charts of a report.",
							NULL, &bcd_sample_seconds, 300, 1, 300, PGC_SIGHUP, GUC_NOT_IN_SAMPLE | GUC_UNIT_S,
							NULL, NULL, NULL);
#endif
	MarkGUCPrefixReserved("bcdelta");
}

/* The databases of the setting, as a list of palloc'd names. */
List *
bcd_database_list(void)
{
	List	   *names = NIL;

	if (bcd_databases == NULL ||
		!SplitIdentifierString(pstrdup(bcd_databases), ',', &names))
		return NIL;
	return names;
}
