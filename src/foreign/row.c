/*
 * row.c
 *		Makes rows of records.
 *
 * A value goes through the input function of its column's type, whatever that
 * is: people may give a column another type than IMPORT FOREIGN SCHEMA did. An
 * error names the column and the record.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "foreign/page.h"
#include "foreign/row.h"

/* Prepares to read the wanted columns, in the current memory context. */
BcdRowReader *
bcd_row_reader(const BcdTable *table, TupleDesc desc, const Bitmapset *wanted)
{
	BcdRowReader *reader = palloc0(sizeof(BcdRowReader));
	int			i;

	reader->table = table;
	reader->desc = desc;
	reader->wanted = wanted;
	reader->input = palloc0(sizeof(FmgrInfo) * desc->natts);
	reader->ioparam = palloc0(sizeof(Oid) * desc->natts);
	reader->element = palloc0(sizeof(Oid) * desc->natts);
	for (i = 0; i < desc->natts; i++)
	{
		Oid			type = TupleDescAttr(desc, i)->atttypid;
		Oid			input;

		if (!bms_is_member(i + 1, wanted))
			continue;
		reader->element[i] = get_element_type(getBaseType(type));
		if (OidIsValid(reader->element[i]))
			type = reader->element[i];
		getTypeInputInfo(type, &input, &reader->ioparam[i]);
		fmgr_info(input, &reader->input[i]);
	}
	return reader;
}

static void
in_column(void *arg)
{
	BcdRowReader *reader = arg;

	if (reader->attnum > 0)
		errcontext("column \"%s\" of foreign table \"%s\", record " INT64_FORMAT,
				   NameStr(TupleDescAttr(reader->desc, reader->attnum - 1)->attname),
				   reader->table->name, reader->id);
}

/* The text of a value, as an input function expects it */
static char *
value_text(JsonbValue *value)
{
	switch (value->type)
	{
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			return JsonbToCString(NULL, value->val.binary.data, value->val.binary.len);
	}
}

static Datum
read_array(BcdRowReader *reader, int i, JsonbValue *value)
{
	JsonbContainer *list = value->val.binary.data;
	Oid			type = reader->element[i];
	int			n = JsonContainerSize(list);
	Datum	   *elements = palloc(sizeof(Datum) * Max(n, 1));
	bool	   *nulls = palloc0(sizeof(bool) * Max(n, 1));
	int			lower = 1;
	int16		len;
	bool		byval;
	char		align;
	int			k;

	for (k = 0; k < n; k++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(list, k);

		nulls[k] = element->type == jbvNull;
		elements[k] = InputFunctionCall(&reader->input[i], nulls[k] ? NULL : value_text(element),
										reader->ioparam[i], TupleDescAttr(reader->desc, i)->atttypmod);
	}
	get_typlenbyvalalign(type, &len, &byval, &align);
	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower, type, len, byval, align));
}

/* Dates that are not set may be empty texts. */
static bool
is_no_date(Oid type, const JsonbValue *value)
{
	return value->type == jbvString && value->val.string.len == 0 &&
		(type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID);
}

static Datum
read_value(BcdRowReader *reader, int i, JsonbValue *value)
{
	Form_pg_attribute attribute = TupleDescAttr(reader->desc, i);

	if (attribute->atttypid == JSONBOID)
		return JsonbPGetDatum(JsonbValueToJsonb(value));
	/* a text by itself would not be JSON */
	if (getBaseType(attribute->atttypid) == JSONOID || getBaseType(attribute->atttypid) == JSONBOID)
	{
		Jsonb	   *json = JsonbValueToJsonb(value);

		return InputFunctionCall(&reader->input[i], JsonbToCString(NULL, &json->root, VARSIZE(json)),
								 reader->ioparam[i], attribute->atttypmod);
	}
	if (attribute->atttypid == NUMERICOID && attribute->atttypmod < 0 && value->type == jbvNumeric)
		return NumericGetDatum(value->val.numeric);
	if (OidIsValid(reader->element[i]) && value->type == jbvBinary && JsonContainerIsArray(value->val.binary.data))
		return read_array(reader, i, value);
	if (OidIsValid(reader->element[i]))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
				 errmsg("the store has returned no array")));
	return InputFunctionCall(&reader->input[i], value_text(value), reader->ioparam[i], attribute->atttypmod);
}

static void
read_columns(BcdRowReader *reader, JsonbValue *record, Datum *values, bool *nulls)
{
	const BcdTable *table = reader->table;
	int			i;

	for (i = 0; i < reader->desc->natts; i++)
	{
		const BcdColumn *column = &table->columns[i];
		JsonbValue *value = NULL;

		nulls[i] = true;
		values[i] = (Datum) 0;
		if (!bms_is_member(i + 1, reader->wanted))
			continue;
		reader->attnum = i + 1;
		value = column->is_raw ? record : bcd_record_field(record->val.binary.data, table->resource, column->name);
		if (value && value->type != jbvNull && !is_no_date(column->type, value))
		{
			values[i] = read_value(reader, i, value);
			nulls[i] = false;
		}
	}
	reader->attnum = 0;
}

/* Makes a row of a record, in the current memory context. */
void
bcd_row_read(BcdRowReader *reader, JsonbValue *record, Datum *values, bool *nulls)
{
	ErrorContextCallback callback = {error_context_stack, in_column, reader};

	if (!bcd_record_id(record->val.binary.data, reader->table->resource, &reader->id))
		reader->id = 0;
	error_context_stack = &callback;
	read_columns(reader, record, values, nulls);
	error_context_stack = callback.previous;
}
