/*
 * sent_fields.c
 *		What an update whose outcome is unknown may have written.
 *
 * pending.intent has what is under way. If its outcome is unknown, link.sent
 * has it until the record has been read, so that our own writes are not taken
 * for edits by somebody else then; see conflicts.c.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/json.h"
#include "engine/decide.h"
#include "engine/keyed.h"
#include "engine/sent_fields.h"
#include "feed/policy.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "payload/reference.h"
#include "payload/task.h"
#include "resource/resource.h"

/* The member of pending.intent with the fields of an update */
#define SENT_FIELDS	"fields"

/* Texts that are longer are noted as something that stands for them. */
#define LONG_TEXT	200

/* Lists and objects that are longer are noted without their contents. */
#define LONG_LIST	2000

/*
 * May the last update of a claimed item have been carried out or not?  Then
 * its record is read first, unless its row now has another address.
 */
bool
bcd_fate_is_unknown(const BcdItem *item)
{
	if (item->remembered == NULL || !item->linked)
		return false;
	return !bcd_is_keyed(item) || (bcd_has_contents(item->lane->feed->resource, item->remembered) && bcd_keyed_moves(item) == NULL);
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

/* An object under construction, and the resource whose fields it has */
typedef struct Sent
{
	JsonbParseState **state;
	const BcdResource *resource;
} Sent;

static void
push_field(const char *name, JsonbValue *value, void *arg)
{
	Sent	   *sent = arg;
	const BcdField *field = bcd_resource_field(sent->resource, name);
	Jsonb	   *digest = bcd_payload_digest(field, value, LONG_TEXT);
	JsonbValue	noted = *value;

	if (digest)
		bcd_jsonb_value(digest, &noted);
	else if ((value->type == jbvString && value->val.string.len > LONG_TEXT) ||
			 (value->type == jbvBinary && value->val.binary.len > LONG_LIST))
		noted.type = jbvNull;
	push_key(sent->state, name);
	(void) pushJsonbValue(sent->state, WJB_VALUE, &noted);
}

/* Returns fields in the form in which they are noted. */
Jsonb *
bcd_noted_fields(const BcdResource *resource, Jsonb *fields)
{
	JsonbParseState *state = NULL;
	Sent		sent = {&state, resource};

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	bcd_payload_each(fields, push_field, &sent);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static bool
updates(const BcdDecision *d)
{
	return (d->next == BCD_UPDATE || d->next == BCD_TURN) && d->body && JB_ROOT_COUNT(d->body) > 0;
}

static List *
tasks_after(const BcdItem *item)
{
	return item->decision.has_tasks ? item->decision.tasks : item->tasks;
}

/*
 * Does a task write fields of the record, rather than elements?  What becomes of
 * differences is noted elsewhere: adjust.c.
 */
static bool
writes_fields(const BcdTask *task)
{
	return task->facet->collection == NULL && task->fields && JB_ROOT_COUNT(task->fields) > 0 &&
		!(task->action->endpoint && task->action->endpoint->once);
}

/* What the record of an item was known to hold, after its decision. */
static Jsonb *
known_after(const BcdItem *item)
{
	BcdItemRecord record = bcd_record_after(item);

	return record.remembered && bcd_is_known_by_address(record.known) ? record.remembered : record.known;
}

/* Does an item with a record stay in the run for its row's sake? */
static bool
serves_row(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	if (!d->made || d->leaves || d->purpose != BCD_PURPOSE_ROW || item->wanted == NULL)
		return false;
	if (!bcd_is_keyed(item))
		return bcd_store_id_after(item) != 0;

	/*
	 * a record that was never written is compared only for the sake of a
	 * policy
	 */
	return bcd_has_contents(item->lane->feed->resource, known_after(item)) ||
		(bcd_record_after(item).known && bcd_feed_is_guarded(item->lane->feed));
}

/* Adds the pending.intent of an item. */
static JsonbValue *
push_intent(JsonbParseState **state, const BcdItem *item)
{
	Sent		sent = {state, item->lane->feed->resource};
	ListCell   *lc;

	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_key(state, SENT_FIELDS);
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	if (updates(&item->decision))
		bcd_payload_each(item->decision.body, push_field, &sent);
	foreach(lc, tasks_after(item))
		if (writes_fields(lfirst(lc)))
		bcd_payload_each(((BcdTask *) lfirst(lc))->fields, push_field, &sent);
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
	return pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/*
 * Returns the member of pending.intent that has the fields that an item is
 * going to write, even if there are none; NULL: it does not write for its row.
 */
Jsonb *
bcd_sent_fields(const BcdItem *item)
{
	JsonbParseState *state = NULL;

	return serves_row(item) ? JsonbValueToJsonb(push_intent(&state, item)) : NULL;
}

/*
 * The same for many items: adds the new intent, if there is one, to an object
 * under construction, by the item's key; *state NULL: it is the first one.
 */
void
bcd_push_sent_fields(JsonbParseState **state, const BcdItem *item)
{
	if (!serves_row(item))
		return;
	if (*state == NULL)
		(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_key(state, item->key);
	(void) push_intent(state, item);
}

/* The same for an item that writes nothing now. */
Jsonb *
bcd_unsent_fields(void)
{
	JsonbValue	v;

	bcd_jsonb_value(bcd_payload_empty(), &v);
	return bcd_payload_set(NULL, SENT_FIELDS, &v);
}

/* Does a decision after the claim change what an item's update sends? */
bool
bcd_changes_sent_fields(const BcdItem *item, BcdStage stage)
{
	return stage != BCD_CLAIM && serves_row(item) && updates(&item->decision);
}

/* Is this id among those that a value refers to? */
typedef struct Sought
{
	int64		id;
	bool		found;
} Sought;

static void
compare_id(const char *resource, const JsonbValue *value, void *arg)
{
	Sought	   *sought = arg;

	if (value->type == jbvNumeric)
		sought->found |= DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(value->val.numeric))) == sought->id;
}

static bool
refers_to(const BcdField *field, const JsonbValue *noted, const cJSON *id)
{
	Sought		sought = {0};

	if (!bcd_json_int64(id, &sought.id))
		return false;
	bcd_field_references(field, noted, compare_id, &sought);
	return sought.found;
}

/*
 * Can a reference be what is left of one that was noted, because records that it
 * led to are gone?  The store takes their ids out of others.
 */
static bool
is_rest_of(const BcdField *field, const JsonbValue *noted, const cJSON *got)
{
	const cJSON *id;

	if (field->refers_to == NULL)
		return false;
	if (!cJSON_IsArray(got))
		return cJSON_IsNull(got) || (cJSON_IsNumber(got) && got->valuedouble == 0);
	cJSON_ArrayForEach(id, got)
		if (!refers_to(field, noted, id))
		return false;
	return true;
}

/* Does the record have a value that was noted? */
static bool
agrees_with_noted(const BcdField *field, const JsonbValue *noted, const cJSON *got)
{
	return noted->type == jbvNull || bcd_payload_agrees_noted(field, noted, got) || is_rest_of(field, noted, got);
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
		agrees_with_noted(field, &v, got);
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
