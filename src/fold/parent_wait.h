/*
 * parent_wait.h
 *		Looks up the rows for captured values that wait in bcdelta.lookup.
 */
#ifndef BCD_PARENT_WAIT_H
#define BCD_PARENT_WAIT_H

#include "nodes/pg_list.h"

extern int64 bcd_run_lookups(List *waiting);

#endif							/* BCD_PARENT_WAIT_H */
