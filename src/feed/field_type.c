/*
 * field_type.c
 *		Can an expression of some SQL type ever fit an API field?
 *
 * The value goes through to_jsonb(), so the JSON type of the result counts;
 * see json_categorize_type() in PostgreSQL. Conditions that depend on the
 * value are left to the check of each row's payload.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "feed/mapping.h"

/* The type of a field as a row has it: a collection may be a set of ids. */
static BcdType
type_in_row(const BcdField *field)
{
	return field->records && field->records->bare ? BCD_INTEGERS : field->type;
}

/* The JSON type that to_jsonb() produces for a type */
typedef enum Shape
{
	SHAPE_ANY,					/* known only for each value */
	SHAPE_TEXT,
	SHAPE_BYTES,				/* also a string, but of hexadecimal digits */
	SHAPE_DATE,
	SHAPE_NUMBER,
	SHAPE_BOOLEAN,
	SHAPE_ARRAY,
	SHAPE_OBJECT
} Shape;

static Shape
shape_of(Oid type)
{
	char		category;
	bool		preferred;

	type = getBaseType(type);
	switch (type)
	{
		case JSONOID:
		case JSONBOID:
			return SHAPE_ANY;
		case BOOLOID:
			return SHAPE_BOOLEAN;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return SHAPE_NUMBER;
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return SHAPE_DATE;
		case BYTEAOID:
			return SHAPE_BYTES;
	}
	if (type_is_array(type))
		return SHAPE_ARRAY;
	if (type_is_rowtype(type))
		return SHAPE_OBJECT;
	/* types of extensions may have casts to json, hstore for one */
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_USER && type >= FirstNormalObjectId ? SHAPE_ANY : SHAPE_TEXT;
}

static bool
is_string_type(Oid type)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(getBaseType(type), &category, &preferred);
	return category == TYPCATEGORY_STRING;
}

static bool
fits(const BcdField *field, Oid type)
{
	Shape		shape = shape_of(type);
	Shape		element = SHAPE_ANY;

	if (shape == SHAPE_ANY)
		return true;
	if (shape == SHAPE_ARRAY)
		element = shape_of(get_base_element_type(type));
	switch (type_in_row(field))
	{
		case BCD_STRING:
			return shape == SHAPE_TEXT || shape == SHAPE_DATE;
		case BCD_NUMBER:
		case BCD_INTEGER:
			return shape == SHAPE_NUMBER;
		case BCD_BOOLEAN:
			return shape == SHAPE_BOOLEAN;
		case BCD_DATETIME:
			return shape == SHAPE_DATE || is_string_type(type);
		case BCD_INTEGERS:
			return shape == SHAPE_ARRAY && (element == SHAPE_NUMBER || element == SHAPE_ANY);
		case BCD_STRINGS:
			return shape == SHAPE_ARRAY && (element == SHAPE_TEXT || element == SHAPE_DATE ||
											element == SHAPE_ANY);
		case BCD_OBJECT:
			return shape == SHAPE_OBJECT;
		case BCD_ANY:
			return true;
		case BCD_RECORDS:
			return shape == SHAPE_ARRAY && (element == SHAPE_OBJECT || element == SHAPE_ANY);
	}
	return false;
}

/* The types that would fit, for the object of "takes" */
static const char *
wanted(BcdType type)
{
	switch (type)
	{
		case BCD_STRING:
			return "text: convert it with (...)::text";
		case BCD_NUMBER:
			return "a number: convert it with (...)::numeric";
		case BCD_INTEGER:
			return "an integer: convert it with (...)::integer";
		case BCD_BOOLEAN:
			return "true or false: use (...)::boolean or a comparison";
		case BCD_DATETIME:
			return "a date, a timestamp or text in ISO format: convert it with (...)::timestamptz";
		case BCD_INTEGERS:
			return "an array of numbers: build one with ARRAY[...] or a sub-select ARRAY(SELECT ...), or use jsonb";
		case BCD_STRINGS:
			return "an array of strings: build one with string_to_array(..., ',') or a sub-select ARRAY(SELECT ...), or use jsonb";
		case BCD_OBJECT:
			return "an object: build one with jsonb_build_object('name', value, ...)";
		case BCD_ANY:
			return "a text, a number or an array of strings";
		case BCD_RECORDS:
			return "an array of objects: build one with jsonb_agg(jsonb_build_object('name', value, ...))";
	}
	return "";
}

/*
 * Returns NULL if values of this type may fit the field, else a sentence that
 * says what the field takes instead.
 */
char *
bcd_type_misfit(const BcdField *field, Oid type)
{
	if (fits(field, type))
		return NULL;
	if (field->type == BCD_STRING && shape_of(type) == SHAPE_BYTES)
		return psprintf("Field \"%s\" takes text: convert it with convert_from(..., 'UTF8').",
						field->name);
	return psprintf("Field \"%s\" takes %s.", field->name, wanted(type_in_row(field)));
}
