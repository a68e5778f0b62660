/*
 * run_queue.c
 *		Runs that wait for their turn: which come next, and which can be
 *		joined.
 *
 * Runs of one store take turns, and anyone who may use the store can request
 * any number of them. Therefore the effort of starting a run does not depend
 * on how many are waiting, and a push request is answered with a waiting push
 * that would do all the same work. The number of waiting runs is limited for
 * each role, since the runs of other roles wait behind them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "base/roles.h"
#include "tables/run_queue.h"

/* Runs of a role that may wait for their turn; superusers have no limit */
#define ROLE_RUNS	100

/*
 * The oldest runs of each store that is idle; several per store, because a run
 * may not be able to start. A run that pauses is none of them. The query steps through the stores in the index
 * instead of reading all of their runs.
 */
static BcdStatement next_runs = {
	"WITH RECURSIVE s AS ("
	"  (SELECT server FROM bcdelta.run WHERE state = 'requested' ORDER BY server LIMIT 1)"
	"  UNION ALL SELECT (SELECT r.server FROM bcdelta.run AS r"
	"   WHERE r.state = 'requested' AND r.server > s.server ORDER BY r.server LIMIT 1)"
	"  FROM s WHERE s.server IS NOT NULL)"
	" SELECT q.run_id FROM s CROSS JOIN LATERAL (SELECT r.run_id FROM bcdelta.run AS r"
	"  WHERE r.state = 'requested' AND r.server = s.server"
	"  AND (r.paused_until IS NULL OR r.paused_until <= now()) ORDER BY r.run_id LIMIT 4) AS q"
	" WHERE NOT EXISTS (SELECT FROM bcdelta.run AS b WHERE b.state = 'running' AND b.server = s.server)"
	" ORDER BY q.run_id",
	0, {0}
};

/*
 * Returns the ids of the runs that may start now, oldest first, as int64
 * pointers in cxt.
 */
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

/* A run with hours may have to wait until tomorrow */
static BcdStatement joinable = {
	"SELECT run_id, waited FROM bcdelta.run AS r WHERE state = 'requested' AND server = $1"
	" AND kind = 'push' AND max_rows IS NULL AND (feed IS NULL OR feed = $2)"
	" AND NOT EXISTS (SELECT FROM bcdelta.schedule AS s WHERE s.name = r.schedule AND s.hours IS NOT NULL)"
	" ORDER BY run_id LIMIT 1",
	2, {NAMEOID, TEXTOID}
};

/* A run that this transaction requested itself sees all of its changes */
static BcdStatement own_run = {
	"SELECT run_id FROM bcdelta.run WHERE state = 'requested' AND NOT waited AND server = $1"
	" AND kind = 'push' AND max_rows IS NULL AND (feed IS NULL OR feed = $2)"
	" AND xmin::text = (pg_catalog.txid_current() & 4294967295)::text ORDER BY run_id LIMIT 1",
	2, {NAMEOID, TEXTOID}
};

static BcdStatement wait_no_more = {
	"UPDATE bcdelta.run SET waited = false WHERE run_id = $1", 1, {INT8OID}
};

/* Finds a waiting run that does all that a new one would. */
static bool
find(BcdStatement *statement, const BcdRunRequest *request)
{
	Datum		args[2];
	char		nulls[] = "  ";

	if (strcmp(request->kind, "push") != 0 || request->max_rows != 0)
		return false;
	args[0] = bcd_name_datum(request->server);
	args[1] = bcd_filled_or_null(request->feed, &nulls[1]);
	return bcd_execute(statement, args, nulls) > 0;
}

/*
 * Returns the run that this transaction requested before for the same purpose,
 * or 0.
 */
int64
bcd_run_own(const BcdRunRequest *request)
{
	return find(&own_run, request) ? bcd_column_int64(0, 1, NULL) : 0;
}

/*
 * Returns a waiting run that does all that a new one would, or 0 if there is
 * none. As it has not started yet, it sees everything that is committed by
 * now. A run with a limit on the number of rows cannot be shared, because two
 * of them push twice as many.
 *
 * *waited tells whether the run ends when the sessions that wait for it do. It
 * no longer does once a caller that does not wait has joined.
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

/* Raises an error if too many runs of the role wait for their turn. */
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
