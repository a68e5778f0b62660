/*
 * mapping_advice.h
 *		Finds problems of an expression before any row is read.
 */
#ifndef BCD_MAPPING_ADVICE_H
#define BCD_MAPPING_ADVICE_H

#include "nodes/parsenodes.h"

#include "feed/feed.h"

extern char *bcd_constant_flaw(const BcdFeedField *field, Query *query);
extern void bcd_advise_of_unsteady(const BcdFeed *feed, const char *expression, const char *where);

#endif							/* BCD_MAPPING_ADVICE_H */
