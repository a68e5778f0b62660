/*
 * unasked_edits.c
 *		Fields that somebody else changed in the store, and the row did not.
 *
 * A field is written if its row has changed it, and not if somebody has
 * edited it in the store. Usually the payload of the link tells: what agrees
 * with it is not sent. If the outcome of an update is unknown, because its
 * reply was lost or the worker ended, the record is read before anything else
 * is written, and three values are compared for each field: what the store
 * held before the update (link.remembered), what the row wants now, and what
 * the record holds. pending.intent has what the update was to write, so that
 * our own writes are not taken for edits.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/unasked_edits.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* The member of pending.intent with the fields of an update */
#define SENT_FIELDS	"fields"

/* Values that are longer are noted without their contents. */
#define LONG_VALUE	200

/*
 * May the last update of a claimed item have been carried out or not?  Then
 * its record is read first, if it can be.
 */
bool
bcd_fate_is_unknown(const BcdItem *item)
{
	return item->remembered != NULL && item->linked && !bcd_is_keyed(item) && item->aside == NULL;
}

typedef struct Sent
{
	Jsonb	   *fields;
} Sent;

static void
note_sent(const char *name, JsonbValue *value, void *arg)
{
	Sent	   *sent = arg;
	JsonbValue	noted = *value;

	if ((value->type == jbvString && value->val.string.len > LONG_VALUE) ||
		(value->type == jbvBinary && value->val.binary.len > LONG_VALUE))
		noted.type = jbvNull;
	sent->fields = bcd_payload_set(sent->fields, name, &noted);
}

/* Returns whether an item will be updated because of its row. */
static bool
will_be_updated(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->made && !d->leaves && (d->next == BCD_UPDATE || d->next == BCD_TURN) &&
		d->purpose == BCD_PURPOSE_ROW && d->body != NULL && bcd_store_id_after(item) != 0;
}

/*
 * Returns the new pending.intent of an item that is to be updated: the fields
 * that its update sends; NULL: it is not.
 */
Jsonb *
bcd_sent_fields(const BcdItem *item)
{
	Sent		sent = {NULL};
	JsonbValue	v;

	if (!will_be_updated(item))
		return NULL;
	bcd_payload_each(item->decision.body, note_sent, &sent);
	if (sent.fields == NULL)
		return NULL;
	bcd_jsonb_value(sent.fields, &v);
	return bcd_payload_set(NULL, SENT_FIELDS, &v);
}

/* Does a decision after the claim change what an item's update sends? */
bool
bcd_changes_sent_fields(const BcdItem *item, BcdStage stage)
{
	return stage != BCD_CLAIM && will_be_updated(item);
}

typedef struct Reading
{
	const BcdItem *item;
	const cJSON *record;
	Jsonb	   *base;			/* what the store held before */
	Jsonb	   *known;			/* what it is known to hold */
} Reading;

/* Can a value that was read have been written by us, as far as is known? */
static bool
may_be_ours(const BcdItem *item, const BcdField *field, const cJSON *got)
{
	JsonbValue	v;

	/* nothing is noted of updates by older versions */
	if (item->remembered && item->sent == NULL)
		return true;
	return item->sent && getKeyJsonValueFromContainer(&item->sent->root, field->name, strlen(field->name), &v) &&
		(v.type == jbvNull || bcd_payload_agrees(field, &v, got));
}

static void
keep_edit(const char *name, JsonbValue *value, void *arg)
{
	Reading    *r = arg;
	const BcdItem *item = r->item;
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(r->record, name);

	if (field == NULL || got == NULL || field->flags & BCD_F_WRITE_ONLY || BCD_IS_COLLECTION(field) ||
		(bcd_payload_has(r->known, name) && bcd_payload_same(item->wanted, r->known, name)))
		return;
	/* the row has changed the field, or it is not known whether it has */
	if (!bcd_payload_has(r->base, name) || !bcd_payload_same(item->wanted, r->base, name))
		return;
	if (!bcd_payload_has(item->aside, name) && !may_be_ours(item, field, got))
		r->known = bcd_payload_set(r->known, name, value);
}

/*
 * Of a record that was read ("read": what it is known to hold), fields that
 * its row did not change since it was last known count as if they agreed, so
 * that they are not written.
 */
Jsonb *
bcd_without_edits(const BcdItem *item, Jsonb *read, const cJSON *record)
{
	Reading		r = {item, record, bcd_payload_merge(item->remembered, item->known), read};

	if (r.base && item->wanted && item->linked && !item->looked_up)
		bcd_payload_each(item->wanted, keep_edit, &r);
	return r.known;
}
