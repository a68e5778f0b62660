/*
 * compare.c
 *		The text of a query that shows a feed's rows beside their records.
 *
 * People read it, change it and make views of it, so it is plain SQL: the
 * source with the mapping's expressions, the links, and the store's foreign
 * table. Values are compared as far as SQL can do what verify does.
 */
#include "postgres.h"

#include "access/table.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/one_line.h"
#include "feed/feed.h"
#include "feed/mapping_types.h"
#include "foreign/columns.h"
#include "foreign/compare.h"
#include "foreign/compare_value.h"
#include "foreign/find_table.h"
#include "foreign/table.h"
#include "resource/resource.h"

/* A field that the mapping sends and the table has */
typedef struct Field
{
	const BcdField *field;
	char	   *expression;		/* over the source, in the type of the column */
	char	   *column;			/* of the foreign table, quoted */
	char	   *differs;		/* condition, or NULL: it cannot be compared */
} Field;

typedef struct Comparison
{
	const BcdFeed *feed;
	const BcdTable *table;
	char	   *id;				/* column of the foreign table, quoted */
	List	   *fields;			/* Field */
	StringInfoData absent;		/* names of fields that the table lacks */
	StringInfoData unlike;		/* names of those that cannot be compared */
} Comparison;

static void
name(StringInfo names, const char *field)
{
	appendStringInfo(names, "%s%s", names->len > 0 ? ", " : "", field);
}

/* The column that shows a field (NULL: the id), quoted; NULL: there is none */
static char *
column_of(const BcdTable *table, const BcdField *field)
{
	int			i;

	for (i = 0; i < table->ncolumns; i++)
	{
		const BcdColumn *column = &table->columns[i];

		if (column->name && (field ? column->field == field : column->is_id))
			return pstrdup(quote_identifier(get_attname(table->relid, i + 1, false)));
	}
	return NULL;
}

/* A column as it would be compared if it had the type that the import gives it */
static char *
value_of(const BcdTable *table, const BcdField *field, const char *column)
{
	const char *type = bcd_foreign_sql_type(field->type);
	int			i;

	for (i = 0; i < table->ncolumns; i++)
		if (table->columns[i].field == field && table->columns[i].type != bcd_foreign_type(field->type))
			return psprintf("store.%s::%s", column, strchr(type, '.') + 1);
	return psprintf("store.%s", column);
}

static void
add_field(Comparison *c, const BcdFeedField *mapped, Oid type)
{
	Field	   *f = palloc0(sizeof(Field));

	f->field = mapped->field;
	f->column = bcd_resource_shows(c->feed->resource, f->field) ? column_of(c->table, f->field) : NULL;
	if (f->column == NULL)
	{
		name(&c->absent, f->field->name);
		return;
	}
	f->expression = bcd_compare_source(f->field, type, mapped->expression);
	f->differs = bcd_compare_differs(f->field, psprintf("source.%s", quote_identifier(f->field->name)),
									 value_of(c->table, f->field, f->column));
	if (f->differs == NULL)
		name(&c->unlike, f->field->name);
	c->fields = lappend(c->fields, f);
}

/* What a reader has to know, as comments */
static void
put_head(StringInfo out, const Comparison *c)
{
	/* a name may contain the end of a line, and what follows would be SQL */
	appendStringInfo(out, "-- Feed \"%s\" beside store \"%s\", field by field; made by bcdelta.compare().\n",
					 bcd_one_line(c->feed->name, NAMEDATALEN), bcd_one_line(c->feed->server, NAMEDATALEN));
	appendStringInfoString(out, "-- A field that is null in the source is not sent, so it is not compared.\n");
	if (c->absent.len > 0)
		appendStringInfo(out, "-- Not in the foreign table: %s.\n", c->absent.data);
	if (c->unlike.len > 0)
		appendStringInfo(out, "-- Shown, but not compared, as the store never returns them as they were sent: %s.\n", c->unlike.data);
}

static void
put_source(StringInfo out, const Comparison *c)
{
	ListCell   *lc;

	appendStringInfo(out, "WITH source AS (\n\tSELECT\n\t\t%s AS row_key", bcd_compare_key(c->feed));
	foreach(lc, c->fields)
	{
		const Field *f = lfirst(lc);

		appendStringInfo(out, ",\n\t\t%s AS %s", f->expression, quote_identifier(f->field->name));
	}
	appendStringInfo(out, "\n\tFROM %s\n", bcd_feed_from(c->feed));
	if (c->feed->filter)
		appendStringInfo(out, "\tWHERE %s\n", bcd_compare_wrapped(c->feed->filter));
	appendStringInfo(out, "), link AS (\n\tSELECT key AS row_key, store_id\n\tFROM bcdelta.link\n\tWHERE feed = %s\n)\n",
					 quote_literal_cstr(c->feed->name));
}

static void
put_columns(StringInfo out, const Comparison *c)
{
	ListCell   *lc;

	appendStringInfo(out,
					 "SELECT\n"
					 "\tcoalesce(source.row_key, link.row_key) AS key,\n"
					 "\tlink.store_id,\n"
					 "\tCASE\n"
					 "\t\tWHEN source.row_key IS NULL THEN 'missing_in_source'\n"
					 "\t\tWHEN store.%s IS NULL THEN 'missing_in_store'\n"
					 "\t\tWHEN found.differing <> '{}' THEN 'different'\n"
					 "\t\tELSE 'same'\n"
					 "\tEND AS verdict,\n"
					 "\tfound.differing",
					 c->id);
	foreach(lc, c->fields)
	{
		const Field *f = lfirst(lc);

		appendStringInfo(out, ",\n\tsource.%s AS %s,\n\tstore.%s AS %s",
						 quote_identifier(f->field->name), quote_identifier(psprintf("source_%s", f->field->name)),
						 f->column, quote_identifier(psprintf("store_%s", f->field->name)));
	}
}

static void
put_joins(StringInfo out, const Comparison *c)
{
	const char *separator = "";
	ListCell   *lc;

	appendStringInfo(out,
					 "\nFROM source\n"
					 "\tFULL JOIN link ON link.row_key = source.row_key\n"
					 "\tLEFT JOIN %s AS store ON store.%s = link.store_id\n"
					 "\tLEFT JOIN LATERAL (\n"
					 "\t\tSELECT array_remove(ARRAY[",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(c->table->relid)),
												get_rel_name(c->table->relid)),
					 c->id);
	foreach(lc, c->fields)
	{
		const Field *f = lfirst(lc);

		if (f->differs == NULL)
			continue;
		appendStringInfo(out, "%s\n\t\t\tCASE WHEN %s THEN %s END", separator, f->differs, quote_literal_cstr(f->field->name));
		separator = ",";
	}
	appendStringInfo(out, "\n\t\t]::text[], NULL) AS differing\n\t\tWHERE source.row_key IS NOT NULL AND store.%s IS NOT NULL\n\t) AS found ON true", c->id);
}

/*
 * Returns the query for a feed whose mapping has been checked.  Raises an error
 * if the user has no foreign table of its resource.
 */
char *
bcd_foreign_compare(const BcdFeed *feed, Oid serverid, Oid userid)
{
	Oid		   *types = bcd_mapping_types(feed);
	Comparison	c = {feed};
	Oid			relid = bcd_find_foreign_table(serverid, feed->resource, userid);
	StringInfoData out;
	int			i;

	/*
	 * nobody alters or drops it while it is read, and before the transaction
	 * ends
	 */
	table_close(table_open(relid, AccessShareLock), NoLock);
	c.table = bcd_foreign_table(relid);
	c.id = column_of(c.table, NULL);
	if (c.id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("foreign table \"%s\" has no column for the id of records", c.table->name),
				 errhint("Add a column of type bigint with the option field '%s'.", feed->resource->id)));
	initStringInfo(&c.absent);
	initStringInfo(&c.unlike);
	for (i = 0; i < feed->nfields; i++)
		add_field(&c, &feed->fields[i], types[i]);
	initStringInfo(&out);
	put_head(&out, &c);
	put_source(&out, &c);
	put_columns(&out, &c);
	put_joins(&out, &c);
	return out.data;
}
