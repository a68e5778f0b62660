/*
 * cleared.c
 *		Fields that are emptied in the store when the mapping returns null.
 *
 * With option "nulls" set to "clear", a field that had a value, and now is
 * null in the source, gets what the API takes for nothing: null, an empty text,
 * 0 or an empty list.  A field that cannot be empty keeps its value, as it does
 * without the option.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "feed/cleared.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Sets v to what empties a field; returns false if nothing does. */
static bool
empty_value(const BcdResource *resource, const BcdField *field, JsonbValue *v)
{
	if (field->flags & (BCD_F_REQUIRED | BCD_F_FIXED | BCD_F_CREATE_ONLY | BCD_F_WRITE_ONLY | BCD_F_PLACE | BCD_F_NO_NONE) ||
		bcd_resource_identifies(resource, field->name))
		return false;
	if (field->flags & BCD_F_NULLABLE)
		v->type = jbvNull;
	else if (field->type == BCD_STRING && field->values == NULL)
	{
		v->type = jbvString;
		v->val.string.val = "";
		v->val.string.len = 0;
	}
	else if (field->type == BCD_NUMBER || field->type == BCD_INTEGER)
	{
		v->type = jbvNumeric;
		v->val.numeric = DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(0)));
	}
	else if (field->type == BCD_INTEGERS || field->type == BCD_STRINGS || field->type == BCD_RECORDS)
		bcd_jsonb_value(DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("[]"))), v);
	else
		return false;
	return bcd_payload_normalize(field, v) == NULL;
}

typedef struct Clearing
{
	const BcdFeed *feed;
	Jsonb	   *wanted;
	Jsonb	   *cleared;
} Clearing;

static void
clear_field(const char *name, JsonbValue *value, void *arg)
{
	Clearing   *c = arg;
	const BcdField *field = bcd_resource_field(c->feed->resource, name);
	JsonbValue	empty;

	if (field && value->type != jbvNull && !bcd_payload_has(c->wanted, name) && bcd_feed_maps(c->feed, name) &&
		empty_value(c->feed->resource, field, &empty))
		c->cleared = bcd_payload_set(c->cleared, name, &empty);
}

/*
 * Returns what a row wants, and that fields without a value are emptied which
 * the record is known to have, if the feed asks for that.
 */
Jsonb *
bcd_with_cleared(const BcdFeed *feed, Jsonb *wanted, Jsonb *known)
{
	Clearing	c = {feed, wanted, NULL};

	if (!feed->options.clears || wanted == NULL || known == NULL || bcd_payload_covers(wanted, known))
		return wanted;
	bcd_payload_each(known, clear_field, &c);
	return bcd_payload_merge(c.cleared, wanted);
}
