/*
 * typed_value.h
 *		Texts whose form another record determines.
 */
#ifndef BCD_TYPED_VALUE_H
#define BCD_TYPED_VALUE_H

#include "feed/feed.h"

extern char *bcd_typed_flaw(const BcdFeed *feed, Jsonb *payload);

#endif							/* BCD_TYPED_VALUE_H */
