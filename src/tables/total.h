/*
 * total.h
 *		bcdelta.total: what the worker has done so far, for counters that never go
 *		back.
 */
#ifndef BCD_TABLE_TOTAL_H
#define BCD_TABLE_TOTAL_H

#include "datatype/timestamp.h"

/* Something that has happened; NULL, or -1: does not apply */
typedef struct BcdTotal
{
	const char *server;
	const char *feed;
	const char *what;			/* row, request, run or silent edit */
	const char *label;
	const char *code;
	int			bucket;
	int64		n;
	double		seconds;
} BcdTotal;

/* Upper limits of the buckets of durations, in seconds; the last has none */
#define BCD_BUCKETS	11
extern int	bcd_total_bucket(double seconds);

extern void bcd_total_add(const BcdTotal *total);
extern void bcd_total_fold(void);

#define BCD_TOTAL_COLUMNS	9
extern uint64 bcd_totals(void);
extern double bcd_total_latency(const char *server);
extern void bcd_totals_row(uint64 i, Datum *values, bool *nulls);
extern int64 bcd_totals_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_TOTAL_H */
