/*
 * exchange_wait.h
 *		Items that wait for a row whose record has what they need.
 */
#ifndef BCD_EXCHANGE_WAIT_H
#define BCD_EXCHANGE_WAIT_H

#include "engine/engine.h"

extern char *bcd_is_still_that_of(BcdItem *item, const char *field, const char *value, const char *feed,
								  const char *key, const char *why);
extern void bcd_note_waits(BcdItem *item, const char *feed, const char *key);
extern void bcd_wait_for_row(BcdItem *item, const char *feed, const char *key, char *text, int least);
extern void bcd_decide_wait_for(BcdItem *item, const char *field, const char *value, const char *feed, const char *key);
extern void bcd_decide_link_read(BcdItem *item);

#endif							/* BCD_EXCHANGE_WAIT_H */
