/*
 * events.h
 *		Tells what a person should know of.
 */
#ifndef BCD_EVENTS_H
#define BCD_EVENTS_H

extern void bcd_events_look(int64 now);
extern void bcd_events_start(bool was_there);
extern void bcd_events_away(const char *why);
extern void bcd_events_back(void);

#endif							/* BCD_EVENTS_H */
