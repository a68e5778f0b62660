/*
 * outcomes.c
 *		What became of rows, by resource: a bar and the numbers for each.
 */
#include "postgres.h"

#include "report/outcomes.h"
#include "report/parts.h"
#include "report/put.h"
#include "report/words.h"
#include "tables/result_report.h"

/* Resources that are shown; there are some twenty */
#define SHOWN	40

/* The length of all bars */
#define WIDTH	1000

static const char *const columns[] = {"Resource", "-Share", "#Created", "#Updated", "#Removed", "#Unchanged", "#Refused", "#-Tried again", NULL};

static int64
sum_of(const BcdOutcomes *o)
{
	return o->created + o->updated + o->deleted + o->same + o->refused + o->later;
}

/* Its outcomes side by side, in proportion to the largest resource */
static void
put_bar(StringInfo out, const BcdOutcomes *o, int64 most)
{
	const struct
	{
		const char *class;
		int64		n;
	}			parts[] = {{"created", o->created}, {"updated", o->updated}, {"removed", o->deleted}, {"same", o->same},
	{"refused", o->refused}, {"later", o->later}};
	double		x = 0;
	int			i;

	bcd_put(out, "<td class=w><svg class=bar viewBox=\"0 0 $ 16\" preserveAspectRatio=none aria-hidden=true>", psprintf("%d", WIDTH));
	for (i = 0; i < lengthof(parts); i++)
	{
		/* what is there is seen, however little it is */
		double		width = parts[i].n > 0 ? Max((double) parts[i].n * WIDTH / most, 6) : 0;

		if (width == 0)
			continue;
		bcd_put(out, "<rect class=$ x=$ width=$ height=16><title>$ $</title></rect>", parts[i].class, psprintf("%.1f", x),
				psprintf("%.1f", width), bcd_say_number(parts[i].n), parts[i].class);
		x += width;
	}
	bcd_put(out, "</svg></td>");
}

static void
put_count(StringInfo out, const char *class, int64 n)
{
	bcd_put(out, "<td class=\"n$$\">$</td>", n == 0 ? " zero" : " ", n ? class : "", bcd_say_number(n));
}

static void
put_row(StringInfo out, const BcdOutcomes *o, int64 most)
{
	bcd_put(out, "<tr><th scope=row><bdi>$</bdi><small class=feeds><bdi>$</bdi></small></th>", o->resource ? o->resource : "no longer tracked", o->feeds);
	put_bar(out, o, most);
	put_count(out, "c-created", o->created);
	put_count(out, "c-updated", o->updated);
	put_count(out, "c-removed", o->deleted);
	put_count(out, "", o->same);
	put_count(out, "c-refused", o->refused);
	bcd_put(out, "<td class=\"n w$\">$</td></tr>", o->later ? "" : " zero", bcd_say_number(o->later));
}

void
bcd_put_outcomes(StringInfo out, const BcdScope *scope)
{
	int			n = (int) bcd_outcomes(scope);
	BcdOutcomes *of = palloc(sizeof(BcdOutcomes) * (n + 1));
	int64		most = 1;
	int			i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
	{
		bcd_outcomes_row(i, &of[i]);
		most = Max(most, sum_of(&of[i]));
	}
	bcd_section(out, "outcomes", "What became of rows", scope->run_id ? NULL : "Each time that a row was looked at counts.");
	bcd_table(out, "Outcomes by resource", columns);
	for (i = 0; i < Min(n, SHOWN); i++)
		put_row(out, &of[i], most);
	bcd_table_end(out);
	bcd_more(out, n - SHOWN, " resources");
	bcd_section_end(out);
}
