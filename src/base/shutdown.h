/*
 * shutdown.h
 *		Normal termination of our processes.
 */
#ifndef BCD_SHUTDOWN_H
#define BCD_SHUTDOWN_H

extern void bcd_stop_init(void);
extern void bcd_stop_if_asked(int exit_code);

#endif							/* BCD_SHUTDOWN_H */
