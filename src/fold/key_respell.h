/*
 * key_respell.h
 *		Rewrites keys after the type of a key column has changed.
 */
#ifndef BCD_KEY_RESPELL_H
#define BCD_KEY_RESPELL_H

#include "feed/feed.h"

extern void bcd_respell(BcdFeed *feed);

#endif							/* BCD_KEY_RESPELL_H */
