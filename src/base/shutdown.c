/*
 * shutdown.c
 *		The normal end of our processes.
 *
 * A background process that is asked to end with SIGTERM ends with an error of
 * level FATAL.  Whoever watches a log for those would be called at night for
 * every restart of the server.  So a process of ours that is asked between two
 * tasks just ends; in the middle of one the error does its work, but nobody is
 * told.
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
	if (edata->elevel == FATAL && edata->sqlerrcode == ERRCODE_ADMIN_SHUTDOWN)
		edata->output_to_server = false;
	if (previous_hook)
		previous_hook(edata);
}

/* Once in the life of a process. */
void
bcd_stop_init(void)
{
	previous_hook = emit_log_hook;
	emit_log_hook = hush;
}

/* To be called where nothing is under way. */
void
bcd_stop_if_asked(int exit_code)
{
	if (ProcDiePending)
		proc_exit(exit_code);
}
