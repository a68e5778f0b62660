/*
 * sample_report.h
 *		Samples, as the charts of a report draw them.
 */
#ifndef BCD_TABLE_SAMPLE_REPORT_H
#define BCD_TABLE_SAMPLE_REPORT_H

#include "tables/report_scope.h"

/* Samples of a period: one, or several put together */
typedef struct BcdPeriod
{
	TimestampTz from;
	TimestampTz to;
	double		most;			/* rows pending at most, */
	double		pending;		/* and at its end */
	double		stuck;			/* rows given up or to be decided on, at its
								 * end */
	double		calls;			/* requests per minute, when there were most */
	double		quota;			/* what the store allows; 0: not known */
	double		others;			/* requests per minute of others, at least */
} BcdPeriod;

extern bool bcd_samples_range(const BcdScope *scope, TimestampTz *from);
extern uint64 bcd_samples(const BcdScope *scope, TimestampTz from);
extern void bcd_samples_row(uint64 i, BcdPeriod *period);

#endif							/* BCD_TABLE_SAMPLE_REPORT_H */
