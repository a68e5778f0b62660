/*
 * agreement.c
 *		Whether source and store agree: proofs, and the differences that a run
 *		has found.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "report/agreement.h"
#include "report/parts.h"
#include "report/put.h"
#include "report/words.h"
#include "tables/discrepancy_report.h"
#include "tables/feed_proof.h"

static void
put_proof(StringInfo out, const BcdProofShown *p)
{
	const char *level = TIMESTAMP_NOT_FINITE(p->proven_at) ? "unknown" : p->different + p->strangers > 0 ? "warning" : "ok";

	bcd_put(out, "<li class=$><b><bdi>$</bdi></b><span>$", level, p->resource, p->sentence);
	if (p->different + p->strangers > 0)
		bcd_put(out, " <code>SELECT bcdelta.report($);</code>", psprintf(INT64_FORMAT, p->run_id));
	bcd_put(out, "</span></li>");
}

/* What is known of each resource of the store */
void
bcd_put_proof(StringInfo out, const BcdScope *scope)
{
	uint64		n = bcd_proofs_shown(scope);
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "proof", "Do source and store agree?", NULL);
	bcd_put(out, "<ul class=proofs>");
	for (i = 0; i < n; i++)
	{
		BcdProofShown p;

		bcd_proofs_shown_row(i, &p);
		put_proof(out, &p);
	}
	bcd_put(out, "</ul>");
	bcd_section_end(out);
}

static const char *
kind_words(const char *kind)
{
	static const char *const words[][2] = {
		{"missing_in_store", "missing in the store"},
		{"missing_in_source", "missing in the source"},
		{"different", "differs"},
		{"conflict", "adjusted, and no longer so"},
	};
	int			i;

	for (i = 0; i < lengthof(words); i++)
		if (strcmp(words[i][0], kind) == 0)
			return words[i][1];
	return kind;
}

static void
put_difference(StringInfo out, const BcdDifferences *d)
{
	/* the natural key may be the key */
	const char *name = d->natural_key && (d->key == NULL || strcmp(d->key, d->natural_key) != 0) ? d->natural_key : NULL;

	bcd_put(out, "<tr><th scope=row><bdi>@</bdi><small class=feeds>$ <bdi>@</bdi></small></th><td class=n>$</td>", d->feed,
			kind_words(d->kind), d->field, bcd_say_number(d->n));
	bcd_put(out, "<td><bdi class=k>@</bdi>$<bdi>@</bdi></td><td><bdi>$</bdi></td><td><bdi>$</bdi></td></tr>", d->key, d->key && name ? ", " : "", name,
			d->source_value, d->store_value);
}

/* The differences that a verify or link has found, by feed, kind and field */
void
bcd_put_differences(StringInfo out, const BcdScope *scope)
{
	static const char *const columns[] = {"Feed and field", "#Number", "For example", "Source", "Store", NULL};
	uint64		n = bcd_differences(scope);
	int64		kinds = 0;
	uint64		i;

	if (n == 0)
		return;
	bcd_section(out, "differences", "Differences between source and store", NULL);
	bcd_table(out, "Differences", columns);
	for (i = 0; i < n; i++)
	{
		BcdDifferences d;

		bcd_differences_row(i, &d);
		put_difference(out, &d);
		kinds = d.kinds;
	}
	bcd_table_end(out);
	bcd_more(out, kinds - (int64) n, " kinds of differences");
	bcd_put(out, "<p class=todo>The next push corrects the rows that this marks: <code>SELECT bcdelta.repair($);</code></p>", psprintf(INT64_FORMAT, scope->run_id));
	bcd_section_end(out);
}
