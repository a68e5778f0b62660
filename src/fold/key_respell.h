/*
 * key_respell.h
 *		Keys are spelled anew where the type of a key column was changed.
 */
#ifndef BCD_KEY_RESPELL_H
#define BCD_KEY_RESPELL_H

#include "feed/feed.h"

extern void bcd_respell(BcdFeed *feed);

#endif							/* BCD_KEY_RESPELL_H */
