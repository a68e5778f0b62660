/*
 * call_detail.h
 *		What does not fit into a call: a text array of any size.
 */
#ifndef BCD_CALL_DETAIL_H
#define BCD_CALL_DETAIL_H

#include "utils/array.h"

#include "base/shmem.h"

/* called by SQL functions */
extern void bcd_call_with(BcdCall *call, const ArrayType *detail);

/* called by the worker */
extern ArrayType *bcd_call_detail(const BcdCall *call);

#endif							/* BCD_CALL_DETAIL_H */
