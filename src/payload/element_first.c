/*
 * element_first.c
 *		With which fields a new element of an array of records is sent.
 */
#include "postgres.h"

#include "base/compat.h"
#include "payload/element_first.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Does an element have a value of another field that makes a demand? */
bool
bcd_demand_holds(const BcdDemand *demand, JsonbContainer *element)
{
	JsonbValue	value;

	return getKeyJsonValueFromContainer(element, demand->field, strlen(demand->field), &value) != NULL &&
		strcmp(bcd_value_text(&value), demand->value) == 0;
}

static Jsonb *below_at_first(const BcdField *field, Jsonb *element);

static bool
is_sent_at_first(const char *name, JsonbValue *value, void *records)
{
	const BcdField *field = bcd_records_field(records, name);

	return field == NULL || (field->flags & BCD_F_LATER) == 0;
}

/*
 * Returns the fields with which a new element is sent; the others follow when it
 * exists.
 */
Jsonb *
bcd_element_at_first(const BcdRecords *records, Jsonb *element)
{
	const BcdDemand *demand;
	int			i;

	element = bcd_payload_filter(element, is_sent_at_first, (void *) records);
	for (demand = records->demands; demand && demand->field; demand++)
		if (demand->later && bcd_demand_holds(demand, &element->root))
			element = bcd_payload_set_collection(element, demand->other, NULL);
	for (i = 0; i < records->nfields; i++)
		element = below_at_first(&records->fields[i], element);
	return element;
}

/* The same for a field that is an object, or consists of elements. */
static Jsonb *
below_at_first(const BcdField *field, Jsonb *element)
{
	JsonbParseState *state = NULL;
	JsonbValue	value;
	BcdSide		side;
	int			i;

	if (field->records == NULL || field->flags & BCD_F_CHOICES ||
		getKeyJsonValueFromContainer(&element->root, field->name, strlen(field->name), &value) == NULL || value.type != jbvBinary)
		return element;
	if (field->type == BCD_OBJECT)
	{
		Jsonb	   *object = bcd_element_at_first(field->records, JsonbValueToJsonb(&value));

		/* nothing is left of it */
		if (bcd_payload_count(object) == 0)
			return bcd_payload_set_collection(element, field->name, NULL);
		bcd_jsonb_value(object, &value);
		return bcd_payload_set(element, field->name, &value);
	}
	bcd_side_of(&side, field->records, JsonbValueToJsonb(&value));
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < side.n; i++)
	{
		bcd_jsonb_value(bcd_element_at_first(field->records, side.elements[i]), &value);
		(void) pushJsonbValue(&state, WJB_ELEM, &value);
	}
	return bcd_payload_set_collection(element, field->name, JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL)));
}
