/*
 * sample_report.c
 *		Samples, as the charts of a report draw them.
 */
#include "postgres.h"

#include "base/db.h"
#include "tables/report_scope.h"
#include "tables/sample_report.h"

/* A chart has so many places for samples; those of one place are put together */
#define SAMPLE_PLACES	"100"

/* A request counts in its window, which is half a minute: a shorter time makes no rate */
#define CALL_RATE	"60 * s.calls / greatest(s.seconds, 30)"

#define SAMPLES_SEEN \
	" FROM bcdelta.sample AS s WHERE s.server = $1 AND s.at >= $3 AND ($4 IS NULL OR s.run_id = $4)"

static BcdStatement range = {
	"SELECT min(s.at - s.seconds * interval '1 second')" SAMPLES_SEEN,
	BCD_SCOPE_ARGS
};

/* Since when are there samples? false: there are none. */
bool
bcd_samples_range(const BcdScope *scope, TimestampTz *from)
{
	(void) bcd_scope_select(&range, scope);
	*from = bcd_column_time(0, 1);
	return !TIMESTAMP_NOT_FINITE(*from);
}

static BcdStatement periods = {
	"SELECT min(s.at - s.seconds * interval '1 second'), max(s.at), max(greatest(s.pending, s.pending + s.done))::float8,"
	" (array_agg(s.pending ORDER BY s.at DESC))[1]::float8, (array_agg(s.failed + s.review ORDER BY s.at DESC))[1]::float8,"
	" max(" CALL_RATE ")::float8, max(coalesce(s.quota, 0))::float8, max(coalesce(s.others * s.quota, 0))::float8"
	SAMPLES_SEEN
	" GROUP BY floor(" SAMPLE_PLACES " * extract(epoch FROM s.at - $3) / greatest(1, extract(epoch FROM $5 - $3)))"
	" ORDER BY 2",
	BCD_SCOPE_ARGS
};

/* Puts samples together; returns the number of periods for bcd_samples_row(). */
uint64
bcd_samples(const BcdScope *scope, TimestampTz from)
{
	BcdScope	part = *scope;

	part.since = from;
	return bcd_scope_select(&periods, &part);
}

void
bcd_samples_row(uint64 i, BcdPeriod *p)
{
	double	   *const values[] = {&p->most, &p->pending, &p->stuck, &p->calls, &p->quota, &p->others};
	int			j;

	p->from = bcd_column_time(i, 1);
	p->to = bcd_column_time(i, 2);
	for (j = 0; j < lengthof(values); j++)
	{
		bool		isnull;
		Datum		value = bcd_column_datum(i, 3 + j, &isnull);

		*values[j] = isnull ? 0 : DatumGetFloat8(value);
	}
}
