/*
 * ref.c
 *		bcdelta.ref(): the store ids of rows of other feeds.
 *
 * A reference names a row by values of whatever types the referring table has.
 * They are converted to the types of the key, so that equal values find the
 * row: 1.0 the key 1, '007' the key 7. If the text of a value does not
 * identify the values that it equals, the reference is refused.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping_guard.h"
#include "feed/ref.h"
#include "tables/feed.h"
#include "tables/link.h"

/* The first reference of the current row that has no link yet */
static struct
{
	bool		missing;
	char		feed[256];
	char	   *key;			/* in cxt */
	MemoryContext cxt;			/* NULL: no row is being read */
	const char *store;			/* that the row is for; NULL: any */
}			reference;

/* A row that counts as linked, although it has no record yet */
static struct
{
	const char *feed;			/* NULL: none */
	const char *key;
	int64		store_id;
}			assumed;

/*
 * From now on, references to a row without a link have this id; feed NULL: no
 * longer.
 */
void
bcd_ref_assume(const char *feed, const char *key, int64 store_id)
{
	assumed.feed = feed;
	assumed.key = key;
	assumed.store_id = store_id;
}

/* Does every row count as linked? */
static bool standing_in = false;

/* From now on, references have ids that are computed from the keys of rows. */
void
bcd_ref_stand_in(bool on)
{
	standing_in = on;
}

/* Returns such an id, which fits into an integer. */
int64
bcd_ref_stand_in_of(const char *feed, const char *key)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((const unsigned char *) key, strlen(key), 0));

	hash ^= DatumGetUInt64(hash_any_extended((const unsigned char *) feed, strlen(feed), 1));
	return (int64) (hash % (PG_INT32_MAX - 1)) + 1;
}

/*
 * Called before a row is read, for a store; what is noted about the row is
 * allocated in cxt.
 */
void
bcd_ref_begin(MemoryContext cxt, const char *store)
{
	reference.missing = false;
	reference.key = NULL;
	reference.cxt = cxt;
	reference.store = store;
}

void
bcd_ref_forget(void)
{
	reference.missing = false;
}

/* Does the row that was read refer to one without a link? */
bool
bcd_ref_missing(char **feed, char **key)
{
	if (!reference.missing)
		return false;
	*feed = MemoryContextStrdup(reference.cxt, reference.feed);
	*key = reference.key;
	return true;
}

void
bcd_ref_end(void)
{
	reference.cxt = NULL;
	reference.store = NULL;
}

/*
 * A feed that references name, valid during one command of a transaction; keys
 * of a feed whose source or owner is gone cannot be determined.
 */
typedef struct BcdTarget
{
	char	   *name;
	BcdFeed    *feed;			/* with its keys, or NULL */
} BcdTarget;

static struct
{
	MemoryContext cxt;
	List	   *list;
	TimestampTz transaction;
	CommandId	command;
	int			in_use;			/* calls in progress: one may run code that
								 * calls again */
	struct BcdFoundLink *found; /* links that the worker has found, by the
								 * hash of the key; */
	char	   *found_for;		/* for this store */
}			targets;

/* Many rows refer to the same ones: what is found is kept as long as the feeds. */
#define MOST_FOUND	1024

typedef struct BcdFoundLink
{
	const BcdTarget *target;	/* NULL: none */
	char	   *key;
	int64		store_id;
} BcdFoundLink;

static void
look_up(void *feed)
{
	bcd_feed_look_up(feed, false);
}

static BcdTarget *
read_target(const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(targets.cxt);
	BcdTarget  *target = palloc0(sizeof(BcdTarget));
	BcdFeed    *feed = bcd_feed_read(name, true);

	target->name = pstrdup(name);
	if (feed && bcd_attempt(look_up, feed) == NULL)
		target->feed = feed;
	targets.list = lappend(targets.list, target);
	MemoryContextSwitchTo(old);
	return target;
}

static BcdTarget *
target_named(const char *name)
{
	TimestampTz transaction = GetCurrentTransactionStartTimestamp();
	CommandId	command = GetCurrentCommandId(false);
	ListCell   *cell;

	if (targets.cxt == NULL)
		targets.cxt = AllocSetContextCreate(TopMemoryContext, "bcdelta references",
											ALLOCSET_SMALL_SIZES);
	if (targets.transaction != transaction || (targets.command != command && targets.in_use == 0))
	{
		targets.list = NIL;
		targets.found = NULL;
		MemoryContextReset(targets.cxt);
		targets.transaction = transaction;
		targets.command = command;
		targets.in_use = 0;
	}
	foreach(cell, targets.list)
		if (strcmp(((BcdTarget *) lfirst(cell))->name, name) == 0)
		return lfirst(cell);
	return read_target(name);
}

static bool
is_text(Oid type)
{
	return type == UNKNOWNOID || TypeCategory(type) == TYPCATEGORY_STRING;
}

/* Can a value of this type stand for one of a key column? */
static bool
fits(Oid type, Oid collation, Oid key)
{
	type = getBaseType(type);
	key = getBaseType(key);
	if (type == key || is_text(type))
		return true;
	if (bcd_keytext_is_number(type) && bcd_keytext_is_number(key))
		return true;
	return is_text(key) && bcd_keytext_is_plain(type) && bcd_keytext_flaw(type, collation) == NULL;
}

static void
check_number(const BcdFeed *feed, int n)
{
	if (n != feed->nkeys)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.ref() is given a key of %d parts for feed \"%s\", whose key has %d",
						n, feed->name, feed->nkeys)));
}

static void
check_fit(const BcdFeed *feed, int n, Oid type)
{
	const BcdKeyColumn *key = &feed->keys[n];

	if (!fits(type, get_typcollation(type), key->type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("bcdelta.ref() is given a value of type %s for key column \"%s\" of feed \"%s\", which has type %s",
						format_type_be(type), NameStr(key->name), feed->name,
						format_type_with_typemod(key->type, key->typmod)),
				 errdetail("Rows are identified by the text of their key, and equal values of the two types may have different texts."),
				 errhint("Cast it to %s.", format_type_with_typemod(key->type, key->typmod))));
}

/*
 * Raises an error unless the arguments of a reference can form a key of the
 * feed.
 */
void
bcd_ref_check(const char *name, const FuncExpr *call)
{
	BcdTarget  *target = target_named(name);
	int			n = list_length(call->args) - 1;
	int			i;

	if (target->feed && target->feed->resource->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("bcdelta.ref() cannot refer to feed \"%s\": records of resource %s have no id",
						name, target->feed->resource->name)));
	if (target->feed == NULL || call->funcvariadic)
		return;
	check_number(target->feed, n);
	for (i = 0; i < n; i++)
		check_fit(target->feed, i, exprType(list_nth(call->args, i + 1)));
}

/*
 * Returns the text of an argument as a key has it; a citext counts as a text
 * for keys of other types.
 */
static char *
argument_text(Oid type, Datum value, bool as_key)
{
	BcdKeyText *keytext;
	StringInfoData out;
	int			level;
	Oid			output;
	bool		varlena;

	if (!as_key && !bcd_keytext_is_number(type) && !bcd_keytext_is_plain(type))
	{
		getTypeOutputInfo(type, &output, &varlena);
		return OidOutputFunctionCall(output, value);
	}
	keytext = bcd_keytext_create(1, &type, CurrentMemoryContext);
	level = bcd_keytext_pin(keytext);
	initStringInfo(&out);
	bcd_keytext_append(keytext, &value, &out);
	bcd_keytext_unpin(level);
	return out.data;
}

/* Returns a composite key of these texts, or the only one. */
static char *
joined(char **texts, int n)
{
	StringInfoData key;
	int			i;

	if (n == 1)
		return texts[0];
	initStringInfo(&key);
	for (i = 0; i < n; i++)
	{
		appendStringInfoString(&key, i == 0 ? "[" : ", ");
		escape_json(&key, texts[i]);
	}
	appendStringInfoChar(&key, ']');
	return key.data;
}

/* Returns a key from the arguments of ref(); NULL if one of them is null. */
static char *
key_from_arguments(FunctionCallInfo fcinfo, const BcdFeed *feed)
{
	int			n = PG_NARGS() - 1;
	char	  **texts = palloc(sizeof(char *) * n);
	bool		same = true;
	int			i;

	for (i = 0; i < n; i++)
		if (PG_ARGISNULL(i + 1))
			return NULL;
	if (feed)
		check_number(feed, n);
	for (i = 0; i < n; i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		bool		as_key = feed == NULL || getBaseType(type) == getBaseType(feed->keys[i].type);

		if (!as_key)
			check_fit(feed, i, type);
		texts[i] = argument_text(type, PG_GETARG_DATUM(i + 1), as_key);
		same = same && as_key;
	}
	return same ? joined(texts, n) : bcd_key_of_texts(feed, texts);
}

/* Only roles that may use a store may see its contents and feeds. */
static void
check_reader(const char *name)
{
	static char checked_feed[256];
	static Oid	checked_userid = InvalidOid;
	static TimestampTz checked_in = 0;	/* transaction */
	Oid			userid = GetUserId();
	BcdRights	rights;
	bool		may;

	if (superuser_arg(userid) ||
		(checked_in == GetCurrentTransactionStartTimestamp() && checked_userid == userid &&
		 strcmp(name, checked_feed) == 0))
		return;
	bcd_spi_begin(&rights);
	may = bcd_feed_may_be_read(name, userid);
	bcd_spi_end(&rights);
	if (!may)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("feed \"%s\" does not exist, or role \"%s\" may not use its store",
						name, GetUserNameFromId(userid, false))));
	strlcpy(checked_feed, name, sizeof(checked_feed));
	checked_userid = userid;
	checked_in = GetCurrentTransactionStartTimestamp();
}

/* Returns the store's id of a row; 0: it is not in the store. */
static int64
linked_id(const char *feed, const char *key)
{
	BcdRights	rights;
	int64		store_id;

	bcd_spi_begin(&rights);
	store_id = bcd_link_referred_to(feed, key, reference.store);
	bcd_spi_end(&rights);
	return store_id;
}

/*
 * The same in the worker, whose transactions change links only by commands of
 * their own; each makes it forget what it has found.
 */
static int64
found_id(const BcdTarget *target, const char *key)
{
	const char *store = reference.store ? reference.store : "";
	BcdFoundLink *found;
	int64		store_id;

	if (!bcd_guard_in_worker())
		return linked_id(target->name, key);
	if (targets.found == NULL || strcmp(targets.found_for, store) != 0)
	{
		targets.found = MemoryContextAllocZero(targets.cxt, sizeof(BcdFoundLink) * MOST_FOUND);
		targets.found_for = MemoryContextStrdup(targets.cxt, store);
	}
	found = &targets.found[DatumGetUInt32(hash_any((const unsigned char *) key, strlen(key))) % MOST_FOUND];
	if (found->target == target && strcmp(found->key, key) == 0)
		return found->store_id;
	store_id = linked_id(target->name, key);
	if (store_id == 0)
		return 0;
	if (found->target)
		pfree(found->key);
	found->key = MemoryContextStrdup(targets.cxt, key);
	found->target = target;
	found->store_id = store_id;
	return store_id;
}

/*
 * Raises an error for a row of another store, which a row would wait for
 * forever.
 */
static void
check_same_store(const BcdFeed *feed)
{
	if (feed && feed->server_store && reference.store &&
		strcmp(feed->server_store, reference.store) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.ref() names feed \"%s\" of another store", feed->name),
				 errdetail("Its server \"%s\" leads to store %s.", feed->server, feed->server_store)));
}

PG_FUNCTION_INFO_V1(bcdelta_ref);

/*
 * bcdelta.ref(feed, key...): the store's id of another feed's row.
 *
 * Returns null for a row without a link, and remembers it, so that the current
 * row is deferred regardless of what its expression does with the null.
 */
Datum
bcdelta_ref(PG_FUNCTION_ARGS)
{
	BcdTarget  *target;
	char	   *feed;
	char	   *volatile key = NULL;
	int64		store_id;

	if (PG_ARGISNULL(0) || get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.ref() needs the name of a feed and the parts of a key")));
	feed = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_reader(feed);
	target = target_named(feed);
	targets.in_use++;
	PG_TRY();
	{
		key = key_from_arguments(fcinfo, target->feed);
	}
	PG_FINALLY();
	{
		targets.in_use--;
	}
	PG_END_TRY();
	if (key == NULL)
		PG_RETURN_NULL();
	bcd_key_check_length(feed, key);
	if (standing_in)
		PG_RETURN_INT64(bcd_ref_stand_in_of(feed, key));
	store_id = found_id(target, key);
	if (store_id != 0)
		PG_RETURN_INT64(store_id);
	if (assumed.feed && strcmp(assumed.feed, feed) == 0 && strcmp(assumed.key, key) == 0)
		PG_RETURN_INT64(assumed.store_id);
	check_same_store(target->feed);
	if (!reference.missing)
	{
		reference.missing = true;
		strlcpy(reference.feed, feed, sizeof(reference.feed));
		reference.key = reference.cxt ? MemoryContextStrdup(reference.cxt, key) : NULL;
	}
	PG_RETURN_NULL();
}
