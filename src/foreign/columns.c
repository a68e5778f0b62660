/*
 * columns.c
 *		The columns of foreign tables, and what is said of them.
 *
 * They follow from the descriptor of the resource: the id, every field that the
 * store shows in its list, in the order of their names, and the whole record.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"

#include "foreign/columns.h"
#include "resource/filter.h"
#include "resource/resource.h"

static List *
add(List *columns, const char *name, BcdType type, const BcdField *field)
{
	BcdForeignColumn *column = palloc(sizeof(BcdForeignColumn));

	column->name = name;
	column->type = type;
	column->field = field;
	return lappend(columns, column);
}

/* The columns of a resource that can be listed: BcdForeignColumn, palloc'd. */
List *
bcd_foreign_columns(const BcdResource *resource)
{
	List	   *columns = add(NIL, resource->id, BCD_INTEGER, NULL);
	int			written = 0;
	int			read = 0;

	while (written < resource->nfields || read < resource->nshown)
	{
		const BcdField *field;

		if (read == resource->nshown ||
			(written < resource->nfields && strcmp(resource->fields[written].name, resource->shown[read].name) < 0))
			field = &resource->fields[written++];
		else
			field = &resource->shown[read++];
		if (bcd_resource_shows(resource, field))
			columns = add(columns, field->name, field->type, field);
	}
	return add(columns, BCD_COLUMN_RAW, BCD_OBJECT, NULL);
}

/* The SQL type of values, which no other type of this name can replace */
const char *
bcd_foreign_sql_type(BcdType type)
{
	switch (type)
	{
		case BCD_STRING:
			return "pg_catalog.text";
		case BCD_NUMBER:
			return "pg_catalog.numeric";
		case BCD_INTEGER:
			return "pg_catalog.int8";
		case BCD_BOOLEAN:
			return "pg_catalog.bool";
		case BCD_DATETIME:
			return "pg_catalog.timestamptz";
		case BCD_INTEGERS:
			return "pg_catalog.int8[]";
		case BCD_STRINGS:
			return "pg_catalog.text[]";
		case BCD_OBJECT:
		case BCD_ANY:
		case BCD_RECORDS:
			break;
	}
	return "pg_catalog.jsonb";
}

/* The same, as an OID */
Oid
bcd_foreign_type(BcdType type)
{
	switch (type)
	{
		case BCD_STRING:
			return TEXTOID;
		case BCD_NUMBER:
			return NUMERICOID;
		case BCD_INTEGER:
			return INT8OID;
		case BCD_BOOLEAN:
			return BOOLOID;
		case BCD_DATETIME:
			return TIMESTAMPTZOID;
		case BCD_INTEGERS:
			return get_array_type(INT8OID);
		case BCD_STRINGS:
			return get_array_type(TEXTOID);
		case BCD_OBJECT:
		case BCD_ANY:
		case BCD_RECORDS:
			break;
	}
	return JSONBOID;
}

/* What a table shows, for people; palloc'd */
char *
bcd_foreign_table_comment(const BcdResource *resource)
{
	return psprintf("records of the BigCommerce store, read as pages of up to %d by GET %s; read only: bcdelta.track() and bcdelta.push() write to the store",
					resource->list.endpoint->batch, resource->list.endpoint->path);
}

static void
say(StringInfo text, const char *what)
{
	appendStringInfo(text, "%s%s", text->len > 0 ? "; " : "", what);
}

/* The operators whose conditions limit the request: "=, IN" */
static void
say_filters(StringInfo text, const BcdResource *resource, const char *field)
{
	static const char *const operators[] = {"=", "IN", ">=", "<=", ">", "<"};
	bool		known[lengthof(operators)] = {false};
	StringInfoData found;
	const BcdFilter *filter;
	int			i;

	StaticAssertStmt(BCD_BY_EQUAL == 0 && BCD_BY_LESS == lengthof(operators) - 1, "an operator for each kind of filter");
	initStringInfo(&found);
	for (filter = resource->filters; filter && filter->field; filter++)
		if (strcmp(filter->field, field) == 0)
		{
			known[filter->by] = true;
			/* a list of one */
			known[BCD_BY_EQUAL] |= filter->by == BCD_BY_IN;
		}
	for (i = 0; i < lengthof(operators); i++)
		if (known[i])
			appendStringInfo(&found, "%s%s", found.len > 0 ? ", " : "", operators[i]);
	if (found.len > 0)
		say(text, psprintf("conditions with %s are evaluated by the store", found.data));
}

static void
say_field(StringInfo text, const BcdResource *resource, const BcdField *field)
{
	const BcdIncluded *part = bcd_resource_part(resource, field->name);
	StringInfoData values;
	int			i;

	if (field->refers_to)
		say(text, psprintf("refers to %s", field->refers_to));
	if (field->values)
	{
		initStringInfo(&values);
		for (i = 0; field->values[i]; i++)
			appendStringInfo(&values, "%s%s", i > 0 ? ", " : "", field->values[i]);
		say(text, psprintf("one of: %s", values.data));
	}
	if (bcd_resource_field(resource, field->name) != field)
		say(text, "set by the store alone");
	else if (field->flags & BCD_F_WRITE_ONLY)
		say(text, "as the store has it, which may differ from what was sent");
	if (part && part->page)
		say(text, psprintf("read only if a query uses it, as pages of up to %d records", part->page));
	else if (part)
		say(text, "read only if a query uses it");
	else if (field->flags & BCD_F_UNLISTED && resource->list.endpoint->narrows)
		say(text, "whole records are read if a query uses it");
}

/* What a column shows, for people; palloc'd; NULL: there is nothing to say */
char *
bcd_foreign_column_comment(const BcdResource *resource, const BcdForeignColumn *column)
{
	StringInfoData text;

	initStringInfo(&text);
	if (column->field)
		say_field(&text, resource, column->field);
	else if (strcmp(column->name, BCD_COLUMN_RAW) == 0)
		say(&text, "the record as the store shows it; whole records are read if a query uses it");
	else
		say(&text, "the id that the store has given to the record");
	say_filters(&text, resource, column->name);
	return text.len > 0 ? text.data : NULL;
}
