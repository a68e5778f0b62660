/*
 * mapping_reference.c
 *		The calls of ref() and named() in a mapping: may it have them, and do
 *		they name something that exists?
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/mapping_reference.h"
#include "feed/named.h"
#include "feed/ref.h"
#include "tables/feed.h"

/*
 * Raises an error unless the feed that a reference names exists and belongs to
 * the same store.
 */
static void
check_reference(const BcdFeed *feed, const char *name, const FuncExpr *call)
{
	BcdRights	rights;
	char	   *server;

	bcd_spi_begin(&rights);
	server = bcd_feed_server(name);
	if (server == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("bcdelta.ref() names feed \"%s\", which does not exist", name),
				 errhint("Track the referenced feed first.")));
	if (strcmp(server, feed->server) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.ref() names feed \"%s\" of another store", name),
				 errdetail("Its server is \"%s\", this feed's is \"%s\".",
						   server, feed->server)));
	bcd_spi_end(&rights);
	bcd_ref_check(name, call);
}

/* Is this call one of our function of this name? */
static bool
calls(const FuncExpr *call, const char *function)
{
	char	   *name = get_func_name(call->funcid);

	return name && strcmp(name, function) == 0 &&
		get_func_namespace(call->funcid) == get_namespace_oid(BCD_EXTENSION, true);
}

/* Checks a call whose first argument is a constant. */
static void
check_call(const BcdFeed *feed, const FuncExpr *call, const char *first)
{
	if (calls(call, "ref"))
		check_reference(feed, first, call);
	else if (calls(call, "named"))
		bcd_named_check(first);
}

static bool
check_references(Node *node, BcdFeed *feed)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, check_references, feed, 0);
	if (IsA(node, FuncExpr) && ((FuncExpr *) node)->args != NIL)
	{
		const Const *first = linitial(((FuncExpr *) node)->args);

		if (IsA(first, Const) && first->consttype == TEXTOID && !first->constisnull)
			check_call(feed, (FuncExpr *) node, TextDatumGetCString(first->constvalue));
	}
	return expression_tree_walker(node, check_references, feed);
}

static bool
has_reference(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_reference, context, 0);
	if (IsA(node, FuncExpr) && (calls((FuncExpr *) node, "ref") || calls((FuncExpr *) node, "named")))
		return true;
	return expression_tree_walker(node, has_reference, context);
}

/* Raises an error unless what a feed's expression refers to exists. */
void
bcd_mapping_check_references(const BcdFeed *feed, Node *node)
{
	(void) check_references(node, unconstify(BcdFeed *, feed));
}

/* Does an expression contain a reference? */
bool
bcd_mapping_has_reference(Node *node)
{
	return has_reference(node, NULL);
}
