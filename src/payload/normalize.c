/*
 * normalize.c
 *		Checks the values of payloads against the resource's fields.
 *
 * A value that the store would refuse is refused here, with a message that
 * names the field, the value and the limit. A value that the store would round
 * or reformat is converted to the form that it keeps, so that it compares
 * equal when it is read back.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "payload/choices.h"
#include "payload/collection.h"
#include "payload/datetime.h"
#include "payload/element_check.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* The number of characters of valid UTF-8, independent of the database encoding. */
static int
utf8_characters(const char *text, int len)
{
	int			n = 0;
	int			i;

	for (i = 0; i < len; i++)
		n += ((unsigned char) text[i] & 0xC0) != 0x80;
	return n;
}

/*
 * Returns false if a text cannot be an e-mail address: it contains white space,
 * or no "@" between other characters. The store checks the rest.
 */
static bool
is_address(const char *text, int len)
{
	int			at = -1;
	int			i;

	for (i = 0; i < len; i++)
	{
		if ((unsigned char) text[i] <= ' ' || text[i] == 0x7F)
			return false;
		if (text[i] == '@')
			at = i;
	}
	return at > 0 && at < len - 1;
}

static bool
starts_with(const char *text, int len, const char *start)
{
	return len > (int) strlen(start) && pg_strncasecmp(text, start, strlen(start)) == 0;
}

/* Can the store fetch it? A data URL, for example, it cannot. */
static bool
is_url(const char *text, int len)
{
	int			i;

	for (i = 0; i < len; i++)
		if ((unsigned char) text[i] <= ' ' || text[i] == 0x7F)
			return false;
	return starts_with(text, len, "http://") || starts_with(text, len, "https://");
}

static char *
check_string(const BcdField *field, const JsonbValue *value)
{
	int			len = value->val.string.len;
	const char *const *allowed;
	int			characters;

	if (!pg_verify_mbstr(PG_UTF8, value->val.string.val, len, true))
		return psprintf("%s: the text is not valid UTF-8", field->name);
	if (field->values)
	{
		for (allowed = field->values; *allowed; allowed++)
			if ((int) strlen(*allowed) == len && memcmp(*allowed, value->val.string.val, len) == 0)
				return NULL;
		return psprintf("%s: %s is not one of the values that the API accepts",
						field->name, bcd_value_quoted(value));
	}
	if ((field->flags & BCD_F_URL) && !is_url(value->val.string.val, len))
		return psprintf("%s: %s is not an http or https URL", field->name, bcd_value_quoted(value));
	if ((field->flags & BCD_F_EMAIL) && !is_address(value->val.string.val, len))
		return psprintf("%s: %s is not an e-mail address", field->name, bcd_value_quoted(value));
	if (field->max < field->min)
		return NULL;
	characters = utf8_characters(value->val.string.val, len);
	if (characters > field->max)
		return psprintf("%s: %d characters, at most %.0f are allowed: %s",
						field->name, characters, field->max, bcd_value_quoted(value));
	if (characters < field->min)
		return psprintf("%s: %d characters, at least %.0f are needed",
						field->name, characters, field->min);
	return NULL;
}

/* Numbers are rounded to the scale that the store keeps, as the store would. */
static char *
check_number(const BcdField *field, JsonbValue *value)
{
	double		n;

	if (field->type == BCD_INTEGER || field->scale >= 0)
	{
		int			scale = field->type == BCD_INTEGER ? 0 : field->scale;
		Datum		rounded = DirectFunctionCall2(numeric_round,
												  NumericGetDatum(value->val.numeric),
												  Int32GetDatum(scale));

		if (field->type == BCD_INTEGER &&
			!DatumGetBool(DirectFunctionCall2(numeric_eq, rounded,
											  NumericGetDatum(value->val.numeric))))
			return psprintf("%s: %s is not an integer", field->name, bcd_value_quoted(value));
		value->val.numeric = DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, rounded));
	}
	n = bcd_number(value->val.numeric);
	if (field->max < field->min || (n >= field->min && n <= field->max))
		return NULL;
	if (field->max == BCD_NO_MAX)
		return psprintf("%s: %s is less than %.15g", field->name, bcd_value_quoted(value), field->min);
	return psprintf("%s: %s is not between %.15g and %.15g",
					field->name, bcd_value_quoted(value), field->min, field->max);
}

/* Every element of an array has the right type; their number is allowed. */
static char *
check_array(const BcdField *field, const JsonbValue *value)
{
	enum jbvType wanted = field->type == BCD_INTEGERS || (field->records && field->records->bare) ? jbvNumeric :
	field->type == BCD_STRINGS ? jbvString : jbvBinary;
	JsonbContainer *array = value->val.binary.data;
	uint32		i;

	if (field->max >= field->min && JsonContainerSize(array) > field->max)
		return psprintf("%s: %u elements, at most %.0f are allowed",
						field->name, JsonContainerSize(array), field->max);
	if (field->max >= field->min && JsonContainerSize(array) < field->min)
		return psprintf("%s: %u elements, at least %.0f are needed",
						field->name, JsonContainerSize(array), field->min);
	for (i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		if (element->type != wanted ||
			(wanted == jbvBinary && !JsonContainerIsObject(element->val.binary.data)))
			return psprintf("%s: element %u of the array is not %s", field->name, i + 1,
							wanted == jbvNumeric ? "a number" : wanted == jbvString ? "a string" : "an object");
	}
	return NULL;
}

static const char *
type_words(const BcdField *field)
{
	switch (field->type)
	{
		case BCD_STRING:
			return "a text";
		case BCD_NUMBER:
			return "a number";
		case BCD_INTEGER:
			return "an integer";
		case BCD_BOOLEAN:
			return "true or false";
		case BCD_DATETIME:
			return "a date and time";
		case BCD_INTEGERS:
			return "an array of numbers";
		case BCD_STRINGS:
			return "an array of strings";
		case BCD_OBJECT:
			return "an object";
		case BCD_ANY:
			return "a text, a number or an array of strings";
		case BCD_RECORDS:
			return field->records && field->records->bare ? "an array of ids" : "an array of objects";
	}
	return "";
}

static char *check_records(const BcdField *field, JsonbValue *value);

static char *
check_instant(const BcdField *field, JsonbValue *value)
{
	char	   *text = bcd_instant_text(pnstrdup(value->val.string.val, value->val.string.len));

	if (text == NULL)
		return psprintf("%s: %s is not %s", field->name, bcd_value_quoted(value), type_words(field));
	value->val.string.val = text;
	value->val.string.len = strlen(text);
	return NULL;
}

static bool
are_strings(const JsonbValue *value)
{
	JsonbContainer *array = value->val.binary.data;
	uint32		i;

	for (i = 0; i < JsonContainerSize(array); i++)
		if (getIthJsonbValueFromContainer(array, i)->type != jbvString)
			return false;
	return true;
}

static bool
type_fits(BcdType type, const JsonbValue *value)
{
	switch (type)
	{
		case BCD_STRING:
		case BCD_DATETIME:
			return value->type == jbvString;
		case BCD_NUMBER:
		case BCD_INTEGER:
			return value->type == jbvNumeric && !numeric_is_nan(value->val.numeric)
				&& !numeric_is_inf(value->val.numeric);
		case BCD_BOOLEAN:
			return value->type == jbvBool;
		case BCD_INTEGERS:
		case BCD_STRINGS:
		case BCD_RECORDS:
			return value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data)
				&& !JsonContainerIsScalar(value->val.binary.data);
		case BCD_OBJECT:
			return value->type == jbvBinary && JsonContainerIsObject(value->val.binary.data);
		case BCD_ANY:
			return type_fits(BCD_STRING, value) || type_fits(BCD_NUMBER, value) ||
				(type_fits(BCD_STRINGS, value) && are_strings(value));
	}
	return false;
}

/* Returns whether a member of an element is sent. */
static bool
has_value(const BcdField *field, const JsonbValue *value)
{
	if (value->type == jbvNull)
		return (field->flags & BCD_F_NULLABLE) != 0;
	return !(field->flags & BCD_F_FILLED) || value->type != jbvString || value->val.string.len > 0;
}

/*
 * Checks one element of an array of records, and adds it to a copy of the array.
 * Nulls are left out, as those of a row are.
 */
static char *
check_element(const BcdRecords *records, JsonbContainer *element, JsonbParseState **state)
{
	JsonbIterator *it = JsonbIteratorInit(element);
	JsonbIteratorToken token;
	JsonbValue	key = {0};
	JsonbValue	value;
	const BcdField *field = NULL;
	char	   *message;

	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			key = value;
			field = bcd_records_field(records, pnstrdup(key.val.string.val, key.val.string.len));
			if (field == NULL)
				return psprintf("there is no field \"%.*s\"", key.val.string.len, key.val.string.val);
		}
		else if (token == WJB_VALUE && field && has_value(field, &value))
		{
			if ((message = bcd_payload_normalize(field, &value)) != NULL)
				return message;
			(void) pushJsonbValue(state, WJB_KEY, &key);
			(void) pushJsonbValue(state, WJB_VALUE, &value);
		}
	}
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
	return bcd_element_flaw(records, element);
}

/* Checks an object with known members, and replaces it by what the store keeps. */
static char *
check_object(const BcdField *field, JsonbValue *value)
{
	JsonbParseState *state = NULL;
	char	   *message;
	Jsonb	   *checked;

	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	message = check_element(field->records, value->val.binary.data, &state);
	if (message)
		return psprintf("%s: %s", field->name, message);
	checked = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	*value = *getIthJsonbValueFromContainer(&checked->root, 0);
	return NULL;
}

/*
 * Checks an element that the row gives as a mere id, and adds it as an object
 * to a copy of the array.
 */
static char *
check_bare(const BcdRecords *records, JsonbValue *id, JsonbParseState **state)
{
	JsonbValue	element;
	char	   *message = bcd_payload_normalize(records->fields, id);

	if (message)
		return message;
	bcd_jsonb_value(bcd_payload_set(NULL, records->fields->name, id), &element);
	(void) pushJsonbValue(state, WJB_ELEM, &element);
	return NULL;
}

/* Checks an array of records, and replaces it by what the store keeps. */
static char *
check_records(const BcdField *field, JsonbValue *value)
{
	JsonbContainer *array = value->val.binary.data;
	JsonbParseState *state = NULL;
	char	   *message = check_array(field, value);
	Jsonb	   *checked;
	uint32		i;

	if (message)
		return message;
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < JsonContainerSize(array); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		message = field->records->bare ? check_bare(field->records, element, &state) :
			check_element(field->records, element->val.binary.data, &state);
		if (message)
			return psprintf("%s: element %u: %s", field->name, i + 1, message);
	}
	checked = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	bcd_jsonb_value(checked, value);
	return bcd_elements_flaw(field, checked);
}

/*
 * Checks a value against its field, and converts it to the form that the store
 * keeps.
 *
 * Returns NULL, or a message that names the field, the value and the limit.
 */
char *
bcd_payload_normalize(const BcdField *field, JsonbValue *value)
{
	if (value->type == jbvNull)
		return (field->flags & BCD_F_NULLABLE) ? NULL :
			psprintf("%s: null is not allowed", field->name);
	if (!type_fits(field->type, value))
		return psprintf("%s: %s is not %s", field->name, bcd_value_quoted(value), type_words(field));
	switch (field->type)
	{
		case BCD_STRING:
			return check_string(field, value);
		case BCD_NUMBER:
		case BCD_INTEGER:
			return check_number(field, value);
		case BCD_INTEGERS:
		case BCD_STRINGS:
			return check_array(field, value);
		case BCD_RECORDS:
			if (field->flags & BCD_F_CHOICES)
			{
				char	   *message = check_array(field, value);

				return message ? message : bcd_choices_normalize(field, value);
			}
			return check_records(field, value);
		case BCD_DATETIME:
			return check_instant(field, value);
		case BCD_OBJECT:
			return field->records ? check_object(field, value) : NULL;
		default:
			return NULL;
	}
}
