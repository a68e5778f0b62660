/*
 * watch.c
 *		The tables that a feed watches: its source, and those it depends on.
 *
 * The latter are child tables: the mapping reads them in some way, and columns
 * of their rows determine the row of the source that they belong to.  They are
 * listed in bcdelta.dependency.  All have triggers of the same kind; the
 * arguments determine which row a change marks.
 *
 * Whoever creates triggers for a mapping that was read earlier holds the lock
 * of bcd_watch_begin() on the source and has checked that the mapping is still
 * current.  So no trigger keeps the columns of a mapping that alter_feed() has
 * changed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/mapping.h"
#include "feed/parent_key.h"
#include "feed/parent_lookup.h"
#include "feed/source.h"
#include "feed/triggers.h"
#include "feed/watch.h"
#include "tables/dependency.h"
#include "tables/table_names.h"

/* Returns the lock that creating the triggers takes on a table. */
LOCKMODE
bcd_watch_lock(const char *capture)
{
	return strcmp(capture, "none") == 0 ? AccessShareLock : ShareRowExclusiveLock;
}

/* Returns the dependencies of a feed, in the current memory context. */
static List *
read_dependencies(const BcdFeed *feed)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *dependencies;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	dependencies = bcd_dependencies_of(feed->name);
	bcd_spi_end(&rights);
	return dependencies;
}

/* Prepares the triggers of the source, or of a dependency; without columns. */
static void
init_set(BcdTriggerSet *set, const BcdFeed *feed, const BcdDependency *dependency)
{
	set->feed_id = feed->feed_id;
	set->dependency_id = dependency ? dependency->id : 0;
	set->relid = dependency ? dependency->child : feed->source;
	set->capture = feed->capture;
	set->keys = dependency ? dependency->parent_key : bcd_name_list(feed->key_names);
	set->looked_up = dependency && dependency->lookup;
	set->columns = NIL;
}

/*
 * Returns the columns of a table that matter, including those that the lookup
 * reads.
 */
static List *
columns_that_matter(const BcdFeed *feed, const BcdDependency *dependency, Oid relid)
{
	List	   *columns = bcd_mapping_columns(feed, relid);
	List	   *more;
	bool		seen;

	if (dependency == NULL || dependency->lookup == NULL || columns == NIL)
		return columns;
	more = bcd_parents_columns(feed, relid, dependency->parent_key, dependency->lookup, &seen);
	if (!seen)
		return columns;
	return more == NIL ? NIL : list_concat(columns, more);
}

static void
create_triggers(const BcdFeed *feed, const BcdDependency *dependency)
{
	BcdTriggerSet set;

	init_set(&set, feed, dependency);
	set.columns = columns_that_matter(feed, dependency, set.relid);
	bcd_triggers_create(&set);
}

/*
 * Until the end of the transaction, prevents others from creating triggers for
 * tables of a feed and from changing its mapping.  Writers are not blocked.
 */
void
bcd_watch_begin(const BcdFeed *feed)
{
	BcdRights	rights;

	bcd_become(&rights, feed->owner, false);
	relation_close(bcd_source_open(feed->source, feed->capture, ShareUpdateExclusiveLock), NoLock);
	bcd_become_again(&rights);
	bcd_feed_check_current(feed);
}

/* Creates the triggers of the source, which the caller has checked. */
void
bcd_watch_source(const BcdFeed *feed)
{
	create_triggers(feed, NULL);
}

/* Forgets dependencies whose table was dropped: it has no more changes. */
static void
forget_dropped(const BcdFeed *feed)
{
	BcdRights	rights;
	ListCell   *cell;

	bcd_spi_begin(&rights);
	foreach(cell, bcd_dependencies_delete_dropped(feed->name))
		ereport(NOTICE,
				(errmsg("feed \"%s\" no longer depends on a table with parent key (%s), which was dropped",
						feed->name, (char *) lfirst(cell))));
	bcd_spi_end(&rights);
}

/* Do the child's columns lead to rows of the feed? */
static void
check_parent_key(const BcdFeed *feed, const BcdDependency *dependency)
{
	if (dependency->lookup)
		bcd_parents_check(feed, dependency->child, dependency->parent_key, dependency->lookup);
	else
		bcd_parent_key_check(feed, dependency->child, dependency->parent_key);
}

/* Drops the triggers of a dependency that no longer exists. */
static void
drop_triggers(const BcdFeed *feed, Oid child, int32 id)
{
	BcdDependency dependency = {.id = id,.child = child};
	BcdTriggerSet set;

	init_set(&set, feed, &dependency);
	bcd_triggers_drop(&set);
}

/*
 * Returns the id of a dependency, new or not; its feed cannot be removed in
 * the meantime.
 */
static int32
record_dependency(const BcdFeed *feed, const BcdDependency *dependency, Datum parent_key)
{
	Oid			child = dependency->child;
	BcdRights	rights;
	bool		is_new;
	int32		other;
	int32		id;

	bcd_spi_begin(&rights);
	other = bcd_dependency_delete_other(feed->name, child, parent_key, dependency->lookup);
	if (other != 0)
		drop_triggers(feed, child, other);
	is_new = bcd_dependency_insert(feed->name, child, parent_key, dependency->lookup);
	id = bcd_dependency_id(feed->name, child, parent_key);
	if (id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("feed \"%s\" does not exist", feed->name)));
	bcd_spi_end(&rights);
	if (!is_new)
		ereport(NOTICE,
				(errmsg("feed \"%s\" already depends on table \"%s\"; its triggers are created again",
						feed->name, get_rel_name(child))));
	return id;
}

/* Opens and locks a child table, with the rights of the feed's owner. */
static void
lock_child(const BcdFeed *feed, Oid child, LOCKMODE lock)
{
	BcdRights	rights;

	bcd_become(&rights, feed->owner, false);
	/* keeps the lock: DDL requires that nobody has the table open */
	relation_close(bcd_child_open(child, feed->capture, lock), NoLock);
	bcd_become_again(&rights);
}

/*
 * Makes a feed depend on a child table.  The columns parent_key (name[]) hold
 * the key of the row that a change marks, or the values by which a lookup
 * finds the keys.
 *
 * The source stays locked, so that untrack() waits and then finds all
 * triggers.
 */
void
bcd_watch_child(const BcdFeed *feed, Oid child, Datum parent_key, char *lookup)
{
	BcdDependency dependency = {0};

	if (strcmp(feed->capture, "none") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("feed \"%s\" does not capture changes", feed->name),
				 errdetail("It was tracked with capture => 'none'."),
				 errhint("Mark the rows that changes in the child table affect.")));
	bcd_watch_begin(feed);
	lock_child(feed, child, bcd_watch_lock(feed->capture));
	dependency.child = child;
	dependency.parent_key = bcd_name_list(parent_key);
	dependency.lookup = lookup;
	check_parent_key(feed, &dependency);
	if (lookup == NULL)
	{
		bcd_parent_key_warn(feed, child, dependency.parent_key);
		bcd_parent_key_advise(feed, child, dependency.parent_key);
	}
	bcd_mapping_check(feed);
	forget_dropped(feed);
	dependency.id = record_dependency(feed, &dependency, parent_key);
	create_triggers(feed, &dependency);
}

/* Ends a feed's dependency on a table, which may be gone. */
void
bcd_watch_forget(const BcdFeed *feed, Oid child)
{
	char	   *name = get_rel_name(child);
	List	   *ids;
	ListCell   *cell;
	BcdRights	rights;

	bcd_spi_begin(&rights);
	ids = bcd_dependencies_delete_child(feed->name, child);
	if (ids == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 name ? errmsg("feed \"%s\" does not depend on table \"%s\"", feed->name, name) :
				 errmsg("feed \"%s\" does not depend on a table with OID %u", feed->name, child)));
	foreach(cell, ids)
		drop_triggers(feed, child, lfirst_int(cell));
	bcd_spi_end(&rights);
}

/*
 * Creates the triggers of those tables again for which the relevant columns
 * have changed.  The feed is as it will be; called after bcd_watch_begin().
 * Only these tables are locked against writers.
 */
void
bcd_watch_alter(const BcdFeed *feed)
{
	List	   *dependencies = lcons(NULL, read_dependencies(feed));
	ListCell   *cell;

	foreach(cell, dependencies)
	{
		const BcdDependency *dependency = lfirst(cell);
		BcdTriggerSet set;

		if (dependency && get_rel_name(dependency->child) == NULL)
			continue;			/* resume() removes it */
		init_set(&set, feed, dependency);
		set.columns = columns_that_matter(feed, dependency, set.relid);
		if (bcd_triggers_fit(&set))
			continue;
		if (dependency)
			lock_child(feed, dependency->child, bcd_watch_lock(feed->capture));
		else
			LockRelationOid(feed->source, bcd_watch_lock(feed->capture));
		bcd_triggers_replace(&set);
	}
}

/*
 * Returns what prevents changes of an existing table from being captured, or
 * NULL.
 */
static char *
triggers_trouble(const BcdFeed *feed, const BcdDependency *dependency)
{
	BcdTriggerSet set;

	init_set(&set, feed, dependency);
	return bcd_triggers_trouble(&set);
}

/*
 * Checks the tables of a feed like track(), with its current mapping.
 * Triggers are created again only if one is missing, since that locks the
 * table.
 */
void
bcd_watch_resume(const BcdFeed *feed)
{
	LOCKMODE	lock = bcd_watch_lock(feed->capture);
	List	   *mend = NIL;
	bool		mend_source = triggers_trouble(feed, NULL) != NULL;
	BcdRights	rights;
	Relation	source;
	List	   *dependencies;
	ListCell   *cell;

	bcd_become(&rights, feed->owner, false);
	source = bcd_source_open(feed->source, feed->capture, mend_source ? lock : AccessShareLock);
	(void) bcd_source_key(source, feed->key_names);
	relation_close(source, NoLock);
	bcd_become_again(&rights);
	forget_dropped(feed);
	dependencies = read_dependencies(feed);
	foreach(cell, dependencies)
	{
		BcdDependency *dependency = lfirst(cell);
		bool		broken = triggers_trouble(feed, dependency) != NULL;

		Assert(dependency != NULL); /* for static analyzers */
		lock_child(feed, dependency->child, broken ? lock : AccessShareLock);
		check_parent_key(feed, dependency);
		if (broken)
			mend = lappend(mend, dependency);
	}
	bcd_mapping_check(feed);
	bcd_feed_check_current(feed);
	if (mend_source)
		create_triggers(feed, NULL);
	foreach(cell, mend)
		create_triggers(feed, lfirst(cell));
}

typedef struct ParentKeyCheck
{
	const BcdFeed *feed;
	const BcdDependency *dependency;
} ParentKeyCheck;

static void
try_parent_key(void *arg)
{
	ParentKeyCheck *check = arg;
	ListCell   *cell;

	if (check->dependency->lookup == NULL)
		bcd_parent_key_check(check->feed, check->dependency->child, check->dependency->parent_key);
	/* do not run the lookup in a session that only asks for the status */
	foreach(cell, check->dependency->parent_key)
		if (get_attnum(check->dependency->child, lfirst(cell)) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("parent key column \"%s\" of table \"%s\" does not exist",
						(char *) lfirst(cell), get_rel_name(check->dependency->child))));
}

static char *
dependency_trouble(const BcdFeed *feed, const BcdDependency *dependency)
{
	ParentKeyCheck check = {feed, dependency};
	ErrorData  *error;

	if (get_rel_name(dependency->child) == NULL)
		return psprintf("a table that it depends on, with parent key (%s), no longer exists; bcdelta.resume() removes it",
						bcd_name_text(dependency->parent_key));
	error = bcd_attempt(try_parent_key, &check);
	return error ? error->message : triggers_trouble(feed, dependency);
}

/* Tables that look like those of the feed, but are others */
static List *
names_trouble(const BcdFeed *feed)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *taken;
	List	   *troubles = NIL;
	ListCell   *cell;

	bcd_spi_begin(&rights);
	taken = list_concat(bcd_feed_name_taken(feed->name), bcd_child_names_taken(feed->name));
	MemoryContextSwitchTo(cxt);
	foreach(cell, taken)
		troubles = lappend(troubles, pstrdup(lfirst(cell)));
	bcd_spi_end(&rights);
	return troubles;
}

/*
 * Describes what prevents changes of a feed's tables from being captured, as a
 * list of texts.  Its source must exist.
 */
List *
bcd_watch_troubles(const BcdFeed *feed)
{
	List	   *troubles = NIL;
	List	   *dependencies = read_dependencies(feed);
	char	   *trouble = triggers_trouble(feed, NULL);
	ListCell   *cell;

	if (trouble)
		troubles = lappend(troubles, trouble);
	foreach(cell, dependencies)
	{
		trouble = dependency_trouble(feed, lfirst(cell));
		if (trouble)
			troubles = lappend(troubles, trouble);
	}
	return list_concat(troubles, names_trouble(feed));
}
