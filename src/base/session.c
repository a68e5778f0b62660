/*
 * session.c
 *		The worker's session: its settings, and whether it is still wanted.
 *
 * The worker runs code of feeds, and compares what it reads with texts that it
 * kept earlier, so it must not depend on settings of the database or of a
 * role.  It ends if a reload of the configuration no longer lists its
 * database.
 */
#include "postgres.h"

#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/guc.h"
#include "base/session.h"

static void
set_option(const char *name, const char *value)
{
	SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

/*
 * Pins the settings of the session, whatever those of the database and role
 * are.
 */
void
bcd_pin_session(void)
{
	set_option("search_path", "pg_catalog, pg_temp");
	set_option("statement_timeout", "0");
	set_option("idle_in_transaction_session_timeout", "0");
	set_option("lock_timeout", psprintf("%d", bcd_lock_timeout));
	set_option("default_transaction_isolation", "read committed");
	set_option("default_transaction_read_only", "off");
	set_option("DateStyle", "ISO, YMD");
	set_option("TimeZone", "UTC");
	set_option("IntervalStyle", "postgres");
	set_option("extra_float_digits", "1");
	set_option("bytea_output", "hex");
	set_option("application_name", BCD_WORKER_TYPE);

	/*
	 * plans made while a table is empty are kept, and must not scan it later
	 */
	set_option("enable_seqscan", "off");
	set_option("jit", "off");
#ifdef BCD_HAVE_MEMOIZE

	/*
	 * Memoize in minor versions before May 2024, such as 16.2, compares keys
	 * in memory that has been freed.  Rows that are read by their keys do not
	 * need it.
	 */
	set_option("enable_memoize", "off");
#endif
#ifdef BCD_HAVE_LZ4

	/*
	 * large payloads are written with every push, and read with every second
	 * one
	 */
	set_option("default_toast_compression", "lz4");
#endif
}

/* Is the database one of bcdelta.databases? */
bool
bcd_is_listed(void)
{
	ListCell   *lc;
	char	   *name;

	bcd_tx_begin();
	name = get_database_name(MyDatabaseId);
	foreach(lc, bcd_database_list())
	{
		if (name && strcmp(lfirst(lc), name) == 0)
		{
			bcd_tx_commit();
			return true;
		}
	}
	bcd_tx_commit();
	return false;
}

/* After SIGHUP; may end the process. */
void
bcd_reload(void)
{
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	set_option("lock_timeout", psprintf("%d", bcd_lock_timeout));
	if (!bcd_is_listed())
		proc_exit(0);
}
