/*
 * choices.c
 *		A record's choice for each option of its parent, such as the size and
 *		the color of a variant.
 *
 * A row gives names, [{"option_display_name": "Size", "label": "M"}].  In a
 * payload, choices are sorted by the names of their options and have no other
 * members, so that payloads can be compared directly.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "payload/choices.h"
#include "payload/payload.h"

#define MOST_CHARACTERS	255

typedef struct Choice
{
	char	   *name;
	char	   *label;
	char	   *folded;			/* name */
} Choice;

static int
compare_choices(const void *a, const void *b)
{
	return strcmp(((const Choice *) a)->folded, ((const Choice *) b)->folded);
}

static JsonbValue *
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = (char *) text;
	v.val.string.len = strlen(text);
	return pushJsonbValue(state, token, &v);
}

/* Sorts the choices, and returns them as a jsonb array. */
static Jsonb *
array_of(Choice *choices, int n)
{
	JsonbParseState *state = NULL;
	int			i;

	qsort(choices, n, sizeof(Choice), compare_choices);
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < n; i++)
	{
		(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
		(void) push_text(&state, WJB_KEY, BCD_CHOICE_NAME);
		(void) push_text(&state, WJB_VALUE, choices[i].name);
		(void) push_text(&state, WJB_KEY, BCD_CHOICE_LABEL);
		(void) push_text(&state, WJB_VALUE, choices[i].label);
		(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Reads a member of an element, trimmed; a number counts as its text.  Returns
 * why it cannot be used, or NULL.
 */
static char *
read_member(const BcdField *field, int nth, JsonbContainer *element, const char *name, char **text)
{
	JsonbValue	v;
	const char *at;
	int			characters = 0;

	if (getKeyJsonValueFromContainer(element, name, strlen(name), &v) == NULL ||
		(v.type != jbvString && v.type != jbvNumeric))
		return psprintf("%s: element %d of the array has no %s that is a string", field->name, nth, name);
	*text = bcd_trimmed(bcd_value_text(&v));
	if (!pg_verify_mbstr(PG_UTF8, *text, strlen(*text), true))
		return psprintf("%s: the %s of element %d is not valid UTF-8", field->name, name, nth);
	for (at = *text; *at; at++)
		characters += ((unsigned char) *at & 0xC0) != 0x80;
	if (characters == 0 || characters > MOST_CHARACTERS)
		return psprintf("%s: the %s of element %d has %d characters; from 1 to %d are allowed",
						field->name, name, nth, characters, MOST_CHARACTERS);
	return NULL;
}

static char *
check_members(const BcdField *field, int nth, JsonbContainer *element)
{
	JsonbIterator *it = JsonbIteratorInit(element);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(v.val.string.val, v.val.string.len);

			if (strcmp(name, BCD_CHOICE_NAME) != 0 && strcmp(name, BCD_CHOICE_LABEL) != 0)
				return psprintf("%s: element %d of the array has \"%s\"; only %s and %s are allowed",
								field->name, nth, name, BCD_CHOICE_NAME, BCD_CHOICE_LABEL);
		}
	return NULL;
}

/*
 * Checks the choices of a row, and sorts them.  Returns NULL, or a message
 * that names the field and the element.
 */
char *
bcd_choices_normalize(const BcdField *field, JsonbValue *value)
{
	JsonbContainer *array = value->val.binary.data;
	int			n = JsonContainerSize(array);
	Choice	   *choices = palloc(sizeof(Choice) * Max(n, 1));
	char	   *flaw;
	int			i;

	for (i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
			return psprintf("%s: element %d of the array is not an object", field->name, i + 1);
		if ((flaw = check_members(field, i + 1, element->val.binary.data)) != NULL ||
			(flaw = read_member(field, i + 1, element->val.binary.data, BCD_CHOICE_NAME, &choices[i].name)) != NULL ||
			(flaw = read_member(field, i + 1, element->val.binary.data, BCD_CHOICE_LABEL, &choices[i].label)) != NULL)
			return flaw;
		choices[i].folded = bcd_folded(choices[i].name);
	}
	bcd_jsonb_value(array_of(choices, n), value);
	for (i = 1; i < n; i++)
		if (strcmp(choices[i].folded, choices[i - 1].folded) == 0)
			return psprintf("%s: option \"%s\" occurs twice", field->name, choices[i].name);
	return NULL;
}

/* Sets a field of a payload to the choices of a record in the store. */
Jsonb *
bcd_choices_set(Jsonb *payload, const char *field, const cJSON *got)
{
	int			n = cJSON_IsArray(got) ? cJSON_GetArraySize(got) : 0;
	Choice	   *choices = palloc(sizeof(Choice) * Max(n, 1));
	const cJSON *element;
	JsonbValue	v;

	n = 0;
	cJSON_ArrayForEach(element, got)
	{
		char	   *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(element, BCD_CHOICE_NAME));
		char	   *label = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(element, BCD_CHOICE_LABEL));

		if (name && label)
			choices[n++] = (Choice)
		{
			bcd_trimmed(name), bcd_trimmed(label), bcd_folded(name)
		};
	}
	bcd_jsonb_value(array_of(choices, n), &v);
	return bcd_payload_set(payload, field, &v);
}
