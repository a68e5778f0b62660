/*
 * pause_log.h
 *		Saying in the server's log that feeds were paused.
 */
#ifndef BCD_PAUSE_LOG_H
#define BCD_PAUSE_LOG_H

extern void bcd_pauses_tell(uint64 n);

#endif							/* BCD_PAUSE_LOG_H */
