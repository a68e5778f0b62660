/*
 * pending_deferred.h
 *		bcdelta.pending: rows that are deferred until another one is linked.
 */
#ifndef BCD_TABLE_PENDING_DEFERRED_H
#define BCD_TABLE_PENDING_DEFERRED_H

#include "tables/rows.h"

extern int64 bcd_deferred_wake_some(const char *feed, const char *store, int64 limit, char **cursor);
extern BcdFoundRow *bcd_deferred_until(const char *feed, const char *key, uint64 *n);

#endif							/* BCD_TABLE_PENDING_DEFERRED_H */
