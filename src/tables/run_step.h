/*
 * run_step.h
 *		bcdelta.run: runs of the steps of a cutover.
 */
#ifndef BCD_TABLE_RUN_STEP_H
#define BCD_TABLE_RUN_STEP_H

/* How the run of a step ended */
typedef struct BcdStepRun
{
	bool		ended;
	bool		succeeded;
	int64		wrong;			/* rows that failed, and differences */
	char	   *words;
} BcdStepRun;

extern void bcd_step_run(int64 run_id, BcdStepRun *run);
extern int64 bcd_run_to_rehearse(const char *server);

#endif							/* BCD_TABLE_RUN_STEP_H */
