/*
 * result_history.h
 *		What happened to one row, from everything that is kept of it.
 */
#ifndef BCD_TABLE_RESULT_HISTORY_H
#define BCD_TABLE_RESULT_HISTORY_H

#include "datatype/timestamp.h"

#include "fmgr.h"

#define BCD_HISTORY_COLUMNS	11

extern uint64 bcd_history(const char *feed, int32 feed_id, const char *key, TimestampTz since);
extern void bcd_history_row(uint64 i, Datum *values, bool *nulls);
extern bool bcd_history_readable(Oid role);

#endif							/* BCD_TABLE_RESULT_HISTORY_H */
