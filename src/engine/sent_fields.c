/*
 * sent_fields.c
 *		What an update whose outcome is unknown may have written.
 *
 * pending.intent has it, so that our own writes are not taken for edits by
 * somebody else when the record is read; see conflicts.c.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/sent_fields.h"
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
		d->purpose == BCD_PURPOSE_ROW && item->wanted != NULL && d->body != NULL && bcd_store_id_after(item) != 0;
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

/* Can a value that was read have been written by us, as far as is known? */
bool
bcd_may_be_ours(const BcdItem *item, const BcdField *field, const cJSON *got)
{
	JsonbValue	v;

	/* nothing is noted of updates by older versions */
	if (item->remembered && item->sent == NULL)
		return true;
	return item->sent && getKeyJsonValueFromContainer(&item->sent->root, field->name, strlen(field->name), &v) &&
		(v.type == jbvNull || bcd_payload_agrees(field, &v, got));
}

typedef struct Arrival
{
	const BcdItem *item;
	bool		any;
} Arrival;

static void
has_arrived(const char *name, JsonbValue *value, void *arg)
{
	Arrival    *a = arg;

	a->any |= bcd_payload_has(a->item->wanted, name) && !bcd_payload_same(a->item->wanted, a->item->remembered, name);
}

/*
 * The record of an item agrees with its row: has the update without a known
 * outcome done that?
 */
bool
bcd_update_has_arrived(const BcdItem *item)
{
	Arrival		a = {item, false};

	if (item->sent && item->remembered && item->wanted)
		bcd_payload_each(item->sent, has_arrived, &a);
	return a.any;
}
