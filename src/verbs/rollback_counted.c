/*
 * rollback_counted.c
 *		Quantities in a rollback: what the store has sold since stays sold.
 *
 * A quantity changes by the difference that was written, whatever it is by now.
 * That is right only if it is known that what is to be undone was done, and not
 * undone before.  The link tells: it has the value of the last write whose
 * outcome is known.  If it does not, only a store that still has exactly what was
 * written, or what was there before, does.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "engine/engine.h"
#include "feed/feed.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "verbs/rollback.h"

static Numeric
number_of(const char *text)
{
	return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static Numeric
sum_of(Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(numeric_add, NumericGetDatum(a), NumericGetDatum(b)));
}

static bool
is_less(Numeric a, Numeric b)
{
	return DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(a), NumericGetDatum(b)));
}

/* What a field must not fall below in the store */
static Numeric
least_of(const BcdFacet *facet, const cJSON *record)
{
	const cJSON *bound = facet && facet->not_below ? cJSON_GetObjectItemCaseSensitive(record, facet->not_below) : NULL;

	return number_of(cJSON_IsNumber(bound) ? bcd_json_text(bound) : "0");
}

/* Is this what was last sent of a field, as far as is known? */
static bool
is_known_as(const BcdItem *item, Jsonb *payload, const char *field)
{
	return bcd_payload_has(item->known, field) && bcd_payload_same(item->known, payload, field);
}

/*
 * Determines what becomes of a quantity.  now: what the record has.
 */
BcdCount
bcd_rollback_count(const BcdItem *item, const BcdField *field, const cJSON *record)
{
	const BcdUndoUnit *unit = item->unit;
	const BcdFacet *facet = bcd_counting_facet(item->lane->feed->resource, item->lane->feed->options_json);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(record, field->name);
	char	   *before = bcd_payload_text(unit->before, field->name);
	char	   *after = bcd_payload_text(unit->after, field->name);
	BcdCount	count = {BCD_COUNT_EDITED};
	bool		sent = is_known_as(item, unit->after, field->name);
	bool		back = is_known_as(item, unit->before, field->name);
	Numeric		becomes;

	if (bcd_facet_is_placed(bcd_resource_facet_of(item->lane->feed->resource, field), item->lane->feed->options_json) ||
		before == NULL || after == NULL || !cJSON_IsNumber(got))
		return count;
	if (item->in_doubt)
	{
		count.fate = BCD_COUNT_UNKNOWN;
		return count;
	}
	if (!sent)
	{
		/* what the store has says nothing if differences are sent */
		count.fate = back ? BCD_COUNT_SAME : item->lane->undo_differences ? BCD_COUNT_UNKNOWN : BCD_COUNT_EDITED;
		return count;
	}
	count.by = bcd_counted_difference(unit->before, unit->after, field->name);
	becomes = sum_of(number_of(bcd_json_text(got)), number_of(count.by));
	count.becomes = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(becomes)));
	count.relative = facet && strcmp(facet->changes_of, field->name) == 0;
	count.fate = is_less(becomes, least_of(facet, record)) ? BCD_COUNT_TOO_LOW : BCD_COUNT_CHANGED;
	return count;
}
