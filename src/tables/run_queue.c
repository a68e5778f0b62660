/*
 * run_queue.c
 *		Runs that wait for their turn: which are next, which may be joined.
 *
 * Runs of a store go one after the other, and anybody who may use the store
 * can ask for any number of them.  So what it takes to start one does not
 * depend on how many there are, and a push that would do nothing but what one
 * does that has not begun yet, is that one.  What is left of such a crowd is
 * bounded for each role, since the runs of others wait behind it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "base/roles.h"
#include "tables/run_queue.h"

/* Runs of a role that may wait for their turn, superusers' apart */
#define ROLE_RUNS	100

/*
 * Of each store that is not busy the oldest runs; several, since a run may not
 * be able to start.  The stores are found from one to the next in the index,
 * not by looking at all of their runs.
 */
static BcdStatement next_runs = {
	"WITH RECURSIVE s AS ("
	"  (SELECT server FROM bcdelta.run WHERE state = 'requested' ORDER BY server LIMIT 1)"
	"  UNION ALL SELECT (SELECT r.server FROM bcdelta.run AS r"
	"   WHERE r.state = 'requested' AND r.server > s.server ORDER BY r.server LIMIT 1)"
	"  FROM s WHERE s.server IS NOT NULL)"
	" SELECT q.run_id FROM s CROSS JOIN LATERAL (SELECT r.run_id FROM bcdelta.run AS r"
	"  WHERE r.state = 'requested' AND r.server = s.server ORDER BY r.run_id LIMIT 4) AS q"
	" WHERE NOT EXISTS (SELECT FROM bcdelta.run AS b WHERE b.state = 'running' AND b.server = s.server)"
	" ORDER BY q.run_id",
	0, {0}
};

/* The ids of the runs that may start now, oldest first, as int64 pointers in cxt. */
List *
bcd_runs_next(MemoryContext cxt)
{
	MemoryContext old;
	List	   *ids = NIL;
	uint64		n = bcd_execute(&next_runs, NULL, NULL);
	uint64		i;

	old = MemoryContextSwitchTo(cxt);
	for (i = 0; i < n; i++)
	{
		int64	   *id = palloc(sizeof(int64));

		*id = bcd_column_int64(i, 1, NULL);
		ids = lappend(ids, id);
	}
	MemoryContextSwitchTo(old);
	return ids;
}

static BcdStatement joinable = {
	"SELECT run_id, waited FROM bcdelta.run WHERE state = 'requested' AND server = $1"
	" AND kind = 'push' AND max_rows IS NULL AND (feed IS NULL OR feed = $2)"
	" ORDER BY run_id LIMIT 1",
	2, {NAMEOID, TEXTOID}
};

/* One that this transaction has asked for sees all that it does */
static BcdStatement own_run = {
	"SELECT run_id FROM bcdelta.run WHERE state = 'requested' AND NOT waited AND server = $1"
	" AND kind = 'push' AND max_rows IS NULL AND (feed IS NULL OR feed = $2)"
	" AND xmin::text = (pg_catalog.txid_current() & 4294967295)::text ORDER BY run_id LIMIT 1",
	2, {NAMEOID, TEXTOID}
};

static BcdStatement wait_no_more = {
	"UPDATE bcdelta.run SET waited = false WHERE run_id = $1", 1, {INT8OID}
};

/* Is there a run that does all that a new one would? */
static bool
find(BcdStatement *statement, const BcdRunRequest *request)
{
	Datum		args[2];
	char		nulls[] = "  ";

	if (strcmp(request->kind, "push") != 0 || request->max_rows != 0)
		return false;
	args[0] = bcd_name_datum(request->server);
	args[1] = bcd_text_or_null(request->feed && request->feed[0] ? request->feed : NULL, &nulls[1]);
	return bcd_execute(statement, args, nulls) > 0;
}

/* The run that this transaction has asked for before, for the same; or 0. */
int64
bcd_run_own(const BcdRunRequest *request)
{
	return find(&own_run, request) ? bcd_column_int64(0, 1, NULL) : 0;
}

/*
 * The run that does all that a new one would; 0: there is none.  It sees what
 * was committed by now, since it has not begun.  One for a number of rows at
 * most neither joins nor is joined: two of them push twice as many.
 *
 * waited tells whether it ends with the sessions that wait for it.  It does
 * not any more when somebody joins who does not wait.
 */
int64
bcd_run_join(const BcdRunRequest *request, bool *waited)
{
	int64		run_id;
	Datum		id;

	if (!find(&joinable, request))
		return 0;
	run_id = bcd_column_int64(0, 1, NULL);
	*waited = bcd_column_bool(0, 2) && request->waited;
	id = Int64GetDatum(run_id);
	if (!request->waited)
		(void) bcd_execute(&wait_no_more, &id, NULL);
	return run_id;
}

static BcdStatement has_room = {
	"SELECT count(*) < $3 FROM (SELECT FROM bcdelta.run"
	" WHERE state = 'requested' AND server = $1 AND requested_by = $2 LIMIT $3) AS q",
	3, {NAMEOID, OIDOID, INT8OID}
};

/* Raises an error when too many runs of the role wait for their turn. */
void
bcd_run_check_room(const BcdRunRequest *request)
{
	Datum		args[3];

	if (superuser_arg(request->role))
		return;
	args[0] = bcd_name_datum(request->server);
	args[1] = ObjectIdGetDatum(request->role);
	args[2] = Int64GetDatum(ROLE_RUNS);
	(void) bcd_execute(&has_room, args, NULL);
	if (!bcd_column_bool(0, 1))
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d runs of %s are already waiting for their turn", ROLE_RUNS,
						bcd_role_words(request->role))));
}
