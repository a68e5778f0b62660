/*
 * over_time.c
 *		The charts of a report: rows that are pending, and calls per minute.
 */
#include "postgres.h"

#include "report/chart.h"
#include "report/over_time.h"
#include "report/parts.h"
#include "report/put.h"
#include "report/words.h"
#include "tables/result_report.h"
#include "tables/run_report.h"
#include "tables/sample_report.h"

/* The samples of a report, read once for its charts */
typedef struct Samples
{
	BcdPeriod  *of;
	int			n;
	BcdPeriod	most;			/* of each value */
} Samples;

static void
read_samples(const BcdScope *scope, TimestampTz from, Samples *s)
{
	int			i;

	memset(s, 0, sizeof(*s));
	s->n = (int) bcd_samples(scope, from);
	s->of = palloc(sizeof(BcdPeriod) * (s->n + 1));
	for (i = 0; i < s->n; i++)
	{
		BcdPeriod  *p = &s->of[i];

		bcd_samples_row(i, p);
		s->most.most = Max(s->most.most, p->most);
		s->most.stuck = Max(s->most.stuck, p->stuck);
		s->most.calls = Max(s->most.calls, p->calls + p->others);
		s->most.others = Max(s->most.others, p->others);
		if (p->quota > 0)
			s->most.quota = p->quota;
	}
}

/* Marks when pushes have ended. */
static void
put_marks(const BcdChart *chart, const BcdScope *scope)
{
	BcdScope	part = *scope;
	uint64		n;
	uint64		i;

	part.since = chart->from;
	n = bcd_runs_marks(&part);

	for (i = 0; i < n; i++)
	{
		BcdRunMark	m;

		bcd_runs_marks_row(i, &m);
		bcd_chart_mark(chart, m.failed > 0 ? "bad" : "", m.at,
					   m.runs == 1 ? psprintf("run %s ended %s%s", bcd_say_number(m.run_id), bcd_say_time(m.at, scope->now), m.failed ? ", and failed" : "")
					   : psprintf("%s runs until %s", bcd_say_number(m.runs), bcd_say_time(m.at, scope->now)));
	}
}

/* The rows that were pending: a peak at the begin of a push, and what it left */
static void
put_pending(BcdChart *chart, const BcdScope *scope, const Samples *s, int64 pending)
{
	static const char *const legend[] = {"pending", "rows to be pushed", "run", "a push ended", NULL};
	static const char *const legend_stuck[] = {"pending", "rows to be pushed", "stuck", "refused, or waiting for a decision", "run", "a push ended", NULL};
	BcdPoint   *points = palloc(sizeof(BcdPoint) * (2 * s->n + 2));
	BcdPoint   *stuck = palloc(sizeof(BcdPoint) * (s->n + 1));
	int			n = 0;
	int			i;

	for (i = 0; i < s->n; i++)
	{
		const BcdPeriod *p = &s->of[i];

		points[n++] = (BcdPoint)
		{
			p->from, p->most
		};
		points[n++] = (BcdPoint)
		{
			p->to, p->pending
		};
		stuck[i] = (BcdPoint)
		{
			p->to, p->stuck
		};
	}
	points[n++] = (BcdPoint)
	{
		scope->until, scope->run_id ? s->of[s->n - 1].pending : pending
	};
	stuck[s->n] = (BcdPoint)
	{
		scope->until, s->of[s->n - 1].stuck
	};
	bcd_chart_begin(chart, "Rows waiting to be pushed",
					psprintf("Line chart: at most %s waited, %s at the end.", bcd_say_count((int64) s->most.most, "row", "rows"), bcd_say_number((int64) points[n - 1].value)),
					Max(s->most.most, s->most.stuck));
	bcd_chart_area(chart, "pending", points, n);
	if (s->most.stuck > 0)
		bcd_chart_line(chart, "stuck", stuck, s->n + 1);
	put_marks(chart, scope);
	bcd_chart_end(chart, s->most.stuck > 0 ? legend_stuck : legend);
}

static void
put_call_bars(const BcdChart *chart, const BcdScope *scope, const Samples *s)
{
	TimestampTz least = (chart->to - chart->from) / 100;
	int			i;

	for (i = 0; i < s->n; i++)
	{
		const BcdPeriod *p = &s->of[i];
		TimestampTz from = Min(p->from, p->to - least);
		char	   *when = bcd_say_time(p->to, scope->now);

		if (p->calls <= 0)
			continue;
		bcd_chart_bar(chart, "calls", from, p->to, 0, p->calls, psprintf("%s: %s calls per minute", when, bcd_say_number((int64) p->calls)));
		bcd_chart_bar(chart, "others", from, p->to, p->calls, p->calls + p->others,
					  psprintf("%s: other apps, at least %s", when, bcd_say_number((int64) p->others)));
	}
}

static void
put_calls(BcdChart *chart, const BcdScope *scope, const Samples *s)
{
	static const char *const legend[] = {"calls", "bcdelta", "others", "other apps, at least", NULL};
	static const char *const legend_quota[] = {"calls", "bcdelta", "others", "other apps, at least", "quota", "what the store allows", NULL};

	bcd_chart_begin(chart, "Calls per minute, at the busiest moment",
					psprintf("Bar chart: at most %s calls per minute%s.", bcd_say_number((int64) s->most.calls),
							 s->most.quota > 0 ? psprintf(", of %s that the store allows", bcd_say_number((int64) s->most.quota)) : ""),
					Max(s->most.calls, s->most.quota));
	put_call_bars(chart, scope, s);
	if (s->most.quota > 0)
		bcd_chart_level(chart, "quota", s->most.quota);
	bcd_chart_end(chart, s->most.quota > 0 ? legend_quota : legend);
}

/* pending: the rows that are now */
void
bcd_put_over_time(StringInfo out, const BcdScope *scope, int64 pending)
{
	BcdChart	chart = {.out = out,.to = scope->until};
	Samples		samples;

	if (!scope->whole || !bcd_samples_range(scope, &chart.from))
		return;
	chart.from = Min(Max(chart.from, scope->since), scope->until - 1);
	read_samples(scope, chart.from, &samples);
	bcd_section(out, "time", "Over time", NULL);
	put_pending(&chart, scope, &samples, pending);
	if (samples.most.calls > 0)
		put_calls(&chart, scope, &samples);
	bcd_section_end(out);
}

/* What became of the rows of a run, one part of its time after the other */
static void
put_done(BcdChart *chart, const BcdScope *scope, uint64 n)
{
	static const char *const legend[] = {"created", "done", "refused", "refused", "later", "put off, or tried again", NULL};
	BcdDone    *of = palloc(sizeof(BcdDone) * n);
	double		seconds = (scope->until - scope->since) / 1000000.0 / BCD_DONE_PARTS;
	int64		most = 0;
	int64		all = 0;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		bcd_done_row(i, scope, &of[i]);
		all += of[i].done;
		most = Max(most, of[i].done + of[i].refused + of[i].later);
	}
	bcd_chart_begin(chart, seconds < 0.1 ? "Rows, from begin to end" : psprintf("Rows in each %s", bcd_say_duration(seconds)),
					psprintf("Bar chart: %s done.", bcd_say_count(all, "row was", "rows were")), most);
	for (i = 0; i < n; i++)
	{
		const BcdDone *d = &of[i];
		char	   *when = bcd_say_clock(d->from, true);

		bcd_chart_bar(chart, "created", d->from, d->to, 0, d->done, psprintf("%s: %s done", when, bcd_say_number(d->done)));
		bcd_chart_bar(chart, "refused", d->from, d->to, d->done, d->done + d->refused, psprintf("%s: %s refused", when, bcd_say_number(d->refused)));
		bcd_chart_bar(chart, "later", d->from, d->to, d->done + d->refused, d->done + d->refused + d->later,
					  psprintf("%s: %s put off, or tried again", when, bcd_say_number(d->later)));
	}
	bcd_chart_end(chart, legend);
}

/* The same for a run; its samples are drawn if it took long enough for several. */
void
bcd_put_run_over_time(StringInfo out, const BcdScope *scope)
{
	BcdChart	chart = {.out = out,.from = scope->since,.to = Max(scope->until, scope->since + 1)};
	Samples		samples;
	uint64		n;

	read_samples(scope, scope->since, &samples);
	n = bcd_done(scope);
	if (n == 0 && samples.n < 2)
		return;
	bcd_section(out, "time", "Over time", NULL);
	if (n > 0)
		put_done(&chart, scope, n);
	if (samples.n > 1)
		put_calls(&chart, scope, &samples);
	bcd_section_end(out);
}
