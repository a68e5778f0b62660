/*
 * triggers.c
 *		The capture triggers of a table.
 *
 * A table may have triggers of many feeds, and several sets of one feed: as
 * its source, and as a table that it depends on.
 *
 * PostgreSQL fires only the statement triggers of the table that a statement
 * names; their transition tables contain the rows of all its partitions and
 * inheritance children.  So every table of the tree gets statement triggers of
 * its own: whichever table is named, each changed row is captured once.  With
 * row triggers it is the opposite: those of a partitioned table are copied to
 * its partitions, present and future, while inheritance children get none.
 * TRUNCATE fires the statement triggers of every table that it empties.
 * Parents of the tracked table have no triggers: a statement that names one
 * changes rows that only row triggers see.
 *
 * All are ENABLE ALWAYS: a load with session_replication_role = replica
 * changes rows like any other.  Logical replication fires row triggers only,
 * which is what capture 'row' is for.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/triggers.h"

/* A kind of trigger: its name ends in suffix */
typedef struct BcdTriggerKind
{
	const char *suffix;
	const char *event;
	const char *tables;			/* REFERENCING clause */
	const char *each;
} BcdTriggerKind;

static const BcdTriggerKind statement_triggers[] = {
	{"insert", "INSERT", "REFERENCING NEW TABLE AS bcdelta_new", "STATEMENT"},
	{"update", "UPDATE", "REFERENCING OLD TABLE AS bcdelta_old NEW TABLE AS bcdelta_new", "STATEMENT"},
	{"delete", "DELETE", "REFERENCING OLD TABLE AS bcdelta_old", "STATEMENT"},
	{"truncate", "TRUNCATE", "", "STATEMENT"},
	{NULL}
};

static const BcdTriggerKind row_triggers[] = {
	{"row", "INSERT OR UPDATE OR DELETE", "", "ROW"},
	{"truncate", "TRUNCATE", "", "STATEMENT"},
	{NULL}
};

static const BcdTriggerKind no_triggers[] = {
	{NULL}
};

static const BcdTriggerKind *
kinds_of(const char *capture)
{
	if (strcmp(capture, "statement") == 0)
		return statement_triggers;
	return strcmp(capture, "row") == 0 ? row_triggers : no_triggers;
}

static char *
trigger_name(const BcdTriggerSet *set, const char *suffix)
{
	if (set->dependency_id != 0)
		return psprintf("bcdelta_%d_%d_%s", set->feed_id, set->dependency_id, suffix);
	return psprintf("bcdelta_%d_%s", set->feed_id, suffix);
}

/* Returns a regular expression for the names of all triggers of a set. */
static char *
name_pattern(const BcdTriggerSet *set)
{
	return psprintf("^%s$", trigger_name(set, "[a-z]+"));
}

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

static void
run(const char *sql)
{
	int			rc = SPI_execute(sql, false, 0);

	if (rc < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(rc));
}

static BcdStatement select_triggers = {
	"SELECT tgrelid::int8, tgname::text FROM pg_trigger"
	" WHERE tgfoid = 'bcdelta.capture()'::regprocedure AND tgparentid = 0"
	" AND tgname ~ $1",
	1, {TEXTOID}
};

/*
 * Drops all triggers with such names on any table, since a partition may have
 * been detached.  Returns their number.
 */
static uint64
drop_triggers(const char *pattern)
{
	Datum		arg = CStringGetTextDatum(pattern);
	uint64		n = bcd_execute(&select_triggers, &arg, NULL);
	SPITupleTable *found = SPI_tuptable;
	uint64		i;

	for (i = 0; i < n; i++)
	{
		char	   *relid = SPI_getvalue(found->vals[i], found->tupdesc, 1);
		char	   *name = SPI_getvalue(found->vals[i], found->tupdesc, 2);

		run(psprintf("DROP TRIGGER %s ON %s", quote_identifier(name), table_name(atooid(relid))));
	}
	return n;
}

/*
 * Returns the arguments of bcdelta.capture(), see capture.c.  They are kept
 * short: PostgreSQL copies those of all triggers of a table for every
 * statement, which is noticeable in statements of a single row.
 */
static List *
trigger_arguments(const BcdTriggerSet *set, const BcdTriggerKind *kind)
{
	bool		truncate = strcmp(kind->event, "TRUNCATE") == 0;
	bool		update = strstr(kind->event, "UPDATE") != NULL;
	List	   *args;

	args = list_make1(psprintf("%d %d %d%s", set->feed_id, set->dependency_id,
							   truncate ? 0 : list_length(set->keys),
							   set->looked_up && !truncate ? " 1" : ""));
	if (!truncate)
		args = list_concat(args, set->keys);
	return update ? list_concat(args, set->columns) : args;
}

/* Returns the arguments as SQL. */
static char *
argument_list(List *args)
{
	StringInfoData sql;
	ListCell   *cell;

	initStringInfo(&sql);
	foreach(cell, args)
		appendStringInfo(&sql, "%s%s", sql.len ? ", " : "", quote_literal_cstr(lfirst(cell)));
	return sql.data;
}

/* Refuses tables whose changes cannot all be captured. */
static void
check_table(Oid relid, const char *capture)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot capture changes of temporary table \"%s\"", NameStr(form->relname)),
				 errdetail("Other sessions, and so the worker, do not see its rows.")));
	if (form->relpersistence == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot capture changes of unlogged table \"%s\"", NameStr(form->relname)),
				 errdetail("A crash of the server empties it without firing a trigger."),
				 errhint("ALTER TABLE ... SET LOGGED, or use capture => 'none' and the mark functions.")));
	if (form->relkind == RELKIND_FOREIGN_TABLE && strcmp(capture, "statement") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot capture changes of foreign table \"%s\" by statement",
						NameStr(form->relname)),
				 errhint("Use capture => 'row', which captures changes made through this server, or capture => 'none' and the mark functions.")));
	if (form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE &&
		form->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot capture changes of \"%s\": it is not a table", NameStr(form->relname)),
				 errhint("Use capture => 'none' and the mark functions.")));
	ReleaseSysCache(tuple);
}

/* Was this trigger copied by PostgreSQL from a partitioned table above? */
static bool
is_inherited(const BcdTriggerSet *set, Oid relid, const BcdTriggerKind *kind)
{
	return strcmp(kind->each, "ROW") == 0 && relid != set->relid && get_rel_relispartition(relid);
}

/*
 * TRUNCATE triggers of foreign tables exist since 14; we cannot rely on them.
 */
static bool
is_possible(Oid relid, const BcdTriggerKind *kind)
{
	return get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE || strcmp(kind->event, "TRUNCATE") != 0;
}

static void
create_trigger(const BcdTriggerSet *set, Oid relid, const BcdTriggerKind *kind, const char *create)
{
	char	   *name = trigger_name(set, kind->suffix);
	char	   *table = table_name(relid);

	run(psprintf("%s %s AFTER %s ON %s %s FOR EACH %s"
				 " EXECUTE FUNCTION bcdelta.capture(%s)",
				 create, name, kind->event, table, kind->tables, kind->each,
				 argument_list(trigger_arguments(set, kind))));
	/* without ONLY, so that copies of a row trigger follow */
	run(psprintf("ALTER TABLE %s %s ENABLE ALWAYS TRIGGER %s",
				 strcmp(kind->each, "ROW") == 0 ? "" : "ONLY", table, name));
}

/*
 * Creates the triggers of a set, replacing existing ones.  The caller has
 * checked the rights on the table.
 */
void
bcd_triggers_create(const BcdTriggerSet *set)
{
	const BcdTriggerKind *kind;
	BcdRights	rights;
	List	   *relids;
	ListCell   *cell;

	bcd_spi_begin(&rights);
	drop_triggers(name_pattern(set));
	relids = find_all_inheritors(set->relid, ShareRowExclusiveLock, NULL);
	foreach(cell, relids)
	{
		Oid			relid = lfirst_oid(cell);

		if (kinds_of(set->capture)->suffix)
			check_table(relid, set->capture);
		for (kind = kinds_of(set->capture); kind->suffix; kind++)
			if (!is_inherited(set, relid, kind) && is_possible(relid, kind))
				create_trigger(set, relid, kind, "CREATE TRIGGER");
	}
	bcd_spi_end(&rights);
}

/*
 * Changes the columns of the existing triggers of a set.  Unlike dropping and
 * creating them, this does not block readers of the table.
 */
void
bcd_triggers_replace(const BcdTriggerSet *set)
{
#ifdef BCD_REPLACE_TRIGGER
	const BcdTriggerKind *kind;
	BcdRights	rights;
	ListCell   *cell;

	bcd_spi_begin(&rights);
	foreach(cell, find_all_inheritors(set->relid, ShareRowExclusiveLock, NULL))
		for (kind = kinds_of(set->capture); kind->suffix; kind++)
		if (strstr(kind->event, "UPDATE") && !is_inherited(set, lfirst_oid(cell), kind))
			create_trigger(set, lfirst_oid(cell), kind, BCD_REPLACE_TRIGGER);
	bcd_spi_end(&rights);
#else
	bcd_triggers_create(set);
#endif
}

static BcdStatement select_fitting = {
	"SELECT FROM pg_trigger WHERE tgrelid = $1 AND tgname = $2 AND tgargs = $3"
	" AND tgfoid = 'bcdelta.capture()'::regprocedure",
	3, {OIDOID, NAMEOID, BYTEAOID}
};

/*
 * Does the table's trigger that compares columns compare those of the set?  If
 * so, the triggers need not be created again.
 */
bool
bcd_triggers_fit(const BcdTriggerSet *set)
{
	const BcdTriggerKind *kind = kinds_of(set->capture);
	StringInfoData bytes;
	BcdRights	rights;
	Datum		args[3];
	ListCell   *cell;
	bool		fit;

	while (kind->suffix && strstr(kind->event, "UPDATE") == NULL)
		kind++;
	if (kind->suffix == NULL)
		return true;
	initStringInfo(&bytes);
	foreach(cell, trigger_arguments(set, kind))
		appendBinaryStringInfo(&bytes, lfirst(cell), strlen(lfirst(cell)) + 1);
	args[0] = ObjectIdGetDatum(set->relid);
	args[1] = bcd_name_datum(trigger_name(set, kind->suffix));
	args[2] = PointerGetDatum(cstring_to_text_with_len(bytes.data, bytes.len));
	bcd_spi_begin(&rights);
	fit = bcd_execute(&select_fitting, args, NULL) > 0;
	bcd_spi_end(&rights);
	return fit;
}

/* Drops the triggers of a set; the table may be gone. */
void
bcd_triggers_drop(const BcdTriggerSet *set)
{
	BcdRights	rights;

	bcd_spi_begin(&rights);
	drop_triggers(name_pattern(set));
	bcd_spi_end(&rights);
}

/*
 * Drops all triggers of a feed.
 *
 * While it waits for the first of them, the session that holds the lock on the
 * source may create others; those exist by the time that we get the lock.
 */
void
bcd_triggers_drop_all(int32 feed_id)
{
	char	   *pattern = psprintf("^bcdelta_%d_([0-9]+_)?[a-z]+$", feed_id);
	BcdRights	rights;

	bcd_spi_begin(&rights);
	while (drop_triggers(pattern) > 0)
		CHECK_FOR_INTERRUPTS();
	bcd_spi_end(&rights);
}

static BcdStatement select_missing = {
	"SELECT c.oid::regclass::text, e.name, CASE t.tgenabled WHEN 'D' THEN 'is disabled'"
	" WHEN 'O' THEN 'is not enabled always, so it misses sessions with session_replication_role = replica'"
	" WHEN 'R' THEN 'is enabled for replicas only' ELSE 'is missing' END"
	" FROM unnest($1) WITH ORDINALITY AS c(oid, n) CROSS JOIN unnest($2) AS e(name)"
	" LEFT JOIN pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = e.name"
	" AND t.tgfoid = 'bcdelta.capture()'::regprocedure"
	" WHERE t.tgenabled IS DISTINCT FROM 'A'"
	/* see is_possible() */
	" AND NOT (e.name LIKE '%truncate' AND EXISTS ("
	"  SELECT FROM pg_class AS f WHERE f.oid = c.oid AND f.relkind = 'f'))"
	" ORDER BY c.n, e.name LIMIT 1",
	2, {OIDARRAYOID, TEXTARRAYOID}
};

static BcdStatement select_subscription = {
	"SELECT sr.srrelid::regclass::text, s.subname::text"
	" FROM pg_subscription_rel AS sr JOIN pg_subscription AS s ON s.oid = sr.srsubid"
	" WHERE sr.srrelid = ANY ($1) LIMIT 1",
	1, {OIDARRAYOID}
};

static BcdStatement select_above = {
	"SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits"
	" WHERE inhrelid = ANY ($1) AND inhparent <> ALL ($1) LIMIT 1",
	1, {OIDARRAYOID}
};

static BcdStatement select_unlogged = {
	"SELECT oid::regclass::text FROM pg_class WHERE oid = ANY ($1) AND relpersistence = 'u' LIMIT 1",
	1, {OIDARRAYOID}
};

static BcdStatement select_stray = {
	"SELECT tgrelid::regclass::text FROM pg_trigger"
	" WHERE tgfoid = 'bcdelta.capture()'::regprocedure"
	" AND tgname ~ $2 AND tgrelid <> ALL ($1) LIMIT 1",
	2, {OIDARRAYOID, TEXTOID}
};

static Datum
oid_array(List *oids)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(oids) + 1));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, oids)
		elements[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	return PointerGetDatum(construct_array(elements, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

static Datum
name_array(const BcdTriggerSet *set, const BcdTriggerKind *kinds)
{
	Datum		elements[4];
	int			n = 0;

	for (; kinds->suffix; kinds++)
		elements[n++] = CStringGetTextDatum(trigger_name(set, kinds->suffix));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Returns what is wrong with the triggers of these tables, or NULL. */
static char *
triggers_trouble(const BcdTriggerSet *set, List *relids)
{
	Datum		args[2];

	args[0] = oid_array(relids);
	args[1] = name_array(set, kinds_of(set->capture));
	if (bcd_execute(&select_missing, args, NULL) > 0)
		return psprintf("trigger \"%s\" of table %s %s; run bcdelta.resume(), then mark the rows that changed in the meantime, or have verify() and repair() find them",
						bcd_column_text(0, 2), bcd_column_text(0, 1), bcd_column_text(0, 3));
	if (strcmp(set->capture, "statement") == 0 && bcd_execute(&select_subscription, args, NULL) > 0)
		return psprintf("table %s is written by subscription \"%s\", which fires no statement triggers; track it with capture => 'row'",
						bcd_column_text(0, 1), bcd_column_text(0, 2));
	/* it may have become a partition, or a child, long after it was tracked */
	if (strcmp(set->capture, "statement") == 0 && bcd_execute(&select_above, args, NULL) > 0)
		return psprintf("changes of table %s by statements that name its parent %s are not captured; %s",
						bcd_column_text(0, 1), bcd_column_text(0, 2),
						set->dependency_id != 0 ? "let the feed depend on the parent, or capture by row" :
						"track the parent, or this table with capture => 'row'");
	if (bcd_execute(&select_unlogged, args, NULL) > 0)
		return psprintf("table %s is unlogged: a crash of the server empties it, which nothing captures; ALTER TABLE ... SET LOGGED",
						bcd_column_text(0, 1));
	args[1] = CStringGetTextDatum(name_pattern(set));
	if (bcd_execute(&select_stray, args, NULL) == 0)
		return NULL;
	if (set->dependency_id != 0)
		return psprintf("table %s is no longer part of %s; bcdelta.resume() drops its triggers",
						bcd_column_text(0, 1), table_name(set->relid));
	return psprintf("table %s is no longer part of the source; bcdelta.resume() drops its triggers, and bcdelta.verify() finds the records that its rows left in the store",
					bcd_column_text(0, 1));
}

/*
 * Describes what prevents changes of an existing table from being captured, or
 * NULL.  In the current memory context.
 */
char *
bcd_triggers_trouble(const BcdTriggerSet *set)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	char	   *trouble;

	if (kinds_of(set->capture)->suffix == NULL)
		return NULL;
	bcd_spi_begin(&rights);
	trouble = triggers_trouble(set, find_all_inheritors(set->relid, NoLock, NULL));
	if (trouble)
		trouble = MemoryContextStrdup(cxt, trouble);
	bcd_spi_end(&rights);
	return trouble;
}
