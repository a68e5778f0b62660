/*
 * feed.c
 *		Feeds: reading bcdelta.feed, keys, expressions, references.
 *
 * A feed may become invalid at any time: its source dropped, a key column
 * renamed, its owner gone. bcd_feed_read() works in any case; bcd_feed_load()
 * raises an error that names the problem, and the worker pauses the feed with
 * that text.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "capture/key_text.h"
#include "feed/feed.h"
#include "feed/feed_halt.h"
#include "feed/nested.h"
#include "feed/policy.h"
#include "resource/resource.h"
#include "store/store_identity.h"
#include "tables/feed.h"

BcdOnDelete
bcd_on_delete_from(const char *text)
{
	if (strcmp(text, "delete") == 0)
		return BCD_DELETE_DELETE;
	return strcmp(text, "hide") == 0 ? BCD_DELETE_HIDE : BCD_DELETE_IGNORE;
}

/*
 * Parses a mapping in the current memory context, and makes it the feed's;
 * unknown API fields are an error.
 */
void
bcd_feed_set_fields(BcdFeed *feed, Jsonb *fields)
{
	JsonbIterator *it = JsonbIteratorInit(&fields->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	feed->nfields = 0;
	feed->fields = palloc0(sizeof(BcdFeedField) * (JB_ROOT_COUNT(fields) + 1));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		BcdFeedField *field = &feed->fields[feed->nfields];

		if (token == WJB_KEY)
		{
			char	   *name = pnstrdup(v.val.string.val, v.val.string.len);

			field->field = bcd_resource_field(feed->resource, name);
			if (field->field == NULL)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("feed \"%s\": resource %s has no field \"%s\"",
								feed->name, feed->resource->name, name),
						 errhint("The fields of %s are: %s.", feed->resource->name,
								 bcd_resource_field_names(feed->resource))));
		}
		else if (token == WJB_VALUE)
		{
			if (v.type != jbvString)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("feed \"%s\": field \"%s\" is not mapped to an SQL expression",
								feed->name, field->field->name),
						 errhint("Write the expression as a JSON string, for example {\"%s\": \"my_column\"}.",
								 field->field->name)));
			field->expression = pnstrdup(v.val.string.val, v.val.string.len);
			feed->nfields++;
		}
	}
}

static BcdFeed *
feed_of_row(const BcdFeedRow *row, MemoryContext cxt)
{
	BcdFeed    *feed = palloc0(sizeof(BcdFeed));

	feed->cxt = cxt;
	feed->feed_id = row->feed_id;
	feed->name = row->feed;
	feed->source = row->source;
	feed->server = row->server;
	feed->resource = bcd_resource_find(row->resource);
	if (feed->resource == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\": unknown resource \"%s\"", feed->name, row->resource)));
	bcd_feed_set_fields(feed, row->fields);
	feed->on_delete = bcd_on_delete_from(row->on_delete);
	bcd_policies_set(feed, row);
	bcd_feed_options(feed->options_json, feed->resource, &feed->options);
	feed->merged = bcd_facet_bits(feed->resource, row->merged);
	feed->adjusted = row->adjusted;
	feed->owner = row->owner;
	feed->owner_name = bcd_role_words(feed->owner);
	feed->paused = strcmp(row->state, "paused") == 0;
	feed->paused_reason = row->paused_reason;
	feed->store = row->store;
	feed->has_links = row->has_links;
	feed->server_store = bcd_server_identity(feed->server);
	bcd_feed_nested(feed);
	feed->halt = bcd_halt(feed->name, row->home, feed->store, feed->has_links,
						  feed->server, feed->server_store, &feed->paused_reason);
	if (feed->halt != BCD_NO_HALT)
		feed->paused = true;
	else if (feed->paused && feed->server_store && bcd_halt_is_over(feed->paused_reason))
	{
		feed->paused = false;
		feed->paused_reason = NULL;
	}
	feed->key_names = row->key;
	feed->capture = row->capture;
	feed->filter = row->filter;
	feed->version = row->version;
	feed->key_types = row->key_types;
	return feed;
}

/*
 * Reads a feed's row; NULL if there is none and missing_ok is set.
 *
 * A feed that may not be pushed from here, or to that store, reads as paused.
 * The key columns are not looked up, and the owner may be gone: see
 * bcd_feed_load().
 */
BcdFeed *
bcd_feed_read(const char *name, bool missing_ok)
{
	MemoryContext cxt;
	MemoryContext old;
	BcdRights	rights;
	BcdFeed    *feed = NULL;
	BcdFeedRow	row;

	cxt = AllocSetContextCreate(CurrentMemoryContext, "bcdelta feed", ALLOCSET_SMALL_SIZES);
	bcd_spi_begin(&rights);
	old = MemoryContextSwitchTo(cxt);
	if (bcd_feed_row_read(name, &row))
		feed = feed_of_row(&row, cxt);
	MemoryContextSwitchTo(old);
	bcd_spi_end(&rights);
	if (feed == NULL)
	{
		MemoryContextDelete(cxt);
		if (!missing_ok)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("feed \"%s\" does not exist", name),
					 errhint("SELECT feed FROM bcdelta.feed lists the feeds; bcdelta.track() makes one.")));
	}
	return feed;
}

static void
check_owner_exists(const BcdFeed *feed)
{
	if (!bcd_role_exists(feed->owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\": its owner no longer exists", feed->name),
				 errhint("%s", bcd_owner_hint(feed->name))));
}

/*
 * Reads a feed and looks up the objects that it depends on: the source, the
 * key columns, the owner. Raises an error if one of them is gone.
 */
BcdFeed *
bcd_feed_load(const char *name, bool missing_ok)
{
	BcdFeed    *feed = bcd_feed_read(name, missing_ok);
	Relation	source;

	if (feed == NULL)
		return NULL;
	check_owner_exists(feed);
	source = try_relation_open(feed->source, AccessShareLock);
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("feed \"%s\": its source table no longer exists", feed->name),
				 errhint("Untrack the feed with SELECT bcdelta.untrack(%s).",
						 quote_literal_cstr(feed->name))));
	bcd_feed_look_up(feed, false);
	relation_close(source, AccessShareLock);
	return feed;
}

/*
 * Raises an error if a feed has been altered or untracked since it was read;
 * for callers that have waited for a lock before they use the mapping.
 */
void
bcd_feed_check_current(const BcdFeed *feed)
{
	BcdRights	rights;
	bool		current;

	bcd_spi_begin(&rights);
	current = bcd_feed_is_current(feed->feed_id, feed->version);
	bcd_spi_end(&rights);
	if (!current)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("feed \"%s\" was concurrently altered by another session", feed->name),
				 errhint("Try again.")));
}

void
bcd_feed_free(BcdFeed *feed)
{
	int			i;

	for (i = 0; i < BCD_NPLANS; i++)
		SPI_freeplan(feed->plans[i]);	/* accepts NULL */
	MemoryContextDelete(feed->cxt);
}

/* The equality operator of a key type, with its schema. */
static char *
equality_operator(const char *table, const char *column, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR);
	HeapTuple	tuple;
	Form_pg_operator form;
	char	   *result;

	if (!OidIsValid(entry->eq_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("key column \"%s\" of table \"%s\" has type %s, which has no equality operator",
						column, table, format_type_be(type))));
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(entry->eq_opr));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", entry->eq_opr);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Raises an error if values of the key's type are not identified by their
 * text.
 */
static void
check_key_type(const BcdFeed *feed, const BcdKeyColumn *key)
{
	char	   *flaw = bcd_keytext_flaw(key->type, key->collation);

	if (flaw)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\", of type %s, cannot be in the key of a feed",
						NameStr(key->name), get_rel_name(feed->source),
						format_type_with_typemod(key->type, key->typmod)),
				 errdetail_internal("%s", flaw),
				 errhint("Give it another type, such as bigint, text or uuid, or pass a key of other columns; a generated column with a unique index will do.")));
}

/*
 * Raises an error if the type has changed so that the keys of links and
 * pending rows, which were written with the old one, may differ.
 */
static void
check_retyped(const BcdFeed *feed, const BcdKeyColumn *key, Oid type)
{
	if (type == key->type ||
		(SearchSysCacheExists1(TYPEOID, ObjectIdGetDatum(type)) && bcd_keytext_alike(type, key->type)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("feed \"%s\": the type of key column \"%s\" was changed to %s, which may write keys differently",
					feed->name, NameStr(key->name), format_type_with_typemod(key->type, key->typmod)),
			 errhint("SELECT bcdelta.resume(%s) rewrites the keys of its links and pending rows.",
					 quote_literal_cstr(feed->name))));
}

/*
 * Do the key columns still have the types that they had when the feed was
 * looked up?  Raises an error if keys may be written differently now.  The
 * source is locked.
 */
bool
bcd_feed_has_types(const BcdFeed *feed)
{
	bool		same = true;
	int			i;

	for (i = 0; i < feed->nkeys; i++)
	{
		BcdKeyColumn now = feed->keys[i];

		get_atttypetypmodcoll(feed->source, now.attnum, &now.type, &now.typmod, &now.collation);
		if (!OidIsValid(now.type))
			continue;			/* dropped, which is reported elsewhere */
		check_retyped(feed, &now, feed->keys[i].type);
		same = same && now.type == feed->keys[i].type;
	}
	return same;
}

static void
look_up_key(const BcdFeed *feed, const char *name, BcdKeyColumn *key)
{
	const char *table = get_rel_name(feed->source);

	key->attnum = get_attnum(feed->source, name);
	if (key->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("key column \"%s\" of table \"%s\" does not exist",
						name, table ? table : "?")));
	namestrcpy(&key->name, name);
	get_atttypetypmodcoll(feed->source, key->attnum, &key->type, &key->typmod, &key->collation);
	getTypeInputInfo(key->type, &key->input, &key->ioparam);
	key->equals = equality_operator(table, name, key->type);
	check_key_type(feed, key);
}

/*
 * Looks up the owner and the key columns of a feed from bcd_feed_read().
 *
 * Takes no lock; the source may be gone, and its columns with it.  If retyped
 * is set, the columns may have other types than those that the keys of the
 * feed's rows were written with.
 */
void
bcd_feed_look_up(BcdFeed *feed, bool retyped)
{
	MemoryContext old = MemoryContextSwitchTo(feed->cxt);
	Datum	   *names;
	Datum	   *spelled_by;
	int			ntypes;
	Oid			types[INDEX_MAX_KEYS];
	int			i;

	check_owner_exists(feed);
	deconstruct_array(DatumGetArrayTypeP(feed->key_names), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &names, NULL, &feed->nkeys);
	deconstruct_array(DatumGetArrayTypeP(feed->key_types), REGTYPEOID, sizeof(Oid), true,
					  TYPALIGN_INT, &spelled_by, NULL, &ntypes);
	feed->keys = palloc0(sizeof(BcdKeyColumn) * Max(feed->nkeys, 1));
	for (i = 0; i < Min(feed->nkeys, INDEX_MAX_KEYS); i++)
	{
		look_up_key(feed, NameStr(*DatumGetName(names[i])), &feed->keys[i]);
		types[i] = feed->keys[i].type;
		if (!retyped && i < ntypes)
			check_retyped(feed, &feed->keys[i], DatumGetObjectId(spelled_by[i]));
	}
	feed->keytext = bcd_keytext_create(feed->nkeys, types, feed->cxt);
	MemoryContextSwitchTo(old);
}

/*
 * Raises an error unless the current user may act for the feed's owner.
 *
 * doing completes "permission denied to ...".
 */
void
bcd_feed_check_owner(const BcdFeed *feed, const char *doing)
{
	if (!bcd_may_act_for(feed->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to %s feed \"%s\"", doing, feed->name),
				 errdetail("The feed belongs to %s.", feed->owner_name)));
}

/* The source in the form for a FROM clause. */
char *
bcd_feed_from(const BcdFeed *feed)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(feed->source)),
									  get_rel_name(feed->source));
}

/* The parser assumes that it parses the client's text: error positions refer to ours. */
static void
point_into_own_query(void *sql)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) sql);
	}
}

/* Parses a statement of ours that contains a user's text. */
static List *
parse_own_query(char *sql)
{
	ErrorContextCallback callback;
	List	   *list;

	callback.callback = point_into_own_query;
	callback.arg = sql;
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	list = bcd_raw_parser(sql);
	error_context_stack = callback.previous;
	return list;
}

/* Does a text follow SQL's grammar? */
static bool
is_syntax(const char *sql)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool ok = true;

	PG_TRY();
	{
		(void) bcd_raw_parser(sql);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION)
			PG_RE_THROW();
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

/*
 * Raises an error unless text is one SQL expression and nothing more.
 *
 * It is put between parentheses in statements of ours, so it must not close
 * them.  what names it in the message, as in: field "price".
 */
void
bcd_expression_check(const char *expression, const char *what)
{
	List	   *list = parse_own_query(psprintf("SELECT (%s\n)", expression));
	SelectStmt *select;

	/* not enclosed in parentheses, so that "a) OR (b" is no expression */
	if (list_length(list) == 1 &&
		(is_syntax(psprintf("SELECT %s\n", expression)) || is_syntax(expression)))
	{
		select = (SelectStmt *) linitial_node(RawStmt, list)->stmt;
		if (IsA(select, SelectStmt) && select->op == SETOP_NONE &&
			list_length(select->targetList) == 1 &&
			select->distinctClause == NIL && select->intoClause == NULL &&
			select->fromClause == NIL && select->whereClause == NULL &&
			select->groupClause == NIL && select->havingClause == NULL &&
			select->windowClause == NIL && select->sortClause == NIL &&
			select->limitCount == NULL && select->limitOffset == NULL &&
			select->lockingClause == NIL && select->withClause == NULL &&
			select->valuesLists == NIL)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("%s is not a single SQL expression: %s", what, expression)));
}

/*
 * Does the mapping have an expression for this field?  For a key that is made
 * of fields, those that are required are mapped: see check_natural_key().
 */
bool
bcd_feed_maps(const BcdFeed *feed, const char *field)
{
	int			i;

	for (i = 0; i < feed->nfields; i++)
		if (strcmp(feed->fields[i].field->name, field) == 0)
			return true;
	return bcd_resource_made_key(feed->resource, field) != NULL;
}
