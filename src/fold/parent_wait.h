/*
 * parent_wait.h
 *		Looks up the rows for captured values that wait in bcdelta.lookup.
 */
#ifndef BCD_PARENT_WAIT_H
#define BCD_PARENT_WAIT_H

extern int64 bcd_run_lookups(void);

#endif							/* BCD_PARENT_WAIT_H */
