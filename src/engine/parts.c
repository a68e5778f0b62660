/*
 * parts.c
 *		Outcomes of the requests for a row that is written through several
 *		endpoints.
 *
 * They are kept in memory until the row is settled, with one result that lists
 * them; see facets.c.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "engine/collections.h"
#include "engine/engine.h"
#include "engine/parts.h"
#include "engine/stage.h"
#include "resource/resource.h"
#include "tables/outcome.h"

/* The outcome of one of several requests for a row */
typedef struct BcdPart
{
	const BcdFacet *facet;
	char	   *element;		/* its key as JSON, if it is a collection */
	BcdOutcome	outcome;
	int			status;			/* HTTP status */
	char		request_id[64];
	char	   *error;
} BcdPart;

/* Did one of the requests for an item create its record, or update it? */
bool
bcd_has_part(const BcdItem *item, BcdOutcome outcome)
{
	ListCell   *lc;

	foreach(lc, item->parts)
		if (((BcdPart *) lfirst(lc))->outcome == outcome && (outcome != BCD_CREATED || ((BcdPart *) lfirst(lc))->element == NULL))
		return true;
	return false;
}

/* Decides on the outcome of elements that were written with the record's fields. */
void
bcd_note_riders(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	BcdPart    *part = palloc0(sizeof(BcdPart));

	part->facet = ((BcdTask *) linitial(item->tasks))->facet;
	part->outcome = bcd_element_outcome(item);
	part->element = bcd_elements_words(item);
	item->decision.riders = part;
	MemoryContextSwitchTo(old);
}

/* After the commit: keeps them, too. */
static void
keep_riders(BcdItem *item, const BcdDecision *d)
{
	d->riders->status = d->status;
	strlcpy(d->riders->request_id, d->request_id, sizeof(d->riders->request_id));
	item->parts = lappend(item->parts, d->riders);
}

/* After the commit: keeps the outcome of a request for one part of the row. */
void
bcd_item_keep_part(BcdItem *item, const BcdDecision *d)
{
	MemoryContext old;
	BcdPart    *part;

	if (d->part == BCD_NO_OUTCOME)
		return;
	old = MemoryContextSwitchTo(item->cxt);
	part = palloc0(sizeof(BcdPart));
	part->facet = bcd_stage_facet(item->lane->feed->resource, d->part_stage);
	part->outcome = d->part;
	part->element = d->part_element ? pstrdup(d->part_element) : NULL;
	part->status = d->status;
	/* the text may be that of another item of the request, which leaves first */
	part->error = d->error ? pstrdup(d->error) : NULL;
	strlcpy(part->request_id, d->request_id, sizeof(part->request_id));
	item->parts = lappend(item->parts, part);
	if (d->part == BCD_FAILED && item->failure == NULL)
		item->failure = part->error;
	if (d->riders)
		keep_riders(item, d);
	MemoryContextSwitchTo(old);
}

static void
append_text(StringInfo out, const char *name, const char *value)
{
	appendStringInfo(out, ", \"%s\": ", name);
	escape_json(out, value);
}

static void
append_part(StringInfo out, const BcdPart *part)
{
	appendStringInfoString(out, out->len > 1 ? ", {\"facet\": " : "{\"facet\": ");
	escape_json(out, part->facet->name ? part->facet->name : "");
	if (part->element)
		appendStringInfo(out, ", \"element\": %s", part->element);
	append_text(out, "outcome", bcd_outcome_name(part->outcome));
	if (part->status != 0)
		appendStringInfo(out, ", \"http_status\": %d", part->status);
	if (part->request_id[0])
		append_text(out, "request_id", part->request_id);
	if (part->error)
		append_text(out, "error", part->error);
	appendStringInfoChar(out, '}');
}

/* Returns the parts of a row as JSON; NULL: it was written as a whole. */
char *
bcd_item_parts(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;
	StringInfoData out;
	ListCell   *lc;
	BcdPart		last = {bcd_stage_facet(item->lane->feed->resource, d->part_stage), d->part_element, d->part, d->status};

	if (item->parts == NIL && d->part == BCD_NO_OUTCOME)
		return NULL;
	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	foreach(lc, item->parts)
		append_part(&out, lfirst(lc));
	if (d->part != BCD_NO_OUTCOME)
	{
		strlcpy(last.request_id, d->request_id, sizeof(last.request_id));
		last.error = d->part == d->outcome ? d->error : NULL;
		append_part(&out, &last);
	}
	if (d->riders)
	{
		BcdPart		riders = *d->riders;

		riders.status = d->status;
		strlcpy(riders.request_id, d->request_id, sizeof(riders.request_id));
		append_part(&out, &riders);
	}
	appendStringInfoChar(&out, ']');
	return out.data;
}
