/*
 * table.c
 *		Foreign tables: the resource of each, and the fields of its columns.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "utils/rel.h"

#include "base/compat.h"
#include "foreign/table.h"

/* The API's name of a column: the option "field", or else its own */
static const char *
field_name(Oid relid, int attnum, const char *column)
{
	ListCell   *lc;

	foreach(lc, GetForeignColumnOptions(relid, attnum))
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "field") == 0)
			return defGetString(def);
	}
	return pstrdup(column);
}

static void
read_column(BcdTable *table, BcdColumn *column, Form_pg_attribute attribute)
{
	const BcdResource *r = table->resource;

	column->name = field_name(table->relid, attribute->attnum, NameStr(attribute->attname));
	column->type = attribute->atttypid;
	column->is_id = r->id && strcmp(column->name, r->id) == 0;
	column->field = bcd_resource_field(r, column->name);
	if (column->field == NULL)
		column->field = bcd_resource_shown(r, column->name);
	/* the column would always be null */
	if (column->field && !bcd_resource_shows(r, column->field))
		column->field = NULL;
	column->is_raw = !column->is_id && column->field == NULL && strcmp(column->name, "raw") == 0;
	if (column->is_id || column->is_raw || column->field)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
			 errmsg("column \"%s\" of foreign table \"%s\" is not a field that the store returns of resource %s", NameStr(attribute->attname), table->name, r->name),
			 errhint("IMPORT FOREIGN SCHEMA makes tables with the fields that there are. Its option \"field\" names the field of a column with another name; a column \"raw\" of type jsonb has all that the store returns.")));
}

static void
read_options(BcdTable *table, const ForeignTable *ft)
{
	ListCell   *lc;

	table->page = BCD_PAGE_LIMIT;
	foreach(lc, ft->options)
	{
		DefElem    *def = lfirst_node(DefElem, lc);

		if (strcmp(def->defname, "resource") == 0)
			table->resource = bcd_resource_find(defGetString(def));
		else if (strcmp(def->defname, "page") == 0)
			table->page = atoi(defGetString(def));
		else if (strcmp(def->defname, "max_calls") == 0)
			table->max_calls = atoi(defGetString(def));
	}
	if (table->resource == NULL || table->resource->list.endpoint == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("foreign table \"%s\" has no resource that can be listed", table->name),
				 errhint("Set its option \"resource\", or make it with IMPORT FOREIGN SCHEMA.")));
	table->page = Min(table->page, table->resource->list.endpoint->batch);
}

/* Describes a foreign table, in the current memory context. */
BcdTable *
bcd_foreign_table(Oid relid)
{
	BcdTable   *table = palloc0(sizeof(BcdTable));
	ForeignTable *ft = GetForeignTable(relid);
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	int			i;

	table->relid = relid;
	table->serverid = ft->serverid;
	table->name = pstrdup(RelationGetRelationName(rel));
	read_options(table, ft);
	table->ncolumns = desc->natts;
	table->columns = palloc0(sizeof(BcdColumn) * desc->natts);
	for (i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped && TupleDescAttr(desc, i)->attgenerated != ATTRIBUTE_GENERATED_VIRTUAL)
			read_column(table, &table->columns[i], TupleDescAttr(desc, i));
	table_close(rel, NoLock);
	return table;
}

/* The column with an attribute number, or NULL */
const BcdColumn *
bcd_table_column(const BcdTable *table, int attnum)
{
	return attnum > 0 && attnum <= table->ncolumns ? &table->columns[attnum - 1] : NULL;
}

/*
 * Is the column of the type that IMPORT FOREIGN SCHEMA gives it?  Of others it
 * is not known whether what they call equal is so for the store.
 */
bool
bcd_column_is_plain(const BcdColumn *column)
{
	if (column->is_id)
		return column->type == INT8OID || column->type == INT4OID;
	if (column->field == NULL)
		return false;
	switch (column->field->type)
	{
		case BCD_STRING:
			return column->type == TEXTOID;
		case BCD_INTEGER:
			return column->type == INT8OID || column->type == INT4OID;
		case BCD_BOOLEAN:
			return column->type == BOOLOID;
		case BCD_DATETIME:
			return column->type == TIMESTAMPTZOID;
		default:
			return false;
	}
}
