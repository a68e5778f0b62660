/*
 * cutover.c
 *		bcdelta.cutover: plans of cutovers.
 *
 * Whoever changes a plan or its steps has locked its row here.  The worker does
 * not wait for that: a plan that a session has locked is looked at later.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/db.h"
#include "tables/cutover.h"

static BcdStatement insert_plan = {
	"INSERT INTO bcdelta.cutover (server, go_live, hours, time_zone, freeze_for, watch_for, stop, owner, home)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING plan_id",
	9, {NAMEOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, INTERVALOID, INTERVALOID, JSONBOID, OIDOID, TEXTOID}
};

/* Inserts a plan that is held; returns its id. */
int64
bcd_cutover_insert(const BcdCutover *plan, Jsonb *stop)
{
	Datum		args[] = {bcd_name_datum(plan->server), TimestampTzGetDatum(plan->go_live),
		CStringGetTextDatum(plan->hours), CStringGetTextDatum(plan->zone), IntervalPGetDatum(plan->freeze_for),
	IntervalPGetDatum(plan->watch_for), JsonbPGetDatum(stop), ObjectIdGetDatum(plan->owner), CStringGetTextDatum(plan->home)};

	(void) bcd_execute(&insert_plan, args, NULL);
	return bcd_column_int64(0, 1, NULL);
}

#define PLAN \
	"SELECT plan_id, server, go_live, hours, time_zone, freeze_for, watch_for, state, held, held_reason," \
	" went_live_at, override_note IS NOT NULL, owner::oid::int8, home" \
	" FROM bcdelta.cutover WHERE state IN ('planned', 'live')"

static Interval *
interval_at(uint64 row, int column)
{
	bool		isnull;
	Interval   *copy = palloc(sizeof(Interval));

	*copy = *DatumGetIntervalP(bcd_column_datum(row, column, &isnull));
	return copy;
}

static BcdCutover *
plan_at(uint64 row)
{
	BcdCutover *plan = palloc(sizeof(BcdCutover));

	plan->plan_id = bcd_column_int64(row, 1, NULL);
	plan->server = bcd_column_text(row, 2);
	plan->go_live = bcd_column_time(row, 3);
	plan->hours = bcd_column_text(row, 4);
	plan->zone = bcd_column_text(row, 5);
	plan->freeze_for = interval_at(row, 6);
	plan->watch_for = interval_at(row, 7);
	plan->state = bcd_column_text(row, 8);
	plan->held = bcd_column_bool(row, 9);
	plan->held_reason = bcd_column_text(row, 10);
	plan->went_live = bcd_column_time(row, 11);
	plan->overridden = bcd_column_bool(row, 12);
	plan->owner = (Oid) bcd_column_int64(row, 13, NULL);
	plan->home = bcd_column_text(row, 14);
	return plan;
}

static BcdStatement select_active = {
	PLAN " AND server = $1 FOR UPDATE", 1, {NAMEOID}
};

/* Locks the plan of a server, which is planned or live, and returns it; NULL: there is none. */
BcdCutover *
bcd_cutover_active(const char *server)
{
	Datum		arg = bcd_name_datum(server);

	return bcd_select(&select_active, &arg, NULL) > 0 ? plan_at(0) : NULL;
}

static BcdStatement select_at = {
	PLAN " AND home = $1 ORDER BY plan_id FOR UPDATE SKIP LOCKED", 1, {TEXTOID}
};

/* Locks the plans that this home carries out, and returns them; without those that a session has locked. */
List *
bcd_cutovers_at(const char *home)
{
	Datum		arg = CStringGetTextDatum(home);
	uint64		n = bcd_select(&select_at, &arg, NULL);
	List	   *list = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
		list = lappend(list, plan_at(i));
	return list;
}

static BcdStatement hold = {
	"UPDATE bcdelta.cutover SET held = true, held_reason = $2 WHERE plan_id = $1", 2, {INT8OID, TEXTOID}
};

/* Nothing that cannot be taken back begins by itself from now on. */
void
bcd_cutover_hold(int64 plan_id, const char *reason)
{
	char		nulls[] = "  ";
	Datum		args[2] = {Int64GetDatum(plan_id), 0};

	args[1] = bcd_text_or_null(reason, &nulls[1]);
	(void) bcd_execute(&hold, args, nulls);
}

static BcdStatement release = {
	"UPDATE bcdelta.cutover SET held = false, held_reason = NULL,"
	" override_note = coalesce($2, CASE state WHEN 'live' THEN override_note END) WHERE plan_id = $1",
	2, {INT8OID, TEXTOID}
};

/* The plan goes on; override_note: why it does so although the check said no, or NULL. */
void
bcd_cutover_release(int64 plan_id, const char *override_note)
{
	char		nulls[] = "  ";
	Datum		args[2] = {Int64GetDatum(plan_id), 0};

	args[1] = bcd_text_or_null(override_note, &nulls[1]);
	(void) bcd_execute(&release, args, nulls);
}

static BcdStatement set_time = {
	"UPDATE bcdelta.cutover SET go_live = $2 WHERE plan_id = $1", 2, {INT8OID, TIMESTAMPTZOID}
};

void
bcd_cutover_set_time(int64 plan_id, TimestampTz go_live)
{
	Datum		args[] = {Int64GetDatum(plan_id), TimestampTzGetDatum(go_live)};

	(void) bcd_execute(&set_time, args, NULL);
}

static BcdStatement set_state = {
	"UPDATE bcdelta.cutover SET state = $2,"
	" went_live_at = CASE WHEN $2 = 'live' THEN pg_catalog.clock_timestamp() ELSE went_live_at END WHERE plan_id = $1",
	2, {INT8OID, TEXTOID}
};

void
bcd_cutover_set_state(int64 plan_id, const char *state)
{
	Datum		args[] = {Int64GetDatum(plan_id), CStringGetTextDatum(state)};

	(void) bcd_execute(&set_state, args, NULL);
}

#define COPY \
	"'this database is a copy of the one that this plan was made in: nothing begins until bcdelta.resume() says of a feed that this copy is now the source'"

static BcdStatement note_copies = {
	"UPDATE bcdelta.cutover SET held = true, held_reason = " COPY " WHERE plan_id IN (SELECT plan_id FROM bcdelta.cutover"
	"  WHERE home <> $1 AND state IN ('planned', 'live') AND held_reason IS DISTINCT FROM " COPY " FOR UPDATE SKIP LOCKED)",
	1, {TEXTOID}
};

/* Holds the plans that came along with a copy of their database. */
void
bcd_cutovers_hold_copies(const char *home)
{
	Datum		arg = CStringGetTextDatum(home);

	(void) bcd_execute(&note_copies, &arg, NULL);
}

static BcdStatement adopt = {
	"UPDATE bcdelta.cutover AS c SET home = $2, held_reason = nullif(held_reason, " COPY ") FROM bcdelta.feed AS f"
	" WHERE f.feed = $1 AND f.home <> $2 AND c.home = f.home AND c.server = f.server AND c.state IN ('planned', 'live')",
	2, {TEXTOID, TEXTOID}
};

/* Before a feed gets another home, gives it to the plan that came along, too. */
void
bcd_cutovers_adopt(const char *feed, const char *home)
{
	Datum		args[] = {CStringGetTextDatum(feed), CStringGetTextDatum(home)};

	(void) bcd_execute(&adopt, args, NULL);
}

static BcdStatement move_home = {
	"UPDATE bcdelta.cutover SET home = $1 WHERE home = $2", 2, {TEXTOID, TEXTOID}
};

void
bcd_cutovers_move_home(const char *from, const char *to)
{
	Datum		args[] = {CStringGetTextDatum(to), CStringGetTextDatum(from)};

	(void) bcd_execute(&move_home, args, NULL);
}

static BcdStatement disown = {
	"UPDATE bcdelta.cutover SET owner = 0 WHERE plan_id IN (SELECT c.plan_id FROM bcdelta.cutover AS c"
	"  WHERE c.owner <> 0 AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = c.owner)"
	"  FOR NO KEY UPDATE SKIP LOCKED)",
	0, {0}
};

/* Removes the OIDs of dropped roles. */
void
bcd_cutovers_disown(void)
{
	(void) bcd_execute(&disown, NULL, NULL);
}

static BcdStatement reassign = {
	"UPDATE bcdelta.cutover SET owner = $2 WHERE owner = $1", 2, {OIDOID, OIDOID}
};

/* Gives the plans of one role to another; returns their number. */
int64
bcd_cutovers_reassign(Oid from, Oid to)
{
	Datum		args[] = {ObjectIdGetDatum(from), ObjectIdGetDatum(to)};

	return (int64) bcd_execute(&reassign, args, NULL);
}

static BcdStatement select_orphans = {
	"SELECT o.server FROM (SELECT server FROM bcdelta.cutover WHERE state IN ('planned', 'live')"
	"  UNION SELECT server FROM bcdelta.stage UNION SELECT server FROM bcdelta.signature) AS o"
	" WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server AS f WHERE f.srvname = o.server) ORDER BY 1",
	0, {0}
};

/* Returns the names of servers that do not exist, and have a plan that is not over, a stage, or answers of people. */
List *
bcd_cutovers_orphans(void)
{
	uint64		n = bcd_select(&select_orphans, NULL, NULL);
	List	   *names = NIL;
	uint64		i;

	for (i = 0; i < n; i++)
		names = lappend(names, bcd_column_text(i, 1));
	return names;
}

static BcdStatement rename_server = {
	"UPDATE bcdelta.cutover SET server = $2 WHERE server = $1", 2, {NAMEOID, NAMEOID}
};

/*
 * Lets the plans of a server follow its new name.
 * Returns the number of rows.
 */
int64
bcd_cutovers_rename_server(const char *from, const char *to)
{
	Datum		args[] = {bcd_name_datum(from), bcd_name_datum(to)};

	return (int64) bcd_execute(&rename_server, args, NULL);
}
