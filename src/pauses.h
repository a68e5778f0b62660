/*
 * pauses.h
 *		Saying in the server's log that feeds were paused.
 */
#ifndef BCD_PAUSES_H
#define BCD_PAUSES_H

extern void bcd_pauses_tell(uint64 n);

#endif							/* BCD_PAUSES_H */
