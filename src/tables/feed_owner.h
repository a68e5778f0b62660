/*
 * feed_owner.h
 *		To whom feeds belong after REASSIGN OWNED, and their server after it is renamed.
 */
#ifndef BCD_FEED_OWNER_H
#define BCD_FEED_OWNER_H

extern int64 bcd_feeds_reassign(Oid from, Oid to);
extern int64 bcd_feeds_rename_server(const char *from, const char *to);

#endif							/* BCD_FEED_OWNER_H */
