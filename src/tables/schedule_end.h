/*
 * schedule_end.h
 *		What the end of a run means to the schedule that started it.
 */
#ifndef BCD_SCHEDULE_END_H
#define BCD_SCHEDULE_END_H

extern void bcd_ended_tell(void);

#endif							/* BCD_SCHEDULE_END_H */
