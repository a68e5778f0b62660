/*
 * columns.c
 *		Finds the columns of a table that a mapping depends on.
 *
 * Changes of other columns are not captured, so the result must never be
 * incomplete: if anything is unclear, the answer is "all".  The table is the
 * mapping's source, or another one that it reads in a sub-select.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "parser/analyze.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "feed/columns.h"

typedef struct BcdWalk
{
	Oid			relid;			/* of the table */
	List	   *members;		/* its partitions and inheritance children */
	List	   *rtables;		/* of the query levels, innermost first */
	Bitmapset  *columns;		/* attribute numbers of the table */
	bool		seen;			/* the mapping reads the table by its name */
	bool		all;
} BcdWalk;

static bool walk(Node *node, BcdWalk *w);

/*
 * May this function read the table itself, or other data that the mapping does
 * not show?
 *
 * A user's immutable function promises not to; PostgreSQL's own functions do
 * not, with a few exceptions; bcdelta.ref() reads links.
 */
static bool
is_opaque(Oid funcid, void *context)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc proc;
	bool		opaque;

	if (!HeapTupleIsValid(tuple))
		return true;
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (proc->provolatile == PROVOLATILE_IMMUTABLE)
		opaque = false;
	else if (proc->pronamespace == PG_CATALOG_NAMESPACE)
		opaque = strstr(NameStr(proc->proname), "_to_xml") != NULL ||
			strncmp(NameStr(proc->proname), "ts_", 3) == 0;
	else
		opaque = strcmp(NameStr(proc->proname), "ref") != 0 ||
			proc->pronamespace != get_namespace_oid(BCD_EXTENSION, true);
	ReleaseSysCache(tuple);
	return opaque;
}

/* Are rows of one also rows of the other: a partition, a child, a parent? */
static bool
is_relative(Oid relid, const BcdWalk *w)
{
	return list_member_oid(w->members, relid) ||
		(has_subclass(relid) &&
		 list_member_oid(find_all_inheritors(relid, NoLock, NULL), w->relid));
}

/* Examines an item of a FROM clause; its rows may be built from the table's. */
static void
add_relation(RangeTblEntry *rte, BcdWalk *w)
{
	if (rte->rtekind != RTE_RELATION)
		return;
	if (rte->relid == w->relid)
		w->seen = true;
	else if (rte->relkind == RELKIND_VIEW || rte->relkind == RELKIND_MATVIEW ||
			 rte->relkind == RELKIND_FOREIGN_TABLE || is_relative(rte->relid, w))
		w->all = true;
}

/* A column of a join that has its own name, or is merged from two */
static void
add_join_var(Var *var, RangeTblEntry *join, BcdWalk *w)
{
	List	   *rtables = w->rtables;

	w->rtables = list_copy_tail(rtables, var->varlevelsup);
	if (var->varattno > 0)
		(void) walk(list_nth(join->joinaliasvars, var->varattno - 1), w);
	else
		(void) walk((Node *) join->joinaliasvars, w);
	w->rtables = rtables;
}

static void
add_var(Var *var, BcdWalk *w)
{
	List	   *rtable;
	RangeTblEntry *rte;

	if (var->varlevelsup >= (Index) list_length(w->rtables))
	{
		w->all = true;
		return;
	}
	rtable = (List *) list_nth(w->rtables, var->varlevelsup);
	if (var->varno < 1 || var->varno > list_length(rtable))
	{
		w->all = true;
		return;
	}
	rte = (RangeTblEntry *) list_nth(rtable, var->varno - 1);
	if (rte->rtekind == RTE_JOIN)
		add_join_var(var, rte, w);
	else if (rte->rtekind != RTE_RELATION || rte->relid != w->relid)
		return;
	else if (var->varattno <= 0)
		w->all = true;			/* the whole row, or ctid and the like */
	else
		w->columns = bms_add_member(w->columns, var->varattno);
}

static bool
walk_query(Query *query, BcdWalk *w)
{
	ListCell   *cell;
	bool		stop;

	foreach(cell, query->rtable)
		add_relation((RangeTblEntry *) lfirst(cell), w);
	w->rtables = lcons(query->rtable, w->rtables);
	/* all columns of a join's tables are among its own; see add_join_var() */
	stop = query_tree_walker(query, walk, w, QTW_IGNORE_JOINALIASES);
	w->rtables = list_delete_first(w->rtables);
	return stop;
}

/* Returns true, and so ends the walk, once the answer is "all". */
static bool
walk(Node *node, BcdWalk *w)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		add_var((Var *) node, w);
	else if (IsA(node, Query))
		return walk_query((Query *) node, w) || w->all;
	else if (check_functions_in_node(node, is_opaque, NULL))
		w->all = true;
	return w->all || expression_tree_walker(node, walk, w);
}

/*
 * A virtual generated column is null in the rows that a trigger sees: the
 * columns that it is computed from count instead.
 */
static void
replace_virtual_columns(Relation table, BcdWalk *w)
{
	int			column = -1;
	Bitmapset  *virtual = NULL;

	while ((column = bms_next_member(w->columns, column)) >= 0)
		if (bcd_attribute_is_virtual(table, column))
			virtual = bms_add_member(virtual, column);
	if (virtual == NULL)
		return;
	w->columns = bms_del_members(w->columns, virtual);
	column = -1;
	while ((column = bms_next_member(virtual, column)) >= 0)
	{
		Node	   *expression = bcd_virtual_expression(table, column);
		RangeTblEntry *rte = makeNode(RangeTblEntry);

		rte->rtekind = RTE_RELATION;
		rte->relid = RelationGetRelid(table);
		w->rtables = list_make1(list_make1(rte));
		if (walk(expression, w))
			return;
	}
}

static List *
column_names(Relation table, const BcdWalk *w)
{
	List	   *names = NIL;
	int			column = -1;

	while ((column = bms_next_member(w->columns, column)) >= 0)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(table), column - 1);

		if (att->attisdropped)
			return NIL;
		names = lappend(names, pstrdup(NameStr(att->attname)));
	}
	return names;
}

/*
 * The names of the columns of a table that a query depends on; NIL stands for
 * all of them, as it does for a table that the query does not read by name:
 * the user who declares the dependency knows more.
 *
 * The query, which may have parameters of these types, is analysed with the
 * current rights and search_path; errors in it are raised.
 */
List *
bcd_depended_columns(Oid relid, const char *query, Oid *types, int ntypes, bool *seen)
{
	List	   *raw = pg_parse_query(query);
	Relation	relation;
	BcdWalk		w = {0};
	List	   *names = NIL;

	*seen = true;
	if (list_length(raw) != 1)
		return NIL;
	w.relid = relid;
	w.members = find_all_inheritors(relid, NoLock, NULL);
	(void) walk((Node *) bcd_parse_analyze(linitial_node(RawStmt, raw), query, types, ntypes), &w);
	*seen = w.seen || w.all;
	relation = relation_open(relid, AccessShareLock);
	/* a policy decides by other columns whether the row is read at all */
	w.all |= !w.seen || relation->rd_rel->relrowsecurity;
	if (!w.all)
		replace_virtual_columns(relation, &w);
	if (!w.all)
		names = column_names(relation, &w);
	relation_close(relation, AccessShareLock);
	return names;
}
