/*
 * batch_reply.c
 *		Determines from a reply what happened to each record of a batch.
 *
 * Each family of replies has its own form (resource/replies.c). Records listed
 * in a reply are matched by their ids, otherwise by their keys. Blame for a
 * refusal is only a guess, unless the reply repeats the keys of records. The
 * other fates are safe to rely on: a record that may have been written is
 * UNKNOWN, unless the reply counts the records that were written.
 */
#include "postgres.h"

#include "base/json.h"
#include "store/batch_reply.h"
#include "store/blame.h"

/* The members of an error that hold its text, as opposed to its details */
static const char *const headlines[] = {"title", "detail", "message", NULL};

/* Returns whether a value in a reply equals ours, ignoring case. */
static bool
same_value(const cJSON *value, const char *ours)
{
	char		number[32];
	int64		n;

	if (cJSON_IsString(value))
		return pg_strcasecmp(value->valuestring, ours) == 0;
	if (!bcd_json_int64(value, &n))
		return false;
	snprintf(number, sizeof(number), INT64_FORMAT, n);
	return strcmp(number, ours) == 0;
}

/* Returns whether an object has all key fields of an element. */
static bool
has_key(const cJSON *object, const BcdElement *element)
{
	bool		any = false;
	int			i;

	for (i = 0; element->key && element->key[i]; i++)
	{
		if (element->values[i] == NULL)
			continue;
		if (!same_value(cJSON_GetObjectItemCaseSensitive(object, element->key[i]), element->values[i]))
			return false;
		any = true;
	}
	return any;
}

/* Returns whether a record in a reply is that of an element. */
static bool
is_record_of(const cJSON *record, const char *id_field, const BcdElement *element)
{
	int64		id;

	if (element->id != 0)
		return bcd_json_id(record, id_field, &id) && id == element->id;
	return has_key(record, element);
}

/*
 * Returns whether a reply lists an element's record. The API returns a single
 * record as an array, as an object, or even without the envelope.
 */
static bool
is_listed(const BcdReplyForm *form, const char *id_field, const cJSON *reply, const BcdElement *element)
{
	const cJSON *data = form->records ? bcd_json_path(reply, form->records) : NULL;
	const cJSON *record;

	if (form->records && data == NULL)
		data = reply;
	if (!cJSON_IsArray(data))
		return cJSON_IsObject(data) && is_record_of(data, id_field, element);
	cJSON_ArrayForEach(record, data)
	{
		if (is_record_of(record, id_field, element))
			return true;
	}
	return false;
}

/*
 * Returns the position in a key such as "3", "3.name" or "setting.3.name", or
 * -1.
 */
static int
place_in(const char *key)
{
	while (*key)
	{
		size_t		len = strcspn(key, ".");
		size_t		digits = strspn(key, "0123456789");

		if (len == digits && len > 0 && len < 9)
			return atoi(key);
		key += len;
		if (*key == '.')
			key++;
	}
	return -1;
}

static bool
blames_by_place(const cJSON *errors, int place)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, errors)
	{
		int			found = item->string ? place_in(item->string) : -1;

		if (found == place || (found < 0 && blames_by_place(item, place)))
			return true;
	}
	return false;
}

/* An error with "data" contains the key of the record. */
static bool
blames_by_echo(const cJSON *errors, const BcdElement *element)
{
	const cJSON *item;

	if (cJSON_IsObject(errors))
		return has_key(cJSON_GetObjectItemCaseSensitive(errors, "data"), element);
	cJSON_ArrayForEach(item, errors)
	{
		if (blames_by_echo(item, element))
			return true;
	}
	return false;
}

static bool
text_names(const char *text, const BcdElement *element)
{
	int			i;

	if (text == NULL)
		return false;
	if (bcd_blames_id(text, element->id))
		return true;
	for (i = 0; element->names && element->names[i]; i++)
		if (bcd_blames_name(text, element->names[i]))
			return true;
	return false;
}

/* Looks in the text of errors, and in the keys of maps */
static bool
blames_by_text(const cJSON *errors, const BcdElement *element)
{
	const char *text = cJSON_GetStringValue(errors);
	const cJSON *item;

	if (text)
		return text_names(text, element);
	cJSON_ArrayForEach(item, errors)
	{
		/* the address of a documentation page */
		if (cJSON_IsString(item) && strncmp(item->valuestring, "http", 4) == 0)
			continue;
		if (text_names(item->string, element) || blames_by_text(item, element))
			return true;
	}
	return false;
}

static bool
blames_by_headline(const cJSON *reply, const BcdElement *element)
{
	int			i;

	for (i = 0; headlines[i]; i++)
		if (blames_by_text(cJSON_GetObjectItemCaseSensitive(reply, headlines[i]), element))
			return true;
	return false;
}

static bool
is_blamed(BcdBlames how, const cJSON *reply, const cJSON *errors, const BcdElement *element, int place)
{
	switch (how)
	{
		case BCD_BLAMES_NONE:
			return false;
		case BCD_BLAMES_TEXT:
			/* an earlier version of the API returns errors as an array */
			return blames_by_text(cJSON_IsArray(reply) ? reply : errors, element) ||
				blames_by_headline(reply, element);
		case BCD_BLAMES_PLACE:
			return blames_by_place(errors, place);
		case BCD_BLAMES_ECHO:
			return blames_by_echo(errors ? errors : reply, element);
	}
	return false;
}

/*
 * Marks the elements that a reply blames, among those that are not known to be
 * saved. A family with a more precise form may still use plain text.
 */
static void
blame(const BcdReplyForm *form, const cJSON *reply, BcdElement *elements, int n)
{
	const cJSON *errors = form->errors ? bcd_json_path(reply, form->errors) : NULL;
	BcdBlames	how = form->blames;
	bool		any = false;
	int			i;

	for (;;)
	{
		for (i = 0; i < n; i++)
		{
			BcdElement *e = &elements[i];

			if ((e->fate == BCD_ELEMENT_UNKNOWN || e->fate == BCD_ELEMENT_HELD_UP) &&
				is_blamed(how, reply, errors, e, i))
			{
				e->fate = BCD_ELEMENT_BLAMED;
				any = true;
			}
		}
		if (any || how <= BCD_BLAMES_TEXT)
			return;
		how = BCD_BLAMES_TEXT;
	}
}

/* Returns a counter of a reply, or -1. */
static int64
counter(const cJSON *reply, const char *name)
{
	int64		value;

	return bcd_json_field_int64(cJSON_GetObjectItemCaseSensitive(reply, "meta"), name, &value) ? value : -1;
}

/* Returns whether a reply reports no errors. */
static bool
has_no_errors(const BcdReplyForm *form, const cJSON *reply)
{
	const cJSON *errors = form->errors ? bcd_json_path(reply, form->errors) : NULL;

	return errors == NULL || cJSON_IsNull(errors) ||
		((cJSON_IsArray(errors) || cJSON_IsObject(errors)) && errors->child == NULL);
}

/*
 * Returns whether a batch of n was saved in part. Some endpoints return 207
 * whenever they have something to report: without any error, and with counters
 * that say that all was saved, this is success. Conversely, a success whose
 * counters report failures is not one.
 */
bool
bcd_reply_is_partial(const BcdReplyForm *form, BcdVerdict verdict, const cJSON *reply, int n)
{
	if (verdict == BCD_OK)
		return counter(reply, "failed") > 0;
	return verdict == BCD_PARTIAL &&
		!(has_no_errors(form, reply) &&
		  counter(reply, "success") == n && counter(reply, "failed") == 0);
}

/* Returns whether the store examined the records and rejected them. */
static bool
is_refusal(BcdVerdict verdict)
{
	return verdict == BCD_REFUSED || verdict == BCD_CONFLICT || verdict == BCD_GONE;
}

/*
 * Returns whether a refused batch may have been saved in part. This includes
 * batches that were refused because they exceed a limit of the store.
 */
bool
bcd_refusal_keeps_some(const BcdReplyForm *form, BcdVerdict verdict, const cJSON *reply)
{
	return form->keeps_some && (is_refusal(verdict) || verdict == BCD_STOP_FEED) &&
		counter(reply, "success") != 0 && counter(reply, "saved_records") != 0;
}

/* Returns the fate of elements that a reply does not list. */
static BcdElementFate
fate_of_unlisted(const BcdReplyForm *form, BcdVerdict verdict, const cJSON *reply)
{
	if (verdict == BCD_OK && form->records == NULL)
		return BCD_ELEMENT_SAVED;
	if (verdict == BCD_OK && form->drops_twins)
		return BCD_ELEMENT_TWIN;
	if (verdict == BCD_OK || verdict == BCD_PARTIAL || verdict == BCD_TROUBLE ||
		bcd_refusal_keeps_some(form, verdict, reply))
		return BCD_ELEMENT_UNKNOWN;
	return BCD_ELEMENT_HELD_UP;
}

/*
 * Sets the fates of n elements, in the order in which they were sent. The
 * reply is NULL if it has no body, or one that is not JSON.
 */
void
bcd_batch_reply_read(const BcdReplyForm *form, const char *id, BcdVerdict verdict,
					 const cJSON *reply, BcdElement *elements, int n)
{
	bool		refused = is_refusal(verdict);
	int			i;

	if (verdict == BCD_OK || verdict == BCD_PARTIAL)
		verdict = bcd_reply_is_partial(form, verdict, reply, n) ? BCD_PARTIAL : BCD_OK;
	for (i = 0; i < n; i++)
	{
		BcdElement *e = &elements[i];

		e->fate = fate_of_unlisted(form, verdict, reply);
		if (verdict == BCD_OK || verdict == BCD_PARTIAL || (refused && form->keeps_some))
			if (is_listed(form, id, reply, e))
				e->fate = verdict == BCD_PARTIAL ? BCD_ELEMENT_SAVED_IN_PART : BCD_ELEMENT_SAVED;
	}
	if (refused || verdict == BCD_PARTIAL)
		blame(form, reply, elements, n);
	for (i = 0; i < n; i++)
		elements[i].delay_ms = elements[i].fate == BCD_ELEMENT_HELD_UP ? 0 : form->delay_ms;
}
