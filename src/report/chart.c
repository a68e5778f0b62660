/*
 * chart.c
 *		Charts over time, as SVG.
 *
 * A drawing is stretched to the width that there is, so it has no text: the
 * labels of its axes are HTML around it, which stays legible on a phone.
 */
#include "postgres.h"

#include <math.h>

#include "utils/timestamp.h"

#include "report/chart.h"
#include "report/put.h"
#include "report/words.h"

/* The drawing's own units */
#define WIDTH	1000
#define HEIGHT	240

/* Lines across it, and at most so many labels of time */
#define LINES	4
#define LABELS	6

/* Steps between labels of time, in seconds */
static const int steps[] = {5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400};

/* The next round number that LINES divide into round numbers */
static double
round_up(double n)
{
	static const double tops[] = {1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10};
	double		size = 1;
	int			i;

	if (n <= LINES)
		return LINES;
	while (n > size * 10)
		size *= 10;
	for (i = 0; i < lengthof(tops) - 1 && n > tops[i] * size; i++)
		;
	return size < 10 ? ceil(n / LINES) * LINES : tops[i] * size;
}

static double
share_of(const BcdChart *c, TimestampTz at)
{
	double		part = (double) (at - c->from) / Max(c->to - c->from, 1);

	return Min(Max(part, 0), 1);
}

static double
x_of(const BcdChart *c, TimestampTz at)
{
	return share_of(c, at) * WIDTH;
}

static double
y_of(const BcdChart *c, double value)
{
	return HEIGHT * (1 - Min(Max(value / c->top, 0), 1));
}

/* Begins a chart whose values reach from 0 to most; alt says in words what it shows. */
void
bcd_chart_begin(BcdChart *c, const char *title, const char *alt, double most)
{
	int			i;

	c->top = round_up(most);
	bcd_put(c->out, "<figure><figcaption>$</figcaption><div class=plot><div class=y aria-hidden=true>", title);
	for (i = 0; i <= LINES; i++)
		bcd_put(c->out, "<i style=bottom:$%>$</i>", psprintf("%d", i * 100 / LINES), bcd_say_short(c->top * i / LINES));
	bcd_put(c->out, "</div><svg role=img aria-label=\"$\" viewBox=\"0 0 $ $\" preserveAspectRatio=none><path class=grid d=\"",
			alt, psprintf("%d", WIDTH), psprintf("%d", HEIGHT));
	for (i = 0; i <= LINES; i++)
		appendStringInfo(c->out, "M0 %dH%d", HEIGHT * i / LINES, WIDTH);
	bcd_put(c->out, "\"/>");
}

static void
put_points(const BcdChart *c, const BcdPoint *points, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		appendStringInfo(c->out, "%s%.1f %.1f", i ? "L" : "M", x_of(c, points[i].at), y_of(c, points[i].value));
}

void
bcd_chart_line(const BcdChart *c, const char *class, const BcdPoint *points, int n)
{
	bcd_put(c->out, "<path class=\"line $\" d=\"", class);
	put_points(c, points, n);
	bcd_put(c->out, "\"/>");
}

/* A line, and the area below it */
void
bcd_chart_area(const BcdChart *c, const char *class, const BcdPoint *points, int n)
{
	if (n == 0)
		return;
	bcd_put(c->out, "<path class=\"area $\" d=\"", class);
	put_points(c, points, n);
	appendStringInfo(c->out, "L%.1f %dL%.1f %dZ", x_of(c, points[n - 1].at), HEIGHT, x_of(c, points[0].at), HEIGHT);
	bcd_put(c->out, "\"/>");
	bcd_chart_line(c, class, points, n);
}

/* A bar from one value to another; the title is shown when one points at it. */
void
bcd_chart_bar(const BcdChart *c, const char *class, TimestampTz from, TimestampTz to, double low, double high, const char *title)
{
	double		x = x_of(c, from);
	double		width = x_of(c, to) - x;
	double		gap = Min(width / 5, 2);

	if (high <= low)
		return;
	bcd_put(c->out, "<rect class=$ x=$ y=$ width=$ height=$><title>$</title></rect>", class,
			psprintf("%.1f", x + gap / 2), psprintf("%.1f", y_of(c, high)), psprintf("%.1f", Max(width - gap, 1.5)),
			psprintf("%.1f", y_of(c, low) - y_of(c, high)), title);
}

/* A line across the chart */
void
bcd_chart_level(const BcdChart *c, const char *class, double value)
{
	bcd_put(c->out, "<path class=\"line $\" d=\"M0 $H$\"/>", class, psprintf("%.1f", y_of(c, value)), psprintf("%d", WIDTH));
}

/* Something that happened at a time */
void
bcd_chart_mark(const BcdChart *c, const char *class, TimestampTz at, const char *title)
{
	bcd_put(c->out, "<path class=\"mark $\" d=\"M$ $V$\"><title>$</title></path>", class, psprintf("%.1f", x_of(c, at)),
			psprintf("%d", HEIGHT - 10), psprintf("%d", HEIGHT), title);
}

static void
put_labels(const BcdChart *c)
{
	int64		span = (c->to - c->from) / USECS_PER_SEC;
	int64		offset = bcd_utc_offset(c->from);
	int64		from = c->from / USECS_PER_SEC + offset;
	int64		step;
	int64		t;
	int			i = 0;

	while (i < lengthof(steps) - 1 && span / steps[i] > LABELS)
		i++;
	step = steps[i];
	for (t = (from + step - 1) / step * step; t <= from + span; t += step)
	{
		TimestampTz at = (t - offset) * USECS_PER_SEC;

		bcd_put(c->out, "<i style=left:$%$>$</i>", psprintf("%.1f", share_of(c, at) * 100), share_of(c, at) > 0.93 ? " class=e" : "",
				step >= SECS_PER_DAY ? bcd_say_day(at) : bcd_say_clock(at, step < SECS_PER_MINUTE));
	}
}

/*
 * Ends a chart; its legend is a list of classes and words, which ends with
 * NULL.
 */
void
bcd_chart_end(const BcdChart *c, const char *const *legend)
{
	bcd_put(c->out, "</svg><div class=x aria-hidden=true>");
	put_labels(c);
	bcd_put(c->out, "</div></div><ul class=legend>");
	for (; legend[0]; legend += 2)
		bcd_put(c->out, "<li><b class=\"key $\"></b>$</li>", legend[0], legend[1]);
	bcd_put(c->out, "</ul></figure>");
}
