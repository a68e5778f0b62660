/*
 * feed_owner.h
 *		To whom feeds belong after REASSIGN OWNED.
 */
#ifndef BCD_FEED_OWNER_H
#define BCD_FEED_OWNER_H

extern int64 bcd_feeds_reassign(Oid from, Oid to);

#endif							/* BCD_FEED_OWNER_H */
