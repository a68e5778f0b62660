/*
 * chart.h
 *		Charts over time, as SVG.
 */
#ifndef BCD_CHART_H
#define BCD_CHART_H

#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

typedef struct BcdChart
{
	StringInfo	out;
	TimestampTz from;
	TimestampTz to;
	double		top;			/* the greatest value of its axis */
} BcdChart;

typedef struct BcdPoint
{
	TimestampTz at;
	double		value;
} BcdPoint;

extern void bcd_chart_begin(BcdChart *chart, const char *title, const char *alt, double most);
extern void bcd_chart_area(const BcdChart *chart, const char *class, const BcdPoint *points, int n);
extern void bcd_chart_line(const BcdChart *chart, const char *class, const BcdPoint *points, int n);
extern void bcd_chart_bar(const BcdChart *chart, const char *class, TimestampTz from, TimestampTz to,
						  double low, double high, const char *title);
extern void bcd_chart_level(const BcdChart *chart, const char *class, double value);
extern void bcd_chart_mark(const BcdChart *chart, const char *class, TimestampTz at, const char *title);
extern void bcd_chart_end(const BcdChart *chart, const char *const *legend);

#endif							/* BCD_CHART_H */
