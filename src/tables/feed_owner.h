/*
 * feed_owner.h
 *		To whom feeds belong after REASSIGN OWNED, and their server after it is renamed.
 */
#ifndef BCD_FEED_OWNER_H
#define BCD_FEED_OWNER_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

extern TimestampTz bcd_feeds_owned_since(List *feeds);
extern int64 bcd_feeds_reassign(Oid from, Oid to);
extern int64 bcd_feeds_rename_server(const char *from, const char *to);

#endif							/* BCD_FEED_OWNER_H */
