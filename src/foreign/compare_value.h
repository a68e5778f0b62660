/*
 * compare_value.h
 *		SQL expressions that make values of the source and of the store alike.
 */
#ifndef BCD_FOREIGN_COMPARE_VALUE_H
#define BCD_FOREIGN_COMPARE_VALUE_H

#include "feed/feed.h"

extern char *bcd_compare_wrapped(const char *expression);
extern char *bcd_compare_key(const BcdFeed *feed);
extern char *bcd_compare_source(const BcdField *field, Oid type, const char *expression);
extern char *bcd_compare_differs(const BcdField *field, const char *source, const char *store);

#endif							/* BCD_FOREIGN_COMPARE_VALUE_H */
