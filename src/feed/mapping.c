/*
 * mapping.c
 *		Checks a feed's mapping before anything is pushed through it.
 *
 * Each expression is parsed, analysed and planned by itself, as the feed's
 * owner with a search_path of pg_catalog, just as it will run. So an error can
 * name its field. The plan is executed for no row, which evaluates nothing but
 * checks the rights on every table and function in it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/columns.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping.h"
#include "feed/mapping_address.h"
#include "feed/mapping_advice.h"
#include "feed/mapping_guard.h"
#include "feed/mapping_reference.h"
#include "feed/named.h"
#include "resource/resource.h"

/* The text before an expression when it is parsed */
#define PREFIX "SELECT ("

/*
 * Returns the mapping to use if none is given: every column whose name is a
 * field of the resource.
 */
Jsonb *
bcd_mapping_default(Relation source, const BcdResource *resource)
{
	TupleDesc	desc = RelationGetDescr(source);
	JsonbParseState *state = NULL;
	Jsonb	   *mapping;
	int			i;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		JsonbValue	v;

		if (att->attisdropped || bcd_resource_field(resource, NameStr(att->attname)) == NULL)
			continue;
		v.type = jbvString;
		v.val.string.val = NameStr(att->attname);
		v.val.string.len = strlen(v.val.string.val);
		(void) pushJsonbValue(&state, WJB_KEY, &v);
		v.val.string.val = (char *) quote_identifier(NameStr(att->attname));
		v.val.string.len = strlen(v.val.string.val);
		(void) pushJsonbValue(&state, WJB_VALUE, &v);
	}
	mapping = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
	if (JB_ROOT_COUNT(mapping) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no column of table \"%s\" has the name of a field of resource %s",
						RelationGetRelationName(source), resource->name),
				 errdetail("The fields are: %s.", bcd_resource_field_names(resource)),
				 errhint("Pass fields => '{\"field\": \"expression\", ...}'.")));
	return mapping;
}

/* A row is found in the store by its natural key, so there must be one. */
static void
check_natural_key(const BcdFeed *feed)
{
	const char *name;
	int			i;
	StringInfoData names;

	if (feed->resource->id == NULL)
	{
		bcd_mapping_check_address(feed);
		return;
	}
	if (bcd_resource_made_key(feed->resource, NULL))
	{
		bcd_mapping_check_made_key(feed);
		return;
	}
	initStringInfo(&names);
	for (i = 0; (name = bcd_resource_key(feed->resource, i)) != NULL; i++)
	{
		if (bcd_feed_maps(feed, name))
			return;
		appendStringInfo(&names, "%s%s", names.len ? " or " : "", name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("feed \"%s\": the mapping lacks a natural key: %s", feed->name, names.data),
			 errdetail("Before a %s is created, it is looked up in the store by this key.",
					   feed->resource->name),
			 errhint("Add it to argument \"fields\".")));
}

/*
 * Without these fields, records can only be updated, not created: this may be
 * intended, for example in a feed of prices.
 */
static void
check_required(const BcdFeed *feed)
{
	const BcdResource *r = feed->resource;
	StringInfoData names;
	int			missing = 0;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < r->nfields; i++)
		if ((r->fields[i].flags & BCD_F_REQUIRED) && !bcd_feed_maps(feed, r->fields[i].name))
			appendStringInfo(&names, "%s%s", missing++ ? ", " : "", r->fields[i].name);
	if (missing > 0)
		ereport(NOTICE,
				(errmsg("feed \"%s\" updates records and creates none, because these fields are not mapped: %s",
						feed->name, names.data),
				 errhint("To create a %s, map them in argument \"fields\"; a constant is enough, as in {\"type\": \"'physical'\"}.", r->name)));
}

/*
 * Does this error concern the expression, so that its field should be named?
 */
static bool
is_expressions(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category != ERRCODE_OPERATOR_INTERVENTION &&
		category != ERRCODE_INSUFFICIENT_RESOURCES &&
		category != ERRCODE_SYSTEM_ERROR &&
		category != ERRCODE_INTERNAL_ERROR;
}

/* The hint for an error */
static char *
hint_for(const BcdFeed *feed, const ErrorData *error)
{
	switch (error->sqlerrcode)
	{
		case ERRCODE_UNDEFINED_FUNCTION:
			return "Check the types of the arguments, which may need casts; qualify functions and operators outside pg_catalog with their schema, as in public.my_function(...).";
		case ERRCODE_UNDEFINED_COLUMN:
			return error->hint ? error->hint :
				psprintf("The expression can use the columns of table %s; string constants must be single-quoted.",
						 bcd_feed_from(feed));
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_OBJECT:
			return error->hint ? error->hint :
				"Only pg_catalog is searched: qualify other tables and types with their schema, as in public.my_table.";
		case ERRCODE_INSUFFICIENT_PRIVILEGE:
			return psprintf("The expression runs with the rights of the feed's owner, role \"%s\".",
							GetUserNameFromId(feed->owner, true));
		default:
			return error->hint;
	}
}

/* The filter is checked like a field that is true or false. */
static const BcdField filter_field = {"filter", BCD_BOOLEAN, 0, -1, -1, 0, NULL, NULL};

/* So is option "modified", like a field that is a point in time. */
static const BcdField modified_field = {"modified", BCD_DATETIME, 0, -1, -1, 0, NULL, NULL};

static bool
is_field(const BcdFeedField *field)
{
	return field->field != &filter_field && field->field != &modified_field;
}

/* The name of an expression of the feed in messages */
static char *
expression_name(const BcdFeedField *field)
{
	return field->field == &filter_field ? pstrdup("filter") :
		field->field == &modified_field ? pstrdup("option \"modified\"") :
		psprintf("field \"%s\"", field->field->name);
}

/* Raises an error of PostgreSQL's again, now with the name of the field. */
static void
raise_for_field(const BcdFeed *feed, const BcdFeedField *field, ErrorData *error)
{
	int			position = error->cursorpos > 0 ? error->cursorpos : error->internalpos;
	char	   *message = error->message;
	char	   *hint = hint_for(feed, error);

	/* its position, from the beginning of the expression */
	position -= (int) strlen(PREFIX);
	if (position > pg_mbstrlen(field->expression))
	{
		/* the text at the end of input is ours */
		position = 0;
		if (error->sqlerrcode == ERRCODE_SYNTAX_ERROR)
			message = "syntax error at the end of the expression";
	}
	ereport(ERROR,
			(errcode(error->sqlerrcode),
			 errmsg("feed \"%s\", %s: %s", feed->name, expression_name(field), message),
			 error->detail ? errdetail_internal("%s", error->detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 internalerrquery(field->expression),
			 position > 0 ? internalerrposition(position) : 0));
}

static void
refuse(const char *what, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_GROUPING_ERROR),
			 errmsg("%s are not allowed in a mapping", what),
			 errhint("%s", hint)));
}

/* Checks the analysed expression. */
static void
check_query(const BcdFeed *feed, const BcdFeedField *field, Query *query)
{
	TargetEntry *target = linitial_node(TargetEntry, query->targetList);
	Oid			type = exprType((Node *) target->expr);
	char	   *misfit = bcd_type_misfit(field->field, type);

	if (query->hasAggs)
		refuse("aggregate functions of the source", "Write a sub-select: (SELECT sum(...) FROM ...).");
	if (query->hasWindowFuncs)
		refuse("window functions", "Write a sub-select.");
	if (query->hasTargetSRFs)
		refuse("set-returning functions", "Write a sub-select that combines them into an array or a single value: ARRAY(SELECT ...).");
	if (field->field == &modified_field && getBaseType(type) != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("an expression of type %s is not a point in time", format_type_be(type)),
				 errhint("It must have type timestamptz, for example: changed AT TIME ZONE 'Europe/Berlin'.")));
	if (misfit)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("an expression of type %s does not fit", format_type_be(type)),
				 field->field == &filter_field ? errhint("A filter is a condition.") :
				 errhint("%s", misfit)));
	if (field->field == &filter_field && bcd_mapping_has_reference((Node *) query))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("bcdelta.ref() and bcdelta.named() are not allowed in a filter"),
				 errdetail("Whether a row belongs in the store must not depend on what is already there.")));
	if (field->field == &modified_field && bcd_mapping_has_reference((Node *) query))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("bcdelta.ref() and bcdelta.named() are not allowed here")));
	bcd_mapping_check_references(feed, (Node *) query);
}

/* The values of an enumerated field, for a hint */
static char *
allowed_values(const BcdField *field)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; field->values[i]; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", field->values[i]);
	return names.data;
}

/* A constant with which no row could be sent is a mistake in the mapping. */
static void
check_constant(const BcdFeedField *field, Query *query)
{
	char	   *flaw = bcd_constant_flaw(field, query);
	size_t		name = strlen(field->field->name) + strlen(": ");

	if (flaw)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
		/* it begins with the name of the field */
				 errmsg("%s", strlen(flaw) > name ? flaw + name : flaw),
				 field->field->values ?
				 errhint("The values are: %s.", allowed_values(field->field)) : 0));
}

/* Parses, analyses and plans one expression, and checks the rights. */
static void
check_field(const BcdFeed *feed, const BcdFeedField *field)
{
	char	   *sql = psprintf(PREFIX "%s\n) FROM %s WHERE false", field->expression,
							   bcd_feed_from(feed));
	SPIPlanPtr	plan;
	CachedPlanSource *source;

	if (strspn(field->expression, " \t\r\n") == strlen(field->expression))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the expression is empty"),
				 !is_field(field) ? 0 :
				 errhint("Omit the field if it should not be sent.")));
	bcd_expression_check(field->expression, "this");
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	check_query(feed, field, linitial_node(Query, source->query_list));
	if (SPI_execute_plan(plan, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", sql);
	SPI_freetuptable(SPI_tuptable);
	if (is_field(field))
		check_constant(field, linitial_node(Query, source->query_list));
	SPI_freeplan(plan);
}

/* Checks the rights to read the key columns as well. */
static void
check_key(const BcdFeed *feed)
{
	char	   *sql = psprintf("SELECT %s FROM %s WHERE false", bcd_key_columns(feed), bcd_feed_from(feed));
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
			elog(ERROR, "could not execute \"%s\"", sql);
		SPI_freetuptable(SPI_tuptable);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		if (error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
			PG_RE_THROW();
		FlushErrorState();
		ereport(ERROR,
				(errcode(error->sqlerrcode),
				 errmsg("feed \"%s\": %s", feed->name, error->message),
				 errhint("The source is read with the rights of the feed's owner, role \"%s\".",
						 GetUserNameFromId(feed->owner, true))));
	}
	PG_END_TRY();
}

static void
check_field_by_name(const BcdFeed *feed, const BcdFeedField *field)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		check_field(feed, field);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		if (!is_expressions(error->sqlerrcode))
			PG_RE_THROW();
		FlushErrorState();
		raise_for_field(feed, field, error);
	}
	PG_END_TRY();
}

static void
check_as_owner(void *arg)
{
	const BcdFeed *feed = arg;
	BcdFeedField filter = {&filter_field, feed->filter};
	BcdFeedField modified = {&modified_field, feed->options.modified};
	int			i;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	check_key(feed);
	for (i = 0; i < feed->nfields; i++)
		check_field_by_name(feed, &feed->fields[i]);
	if (feed->filter)
		check_field_by_name(feed, &filter);
	if (modified.expression)
		check_field_by_name(feed, &modified);
	SPI_finish();
}

/*
 * Raises an error unless the mapping of a feed can work.
 *
 * The feed comes from bcd_feed_load(); the current user may be any role that
 * may act for its owner.
 */
void
bcd_mapping_check(const BcdFeed *feed)
{
	if (feed->nfields == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\": the mapping has no field", feed->name)));
	check_natural_key(feed);
	check_required(feed);
	bcd_guard_run(feed, NULL, 1, check_as_owner, unconstify(BcdFeed *, feed));
}

/* Advises the user who creates or changes a mapping, which has been checked. */
void
bcd_mapping_advise(const BcdFeed *feed)
{
	BcdFeedField filter = {&filter_field, feed->filter};
	int			i;

	for (i = 0; i < feed->nfields; i++)
		bcd_advise_of_unsteady(feed, feed->fields[i].expression, expression_name(&feed->fields[i]));
	if (feed->filter)
		bcd_advise_of_unsteady(feed, feed->filter, expression_name(&filter));
}

/* Returns the columns of a table that a mapping depends on; NIL: all. */
List *
bcd_mapping_columns(const BcdFeed *feed, Oid relid)
{
	BcdRights	rights;
	List	   *columns;
	bool		seen;

	bcd_become(&rights, feed->owner, true);
	columns = bcd_depended_columns(relid, bcd_feed_select(feed, NULL), NULL, 0, &seen);
	bcd_become_again(&rights);
	return columns;
}
