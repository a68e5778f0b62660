/*
 * ref.h
 *		bcdelta.ref(): the store ids of rows of other feeds.
 */
#ifndef BCD_REF_H
#define BCD_REF_H

#include "nodes/primnodes.h"

extern void bcd_ref_begin(MemoryContext cxt, const char *store);
extern void bcd_ref_forget(void);
extern bool bcd_ref_missing(char **feed, char **key);
extern void bcd_ref_end(void);
extern void bcd_ref_assume(const char *feed, const char *key, int64 store_id);
extern void bcd_ref_stand_in(bool on);
extern int64 bcd_ref_stand_in_of(const char *feed, const char *key);
extern void bcd_ref_check(const char *feed, const FuncExpr *call);

#endif							/* BCD_REF_H */
