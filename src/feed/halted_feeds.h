/*
 * halted_feeds.h
 *		Pauses feeds that must not be pushed from this database, or to this
 *		store.
 */
#ifndef BCD_HALTED_FEEDS_H
#define BCD_HALTED_FEEDS_H

extern void bcd_feeds_halt(void);
extern void bcd_disown(void);
extern bool bcd_servers_changed(void);

#endif							/* BCD_HALTED_FEEDS_H */
