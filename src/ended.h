/*
 * ended.h
 *		What the end of a run means to the schedule that started it.
 */
#ifndef BCD_ENDED_H
#define BCD_ENDED_H

extern void bcd_ended_tell(void);

#endif							/* BCD_ENDED_H */
