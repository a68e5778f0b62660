/*
 * guc.h
 *		Settings.
 */
#ifndef BCD_GUC_H
#define BCD_GUC_H

#include "nodes/pg_list.h"

extern char *bcd_databases;
extern int	bcd_naptime;		/* seconds */
extern int	bcd_gather_time;	/* ms */
extern int	bcd_lock_timeout;	/* milliseconds */
extern int	bcd_mapping_timeout;	/* milliseconds, 0: none */
extern int	bcd_crash_limit;
extern int	bcd_change_turn;	/* seconds */
extern int	bcd_result_retention;	/* days; -1: forever */
extern int	bcd_event_retention;	/* days */
extern int	bcd_undo_retention; /* days */
extern int	bcd_confirm_after;	/* seconds */
extern int	bcd_max_calls;		/* 0: any number */
extern int	bcd_sample_seconds; /* between samples of a run, fixed but in
								 * tests */
extern int	bcd_read_valid;		/* milliseconds, fixed but in tests */

extern void bcd_guc_define(void);
extern List *bcd_database_list(void);

#endif							/* BCD_GUC_H */
