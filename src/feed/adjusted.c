/*
 * adjusted.c
 *		Adjustments of a feed's rows: which fields can have one, and their
 *		end.
 *
 * When an adjustment ends, the link is told what the store holds, as far as
 * that is known, and the row is marked, so that the next push writes the
 * source's value if it is another one.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/bcdelta.h"
#include "capture/change.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"
#include "tables/adjustment.h"
#include "tables/journal.h"
#include "tables/link_write.h"

/*
 * Returns why a mapped field cannot be adjusted, in a sentence, or NULL.
 */
char *
bcd_adjustable_flaw(const BcdFeed *feed, const char *name)
{
	const BcdResource *r = feed->resource;
	const BcdField *field = bcd_resource_field(r, name);
	char	   *placed = bcd_placed_flaw(feed, name);
	const BcdFacet *counting = bcd_counting_facet(r, feed->options_json);

	if (field->flags & BCD_F_WRITE_ONLY)
		return "The store does not tell its value.";
	if (placed)
		return placed;
	if (counting && strcmp(counting->changes_of, name) == 0)
		return "The store is sent differences of it, because others change it, too.";
	if (field->flags & (BCD_F_FIXED | BCD_F_PLACE))
		return "It cannot be changed once the record exists.";
	if (r->id == NULL && bcd_is_address_field(r, name))
		return "It identifies the record.";
	return NULL;
}

/* Returns an element of a collection as a reply has it, without its id. */
static cJSON *
element_value(const BcdRecords *records, const cJSON *got)
{
	cJSON	   *element = cJSON_CreateObject();
	int			i;

	for (i = 0; i < records->nfields; i++)
	{
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(got, records->fields[i].name);

		if (member && !(records->fields[i].flags & BCD_F_WRITE_ONLY))
			cJSON_AddItemToObject(element, records->fields[i].name, cJSON_Duplicate(member, true));
	}
	return element;
}

/*
 * Returns the value of a field of a record, as an adjustment declares it: of
 * the elements of a collection, the fields that a mapping can have.
 */
Jsonb *
bcd_adjusted_value(const BcdField *field, const cJSON *got)
{
	cJSON	   *value = got ? cJSON_Duplicate(got, true) : cJSON_CreateNull();
	Jsonb	   *declared;
	const cJSON *element;

	if (BCD_IS_COLLECTION(field) && cJSON_IsArray(got))
	{
		cJSON_Delete(value);
		value = cJSON_CreateArray();
		cJSON_ArrayForEach(element, got)
			cJSON_AddItemToArray(value, element_value(field->records, element));
	}
	declared = bcd_payload_value(bcd_payload_from_json(field->name, value), field->name);
	cJSON_Delete(value);
	return declared;
}

/* Does an adjustment hold the record as a whole? */
bool
bcd_adjusts_record(const BcdAdjustment *adjustment)
{
	return adjustment->field[0] == '\0';
}

typedef struct RowDiffers
{
	const BcdFeed *feed;
	Jsonb	   *other;
	bool		any;
} RowDiffers;

/* A reference that leads to another record by now is no change of the row. */
static void
note_different(const char *name, JsonbValue *value, void *arg)
{
	RowDiffers *d = arg;
	const BcdField *field = bcd_resource_field(d->feed->resource, name);

	if (field && field->refers_to == NULL)
		d->any |= !bcd_payload_same(bcd_payload_set(NULL, name, value), d->other, name);
}

/* Is a row as it was?  Both payloads are NULL if it is gone. */
static bool
is_same_row(const BcdFeed *feed, Jsonb *was, Jsonb *wanted)
{
	RowDiffers	d = {feed, wanted};

	if (was == NULL || wanted == NULL)
		return was == wanted;
	bcd_payload_each(was, note_different, &d);
	d.other = was;
	bcd_payload_each(wanted, note_different, &d);
	return !d.any;
}

/*
 * Returns why a row with these adjustments is not pushed at all at present, or
 * NULL: that which holds it.  wanted: the row's payload; NULL: it is gone.  Sets *over to a hold
 * that ends, since the source has changed, or to NULL.
 */
const BcdAdjustment *
bcd_row_hold(const BcdFeed *feed, List *adjustments, Jsonb *wanted, BcdAdjustment **over)
{
	ListCell   *lc;

	*over = NULL;
	foreach(lc, adjustments)
	{
		BcdAdjustment *a = lfirst(lc);

		if (!bcd_adjusts_record(a))
			continue;
		if (!bcd_adjustment_is_over(feed, a, wanted))
			return a;
		*over = a;
	}
	return NULL;
}

/*
 * Has the source another value than when the adjustment was made, and does it
 * end by that?  wanted is the payload of the row.
 */
bool
bcd_adjustment_is_over(const BcdFeed *feed, const BcdAdjustment *adjustment, Jsonb *wanted)
{
	JsonbValue	was;

	if (!adjustment->while_source)
		return false;
	if (bcd_adjusts_record(adjustment))
		return !is_same_row(feed, adjustment->source_value, wanted);
	if (adjustment->source_value == NULL)
		return bcd_payload_has(wanted, adjustment->field);
	bcd_jsonb_value(adjustment->source_value, &was);
	return !bcd_payload_same(bcd_payload_set(NULL, adjustment->field, &was), wanted, adjustment->field);
}

/* Has every request for a record to contain this field? */
static bool
is_needed(const BcdResource *r, const char *name)
{
	const char *key;
	int			i;

	for (i = 0; (key = bcd_resource_key(r, i)) != NULL; i++)
		if (strcmp(key, name) == 0)
			return true;
	return (r->upserts || r->id == NULL) && (bcd_resource_field(r, name)->flags & BCD_F_REQUIRED) != 0;
}

/* Returns a payload with this value of a field; NULL: without the field. */
static Jsonb *
with_value(Jsonb *payload, const char *name, Jsonb *value)
{
	JsonbValue	v;

	if (value == NULL)
		return bcd_payload_without(payload, name);
	bcd_jsonb_value(value, &v);
	return bcd_payload_set(payload, name, &v);
}

/*
 * Takes the adjusted fields out of what a row wants and of what is known of
 * its record (NULL: nothing), so that they make no difference.  What every
 * request has to contain is wanted as it is.  If an adjustment is over, the
 * record is known to hold what was declared.
 */
void
bcd_adjusted_left_alone(const BcdFeed *feed, List *adjustments, Jsonb **wanted, Jsonb **known)
{
	ListCell   *lc;

	foreach(lc, adjustments)
	{
		BcdAdjustment *a = lfirst(lc);
		Jsonb	   *value = *known ? bcd_payload_value(*known, a->field) : NULL;

		if (!bcd_feed_maps(feed, a->field))
			continue;
		if (bcd_adjustment_is_over(feed, a, *wanted))
			*known = *known ? with_value(*known, a->field, a->value) : NULL;
		else if (!is_needed(feed->resource, a->field))
		{
			*wanted = bcd_payload_without(*wanted, a->field);
			*known = bcd_payload_without(*known, a->field);
		}
		else if (value || a->value)
			*wanted = with_value(*wanted, a->field, value ? value : a->value);
	}
}

/* Makes the next push write the field of a row whose adjustment has ended. */
void
bcd_adjustment_ended(int32 feed_id, const BcdEndedAdjustment *ended)
{
	BcdChanges *changes = bcd_changes_begin(feed_id);

	if (ended->field[0] != '\0')
		bcd_link_know_field(ended->feed, ended->key, ended->field, ended->value);
	bcd_changes_add(changes, BCD_OP_MARK, cstring_to_text(ended->key));
	bcd_changes_end(changes);
}

/*
 * Ends what a rollback holds of a feed's rows; returns the number of rows. The
 * caller has taken the feed's links.
 */
int
bcd_holds_release(const BcdFeed *feed, int64 run_id)
{
	MemoryContext cxt = CurrentMemoryContext;
	const char *last = "";
	List	   *held = bcd_holds_end(run_id, feed->name);
	ListCell   *lc;
	int			rows = 0;

	MemoryContextSwitchTo(cxt);
	foreach(lc, held)
	{
		const BcdEndedAdjustment *ended = lfirst(lc);

		bcd_adjustment_ended(feed->feed_id, ended);
		rows += strcmp(last, ended->key) != 0;
		last = ended->key;
	}
	return rows;
}

/*
 * Ends the adjustments whose time has come, for the worker; returns their
 * number.
 */
int
bcd_adjustments_expire(void)
{
	List	   *due = bcd_adjustments_end_due();
	ListCell   *lc;

	foreach(lc, due)
	{
		BcdEndedAdjustment *ended = lfirst(lc);
		Jsonb	   *detail = bcd_payload_set_integer(NULL, "adjustment_id", ended->id);
		JsonbValue	field = {.type = jbvString};

		field.val.string.val = ended->field;
		field.val.string.len = strlen(ended->field);
		bcd_adjustment_ended(ended->feed_id, ended);
		bcd_journal_auto("unadjust", ended->feed, ended->key, "its time has come",
						 bcd_payload_set(detail, "field", &field));
	}
	return list_length(due);
}
