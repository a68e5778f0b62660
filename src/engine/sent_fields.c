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

static void
push_key(JsonbParseState **state, const char *name)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = (char *) name;
	v.val.string.len = strlen(name);
	(void) pushJsonbValue(state, WJB_KEY, &v);
}

static void
push_field(const char *name, JsonbValue *value, void *state)
{
	JsonbValue	noted = *value;

	if ((value->type == jbvString && value->val.string.len > LONG_VALUE) ||
		(value->type == jbvBinary && value->val.binary.len > LONG_VALUE))
		noted.type = jbvNull;
	push_key(state, name);
	(void) pushJsonbValue(state, WJB_VALUE, &noted);
}

/* Returns whether an item will be updated because of its row. */
static bool
will_be_updated(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	return d->made && !d->leaves && (d->next == BCD_UPDATE || d->next == BCD_TURN) &&
		d->purpose == BCD_PURPOSE_ROW && item->wanted != NULL && d->body != NULL && JB_ROOT_COUNT(d->body) > 0 &&
		bcd_store_id_after(item) != 0;
}

/* Adds the pending.intent of an item that is to be updated. */
static JsonbValue *
push_intent(JsonbParseState **state, const BcdItem *item)
{
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_key(state, SENT_FIELDS);
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	bcd_payload_each(item->decision.body, push_field, state);
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * Returns the new pending.intent of an item that is to be updated: the fields
 * that its update sends; NULL: it is not.
 */
Jsonb *
bcd_sent_fields(const BcdItem *item)
{
	JsonbParseState *state = NULL;

	return will_be_updated(item) ? JsonbValueToJsonb(push_intent(&state, item)) : NULL;
}

/*
 * The same for many items: adds the new intent, if there is one, to an object
 * under construction, by the item's key; *state NULL: it is the first one.
 */
void
bcd_push_sent_fields(JsonbParseState **state, const BcdItem *item)
{
	if (!will_be_updated(item))
		return;
	if (*state == NULL)
		(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_key(state, item->key);
	(void) push_intent(state, item);
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
