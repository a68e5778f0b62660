/*
 * element_check.c
 *		What an element of an array of records must have, and what elements must
 *		not have together.
 */
#include "postgres.h"

#include "base/compat.h"
#include "payload/collection.h"
#include "payload/element_check.h"
#include "payload/element_first.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Returns what an element lacks because of the value of another field. */
static char *
check_demands(const BcdRecords *records, JsonbContainer *element)
{
	const BcdDemand *demand;
	JsonbValue	value;

	for (demand = records->demands; demand && demand->field; demand++)
		if (!demand->later && bcd_demand_holds(demand, element) &&
			(getKeyJsonValueFromContainer(element, demand->other, strlen(demand->other), &value) == NULL || value.type == jbvNull))
			return psprintf("%s: there is no value, and the API requires one if %s is \"%s\"",
							demand->other, demand->field, demand->value);
	return NULL;
}

/*
 * Returns why a member has a value although another one forbids that, or has
 * none although it demands one; or NULL.
 */
static char *
check_condition(const BcdField *field, JsonbContainer *element)
{
	JsonbValue	value;
	bool		present = getKeyJsonValueFromContainer(element, field->name, strlen(field->name), &value) != NULL && value.type != jbvNull;
	const char *word = field->equals ? field->equals : field->differs;
	bool		equal;

	if (getKeyJsonValueFromContainer(element, field->only_if, strlen(field->only_if), &value) == NULL || value.type != jbvString)
		return NULL;
	equal = value.val.string.len == (int) strlen(word) && memcmp(value.val.string.val, word, value.val.string.len) == 0;
	if (present == (field->equals ? equal : !equal))
		return NULL;
	return psprintf(present ? "%s: no value is allowed if %s is %s" : "%s: there is no value, and the API requires one if %s is %s",
					field->name, field->only_if, bcd_value_quoted(&value));
}

/* Returns what is wrong with the fields of an element, or NULL. */
char *
bcd_element_flaw(const BcdRecords *records, JsonbContainer *element)
{
	JsonbValue	value;
	char	   *message;
	int			i;

	for (i = 0; i < records->nfields; i++)
		if (records->fields[i].flags & BCD_F_REQUIRED &&
			(getKeyJsonValueFromContainer(element, records->fields[i].name, strlen(records->fields[i].name), &value) == NULL ||
			 value.type == jbvNull))
			return psprintf("%s: there is no value, and the API requires one", records->fields[i].name);
	for (i = 0; i < records->nfields; i++)
		if (records->fields[i].only_if && (message = check_condition(&records->fields[i], element)) != NULL)
			return message;
	return check_demands(records, element);
}

/* Returns the number of elements that have true in a field. */
static int
count_true(const BcdSide *side, const char *name)
{
	int			n = 0;
	int			i;

	for (i = 0; i < side->n; i++)
	{
		char	   *text = bcd_payload_text(side->elements[i], name);

		n += text && strcmp(text, "true") == 0;
	}
	return n;
}

/* Returns an element that has the unique text of an earlier one, *other, or -1. */
static int
unique_twin(const BcdSide *side, int *other)
{
	char	  **texts = palloc(sizeof(char *) * (side->n + 1));
	int			i;

	for (i = 0; side->records->unique && i < side->n; i++)
	{
		char	   *text = bcd_payload_text(side->elements[i], side->records->unique);

		texts[i] = text ? bcd_folded(text) : NULL;
		for (*other = 0; texts[i] && *other < i; (*other)++)
			if (texts[*other] && strcmp(texts[*other], texts[i]) == 0)
				return i;
	}
	return -1;
}

/* Returns what elements must not have together, or NULL. */
char *
bcd_elements_flaw(const BcdField *field, Jsonb *array)
{
	const BcdRecords *records = field->records;
	BcdSide		side;
	int			other;
	int			twin;
	int			i;

	bcd_side_of(&side, records, array);
	if (records->key[0] && (twin = bcd_side_twin(&side, &other)) >= 0)
	{
		JsonbValue	key;

		bcd_jsonb_value(bcd_element_key(records, side.elements[twin]), &key);
		return psprintf("%s: elements %d and %d are the same: %s", field->name, other + 1, twin + 1, bcd_value_quoted(&key));
	}
	if ((twin = unique_twin(&side, &other)) >= 0)
		return psprintf("%s: elements %d and %d have the same %s, \"%s\"", field->name, other + 1, twin + 1,
						records->unique, bcd_payload_text(side.elements[twin], records->unique));
	for (i = 0; i < records->nfields; i++)
		if (records->fields[i].flags & BCD_F_ONCE && count_true(&side, records->fields[i].name) > 1)
			return psprintf("%s: %s is true in %d elements, at most 1 is allowed", field->name,
							records->fields[i].name, count_true(&side, records->fields[i].name));
	return NULL;
}
