/*
 * form_field.c
 *		Form fields of customers and of their addresses: customers.v3.yml.
 *
 * Only the control panel of the store defines which there are. An update leaves
 * those alone that it does not name, as far as is known.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/resource.h"

static const BcdField form_field_fields[] = {
	FREE_TEXT("name", BCD_F_REQUIRED),
	{"value", BCD_ANY, 0, -1, -1, BCD_F_REQUIRED},
};

const BcdRecords bcd_form_field = {BCD_FIELDS(form_field_fields),.key = BCD_LIST("name")};
