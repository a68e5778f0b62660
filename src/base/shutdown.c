/*
 * shutdown.c
 *		Normal termination of our processes.
 *
 * A background process that receives SIGTERM ends with an error of level
 * FATAL. Somebody who watches the log for these would be alarmed by every
 * restart of the server. So if our process receives the signal between two
 * tasks, it simply ends; in the middle of a task, the error is raised, but not
 * reported.  Neither is it reported that a database was dropped while a worker
 * waited to connect to it: the launcher warns of databases that are missing.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/elog.h"

#include "base/shutdown.h"

static emit_log_hook_type previous_hook = NULL;

static void
hush(ErrorData *edata)
{
	if (edata->elevel == FATAL && (edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN ||
								   edata->sqlerrcode == ERRCODE_UNDEFINED_DATABASE))
		edata->output_to_server = false;
	if (previous_hook)
		previous_hook(edata);
}

/* Called once in the life of a process. */
void
bcd_stop_init(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = hush;
}

/* To be called when no task is in progress. */
void
bcd_stop_if_asked(int exit_code)
{
	if (ProcDiePending)
		proc_exit(exit_code);
}
