/*
 * conflict.c
 *		bcdelta.conflict: fields that were changed in the source and in the
 *		store.
 *
 * The current conflict of a field is the last one. It stays current as long
 * as it says what the store holds instead of the row's value.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/conflict.h"

static BcdStatement select_current = {
	"SELECT jsonb_object_agg(field, CASE WHEN decided_by IS NOT NULL OR kind <> 'edited' THEN state"
	"  WHEN state = 'store' THEN 'kept' WHEN state = 'source' THEN 'chosen' ELSE state END),"
	" jsonb_object_agg(field, base) FILTER (WHERE base IS NOT NULL),"
	" jsonb_object_agg(field, source_value), jsonb_object_agg(field, store_value), jsonb_object_agg(field, value),"
	" jsonb_object_agg(field, concat('conflict ', conflict_id,"
	"  CASE WHEN state = 'open' THEN ' is open: see bcdelta.review'"
	"   WHEN decided_by IS NULL AND state = 'source' THEN ': the policy has chosen the source''s value'"
	"   WHEN decided_by IS NULL AND kind = 'gone' THEN ': the policy leaves it deleted in the store'"
	"   WHEN decided_by IS NULL THEN ': the policy has kept the store''s value'"
	"   ELSE format(': %s has chosen \"%s\" on %s', decided_by, state, decided_at::date) END, ': ' || note, ' (' || reason || ')')),"
	" jsonb_object_agg(field, kind)"
	" FROM (SELECT coalesce(field, '') AS field, state, base, source_value, store_value, value, conflict_id, decided_by, decided_at, note, reason, kind"
	"  FROM bcdelta.conflict WHERE feed = $1 AND address = $2 AND is_current) AS c",
	2, {TEXTOID, TEXTOID}
};

/* Reads the current conflicts of a record into the current memory context. */
void
bcd_conflicts_of(const char *feed, const char *address, BcdCurrentConflicts *current)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(address)};

	(void) bcd_select(&select_current, args, NULL);
	MemoryContextSwitchTo(cxt);
	current->states = bcd_column_jsonb(0, 1);
	current->base = bcd_column_jsonb(0, 2);
	current->source = bcd_column_jsonb(0, 3);
	current->store = bcd_column_jsonb(0, 4);
	current->value = bcd_column_jsonb(0, 5);
	current->words = bcd_column_jsonb(0, 6);
	current->kinds = bcd_column_jsonb(0, 7);
}

static BcdStatement end_conflict = {
	"UPDATE bcdelta.conflict SET is_current = false, ended_at = clock_timestamp(), state = CASE state WHEN 'open' THEN 'obsolete' ELSE state END"
	" WHERE feed = $1 AND address = $2 AND coalesce(field, '') = $3 AND is_current",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* The conflict of a field is over: both sides agree, or what was decided is done. */
void
bcd_conflict_end(const char *feed, const char *address, const char *field)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(address), CStringGetTextDatum(field)};

	(void) bcd_execute(&end_conflict, args, NULL);
}

static BcdStatement end_conflicts = {
	"UPDATE bcdelta.conflict SET is_current = false, ended_at = clock_timestamp(), state = CASE state WHEN 'open' THEN 'obsolete' ELSE state END"
	" WHERE feed = $1 AND address = $2 AND is_current",
	2, {TEXTOID, TEXTOID}
};

/* The same for all fields of a record that is no longer linked */
void
bcd_conflicts_end(const char *feed, const char *address)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(address)};

	(void) bcd_execute(&end_conflicts, args, NULL);
}

static BcdStatement insert_conflict = {
	"INSERT INTO bcdelta.conflict (feed, key, address, run_id, field, kind, state, base, source_value, store_value,"
	" source_changed_at, store_modified_at, reason, store_id)"
	" VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8 -> $5, $9 -> $5, $10 -> $5, nullif($11, '-infinity'), nullif($12, '-infinity'), $13, nullif($14, 0))",
	14, {TEXTOID, TEXTOID, TEXTOID, INT8OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, JSONBOID, JSONBOID,
	TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID}
};

/*
 * Files a conflict, which replaces the current one of its field.  store_id: 0 if
 * the record has no id
 */
void
bcd_conflict_file(const char *feed, const char *key, const char *address, int64 store_id, int64 run_id, const BcdConflict *conflict)
{
	char		nulls[] = "              ";
	Datum		args[14];

	bcd_conflict_end(feed, address, conflict->field);
	args[0] = CStringGetTextDatum(feed);
	args[1] = CStringGetTextDatum(key);
	args[2] = CStringGetTextDatum(address);
	args[3] = Int64GetDatum(run_id);
	args[4] = CStringGetTextDatum(conflict->field);
	args[5] = CStringGetTextDatum(conflict->kind);
	args[6] = CStringGetTextDatum(conflict->state);
	args[7] = bcd_jsonb_or_null(conflict->base, &nulls[7]);
	args[8] = bcd_jsonb_or_null(conflict->source, &nulls[8]);
	args[9] = bcd_jsonb_or_null(conflict->store, &nulls[9]);
	args[10] = TimestampTzGetDatum(conflict->source_changed_at);
	args[11] = TimestampTzGetDatum(conflict->store_modified_at);
	args[12] = bcd_text_or_null(conflict->reason, &nulls[12]);
	args[13] = Int64GetDatum(store_id);
	(void) bcd_execute(&insert_conflict, args, nulls);
}

/* Two sessions that resolve one conflict wait for each other here. */
static BcdStatement take_conflict = {
	"SELECT feed, coalesce((SELECT l.key FROM bcdelta.link AS l WHERE l.feed = c.feed AND l.address = c.address), key),"
	" coalesce(field, ''), state, decided_by, coalesce((SELECT max(n.conflict_id) FROM bcdelta.conflict AS n"
	"  WHERE n.feed = c.feed AND n.address = c.address AND coalesce(n.field, '') = coalesce(c.field, '') AND n.conflict_id > c.conflict_id), 0),"
	" kind"
	" FROM bcdelta.conflict AS c WHERE conflict_id = $1 FOR UPDATE",
	1, {INT8OID}
};

/*
 * Locks a conflict and reads it into the current memory context; returns false
 * if there is none.
 */
bool
bcd_conflict_take(int64 conflict_id, BcdOpenConflict *conflict)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		arg = Int64GetDatum(conflict_id);
	bool		found = bcd_execute(&take_conflict, &arg, NULL) > 0;

	MemoryContextSwitchTo(cxt);
	if (!found)
		return false;
	conflict->feed = bcd_column_text(0, 1);
	conflict->key = bcd_column_text(0, 2);
	conflict->field = bcd_column_text(0, 3);
	conflict->state = bcd_column_text(0, 4);
	conflict->decided_by = bcd_column_text(0, 5);
	conflict->replaced_by = bcd_column_int64(0, 6, NULL);
	conflict->kind = bcd_column_text(0, 7);
	return true;
}

static BcdStatement decide_conflict = {
	"UPDATE bcdelta.conflict SET state = $2, value = $3, decided_by = $4, note = $5, decided_at = clock_timestamp()"
	" WHERE conflict_id = $1",
	5, {INT8OID, TEXTOID, JSONBOID, TEXTOID, TEXTOID}
};

/* Records what a person has decided; value: with choice "value", else NULL. */
void
bcd_conflict_decide(int64 conflict_id, const char *choice, Jsonb *value, const char *by, const char *note)
{
	char		nulls[] = "     ";
	Datum		args[5];

	args[0] = Int64GetDatum(conflict_id);
	args[1] = CStringGetTextDatum(choice);
	args[2] = bcd_jsonb_or_null(value, &nulls[2]);
	args[3] = bcd_text_or_null(by, &nulls[3]);
	args[4] = bcd_text_or_null(note, &nulls[4]);
	(void) bcd_execute(&decide_conflict, args, nulls);
}

static BcdStatement delete_of_feed = {
	"DELETE FROM bcdelta.conflict WHERE feed = $1", 1, {TEXTOID}
};
static BcdStatement delete_of_record = {
	"DELETE FROM bcdelta.conflict WHERE feed = $1 AND address = $2", 2, {TEXTOID, TEXTOID}
};

/* Forgets the conflicts of a record (NULL: of all) that is no longer linked. */
void
bcd_conflicts_forget(const char *feed, const char *address)
{
	Datum		args[] = {CStringGetTextDatum(feed), address ? CStringGetTextDatum(address) : (Datum) 0};

	(void) bcd_execute(address == NULL ? &delete_of_feed : &delete_of_record, args, NULL);
}

static BcdStatement prune = {
	"DELETE FROM bcdelta.conflict WHERE ctid = ANY (ARRAY("
	" SELECT ctid FROM bcdelta.conflict WHERE NOT is_current AND ended_at < now() - $1 * interval '1 day' LIMIT $2))",
	2, {INT4OID, INT8OID}
};

/* Removes up to limit conflicts that have been over for at least this many days. */
int64
bcd_conflicts_prune(int days, int limit)
{
	Datum		args[] = {Int32GetDatum(days), Int64GetDatum(limit)};

	return bcd_select(&prune, args, NULL);
}
