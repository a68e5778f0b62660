/*
 * parts.c
 *		The parts that sections of a page are made of.
 */
#include "postgres.h"

#include "report/parts.h"
#include "report/put.h"
#include "report/words.h"

/* Begins a section; lead: what it shows, or NULL. */
void
bcd_section(StringInfo out, const char *id, const char *title, const char *lead)
{
	bcd_put(out, "<section id=$ aria-labelledby=$-h><h2 id=$-h>$</h2>", id, id, id, title);
	if (lead)
		bcd_put(out, "<p class=lead>$</p>", lead);
}

void
bcd_section_end(StringInfo out)
{
	bcd_put(out, "</section>");
}

/*
 * Begins a table; columns ends with NULL.  The title of a column of numbers
 * begins with '#', that of one that a narrow page has no place for with '-'.
 */
void
bcd_table(StringInfo out, const char *label, const char *const *columns)
{
	bcd_put(out, "<div class=scroll role=group tabindex=0 aria-label=\"$\"><table><thead><tr>", label);
	for (; *columns; columns++)
	{
		const char *title = *columns;

		title += strspn(title, "#-");
		bcd_put(out, "<th scope=col class=\"$$\">$</th>", strchr("#", **columns) ? "n" : "", (*columns)[0] == '-' || (*columns)[1] == '-' ? " w" : "", title);
	}
	bcd_put(out, "</tr></thead><tbody>");
}

void
bcd_table_end(StringInfo out)
{
	bcd_put(out, "</tbody></table></div>");
}

/* What a list leaves out, if it does */
void
bcd_more(StringInfo out, int64 n, const char *of)
{
	if (n > 0)
		bcd_put(out, "<p class=more>and $ more$</p>", bcd_say_number(n), of);
}

/* One of the figures at the top; class: how it is, or "". */
void
bcd_figure(StringInfo out, const char *class, const char *number, const char *words, const char *more)
{
	bcd_put(out, "<li class=\"$\"><b>$</b><span>$</span>", class, number, words);
	if (more)
		bcd_put(out, "<small>$</small>", more);
	bcd_put(out, "</li>");
}
