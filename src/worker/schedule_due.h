/*
 * schedule_due.h
 *		Runs that the worker starts by itself.
 */
#ifndef BCD_SCHEDULE_DUE_H
#define BCD_SCHEDULE_DUE_H

#include "datatype/timestamp.h"

/*
 * Starts a run for a schedule: sets *run_id, or *error to a text that says
 * why it does not.  May raise an error.
 */
typedef void (*BcdStartRun) (const char *name, const char *kind, const char *feed,
							 const char *server, Oid owner,
							 char **error, int64 *run_id);

extern TimestampTz bcd_schedules_due(BcdStartRun start);

#endif							/* BCD_SCHEDULE_DUE_H */
