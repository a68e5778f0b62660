/*
 * row_security.h
 *		Rows that row-level security hides from a feed's owner.
 */
#ifndef BCD_ROW_SECURITY_H
#define BCD_ROW_SECURITY_H

#include "feed/feed.h"

/* The error of a row that is not found, but may be hidden; see bcd_row_error_passes() */
#define BCD_ERRCODE_HIDDEN	MAKE_SQLSTATE('B', 'C', 'D', '0', '3')

extern void bcd_check_row_security(Oid source, Oid owner, BcdOnDelete on_delete);
extern void bcd_row_check_hidden(const BcdFeed *feed);

#endif							/* BCD_ROW_SECURITY_H */
