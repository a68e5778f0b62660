/*
 * referrers.h
 *		Rows that refer to a record which no longer belongs to its row.
 */
#ifndef BCD_REFERRERS_H
#define BCD_REFERRERS_H

#include "engine/engine.h"

extern Datum bcd_reference_fields(const BcdResource *r);
extern void bcd_mark_referrers(const BcdFeed *feed, const int64 *ids, int n);
extern void bcd_note_referrers(const BcdFeed *feed, int64 store_id);
extern void bcd_note_deferred(const BcdFeed *feed, const char *key);

#endif							/* BCD_REFERRERS_H */
