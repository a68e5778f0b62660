/*
 * people.c
 *		What people should know of, have to decide, or have decided: problems,
 *		conflicts, adjustments, and the journal.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "report/parts.h"
#include "report/people.h"
#include "report/put.h"
#include "report/words.h"
#include "tables/adjustment_report.h"
#include "tables/conflict_report.h"
#include "tables/event_report.h"
#include "tables/journal_report.h"

static void
put_row(StringInfo out, const char *feed, const char *key)
{
	bcd_put(out, "<th scope=row><bdi class=k>@</bdi><small class=feeds><bdi>@</bdi></small></th>", key, feed);
}

/* What went wrong in this time, and what still is */
void
bcd_put_problems(StringInfo out, const BcdScope *scope)
{
	uint64		n = bcd_events_shown(scope);
	BcdEventShown e;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "problems", "Problems", NULL);
	bcd_put(out, "<ul class=proofs>");
	for (i = 0; i < n; i++)
	{
		bool		over;

		bcd_events_shown_row(i, &e);
		over = !TIMESTAMP_NOT_FINITE(e.over_at);
		bcd_put(out, "<li class=$><b>$</b><span dir=auto>$ <small class=feeds>$$</small></span></li>", over ? "unknown" : e.severity, over ? "over" : "now", e.message,
				bcd_say_time(e.at, scope->now), over ? psprintf(" until %s", bcd_say_time(e.over_at, scope->now)) : "");
	}
	bcd_put(out, "</ul>");
	bcd_more(out, e.all - (int64) n, ": SELECT * FROM bcdelta.event");
	bcd_section_end(out);
}

/* Fields that both sides have changed, and for which nobody has decided yet */
void
bcd_put_conflicts(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"Row", "Field", "Source", "Store", "-Since", NULL};
	uint64		n = bcd_conflicts_shown(scope);
	BcdConflictShown c;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "conflicts", "To be decided", "Source and store have both changed these. Nothing is overwritten until somebody decides.");
	bcd_table(out, "Conflicts", columns);
	for (i = 0; i < n; i++)
	{
		bcd_conflicts_shown_row(i, &c);
		bcd_put(out, "<tr>");
		put_row(out, c.feed, c.key);
		bcd_put(out, "<td>$</td><td><bdi>$</bdi></td><td><bdi>$</bdi></td><td class=w>$</td></tr>", c.field ? c.field : "whole record",
				c.source_value, c.store_value, bcd_say_time(c.found_at, scope->now));
	}
	bcd_table_end(out);
	bcd_more(out, c.all - (int64) n, ": SELECT * FROM bcdelta.review");
	bcd_put(out, "<p class=todo>Keep the value of the store, or send that of the source: <code>SELECT bcdelta.resolve($, 'store');</code></p>",
			psprintf(INT64_FORMAT, c.conflict_id));
	bcd_section_end(out);
}

static char *
until_words(const BcdAdjustmentShown *a, TimestampTz now)
{
	if (a->broken)
		return pstrdup("broken: the store has another value");
	if (strcmp(a->until, "time") == 0)
		return psprintf("until %s", bcd_say_time(a->ends_at, now));
	return strcmp(a->until, "always") == 0 ? pstrdup("always") : pstrdup("until the source changes");
}

/* Values of the store that somebody has declared as meant */
void
bcd_put_adjustments(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"Row", "Field", "Value in the store", "-How long", "Why", NULL};
	uint64		n = bcd_adjustments_shown(scope);
	BcdAdjustmentShown a;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "adjustments", "Adjusted by hand", "These values of the store are meant to be as they are: no run overwrites them.");
	bcd_table(out, "Adjustments", columns);
	for (i = 0; i < n; i++)
	{
		bcd_adjustments_shown_row(i, &a);
		bcd_put(out, "<tr>");
		put_row(out, a.feed, a.key);
		bcd_put(out, "<td>$</td><td><bdi>$</bdi></td><td class=\"w$\">$</td>", a.field[0] ? a.field : "whole record", a.value,
				a.broken ? " c-refused" : "", until_words(&a, scope->now));
		bcd_put(out, "<td><bdi>$</bdi><small class=feeds><bdi>$</bdi>, $</small></td></tr>", a.reason, a.by, bcd_say_time(a.made_at, scope->now));
	}
	bcd_table_end(out);
	bcd_more(out, a.all - (int64) n, ": SELECT * FROM bcdelta.adjustment");
	bcd_section_end(out);
}

/* The last entries of the journal */
void
bcd_put_decisions(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"When", "What", "Who", "Why", NULL};
	uint64		n = bcd_decisions_shown(scope);
	BcdDecisionShown d;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "decisions", "Decisions", NULL);
	bcd_table(out, "Decisions", columns);
	for (i = 0; i < n; i++)
	{
		bcd_decisions_shown_row(i, &d);
		bcd_put(out, "<tr><td class=t>$</td><th scope=row>$", bcd_say_time(d.at, scope->now), d.what);
		if (d.feed)
			bcd_put(out, "<small class=feeds><bdi>@</bdi>$<bdi>@</bdi></small>", d.feed, d.key ? ", row " : "", d.key);
		bcd_put(out, "</th><td><bdi>$</bdi></td><td><bdi>$</bdi></td></tr>", d.by ? d.by : "bcdelta", d.reason);
	}
	bcd_table_end(out);
	bcd_more(out, d.all - (int64) n, ": SELECT * FROM bcdelta.journal");
	bcd_section_end(out);
}
