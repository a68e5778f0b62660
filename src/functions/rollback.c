/*
 * rollback.c
 *		rollback(), rollback_since() and rollback_preview(): check their
 *		arguments and request the run.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/bcdelta.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "feed/adjusted.h"
#include "feed/feed.h"
#include "feed/feed_lock.h"
#include "functions/args.h"
#include "functions/decided.h"
#include "functions/run_functions.h"
#include "payload/payload.h"
#include "tables/adjustment.h"
#include "tables/rollback_field.h"
#include "tables/run.h"
#include "tables/run_queue.h"
#include "tables/undo.h"
#include "worker/call_detail.h"
#include "worker/calls.h"

PG_FUNCTION_INFO_V1(bcdelta_rollback);
PG_FUNCTION_INFO_V1(bcdelta_rollback_since);
PG_FUNCTION_INFO_V1(bcdelta_rollback_preview);
PG_FUNCTION_INFO_V1(bcdelta_release);

/* The arguments of all three; those that a function does not have are not set */
typedef struct Request
{
	int64		run_id;			/* 0: since */
	TimestampTz since;
	char	   *server;
	char	   *feed;
	char	   *created;
	bool		force;
	char	   *after;
	bool		preview;
	bool		wait;
	List	   *feeds;			/* that were written to (BcdUndoScope) */
} Request;

static const char *const created_words[] = {"hide", "delete", "keep", NULL};
static const char *const after_words[] = {"pause", "hold", "none", NULL};

#define WHICH_RUNS	"bcdelta.undoable lists the runs that can be rolled back."

/* Raises an error unless a run can be rolled back; returns its server. */
static char *
check_run(int64 run_id, bool *wrote)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	BcdRunRequest request;
	BcdRunRow	run;
	char	   *server;
	char	   *kind;
	char	   *state;

	bcd_spi_begin(&rights);
	if (!bcd_run_read(run_id, &request) || !bcd_run_read_newest(run_id, &run))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("run " INT64_FORMAT " does not exist", run_id),
				 errhint(WHICH_RUNS)));
	server = MemoryContextStrdup(cxt, run.server);
	kind = MemoryContextStrdup(cxt, request.kind);
	state = MemoryContextStrdup(cxt, run.state);
	*wrote = bcd_run_wrote(run_id);
	bcd_spi_end(&rights);
	if (strcmp(kind, "push") != 0 && strcmp(kind, "rollback") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("run " INT64_FORMAT " is a %s, which writes nothing that could be rolled back", run_id, kind),
				 errhint(WHICH_RUNS)));
	if (strcmp(state, "requested") == 0 || strcmp(state, "running") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("run " INT64_FORMAT " has not ended yet", run_id),
				 errhint("Wait for its end, or stop it with SELECT bcdelta.cancel(" INT64_FORMAT ").", run_id)));
	return server;
}

/* Raises an error unless the caller owns all feeds that were written to. */
static void
check_feeds(const Request *r, bool wrote)
{
	ListCell   *lc;
	int			left = 0;

	foreach(lc, r->feeds)
	{
		const BcdUndoScope *scope = lfirst(lc);
		BcdFeed    *feed = bcd_feed_read(scope->feed, true);

		if (feed == NULL || feed->feed_id != scope->feed_id)
			ereport(NOTICE,
					(errmsg("feed \"%s\" was untracked or unlinked since, so its records are left as they are", scope->feed),
					 errhint("bcdelta.undo has what they held before.")));
		else
		{
			bcd_feed_check_owner(bcd_feed_load(scope->feed, false), "roll back writes of");
			left++;
		}
	}
	if (left > 0 || r->run_id == 0)
		return;
	if (r->feeds != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " cannot be rolled back, because its feeds were untracked or unlinked since", r->run_id),
				 errhint("bcdelta.undo has what the records held before.")));
	if (wrote)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("run " INT64_FORMAT " cannot be rolled back, because it is no longer known what the records held before", r->run_id),
				 errdetail("This is kept for bcdelta.undo_retention, which is %d days.", bcd_undo_retention),
				 errhint(WHICH_RUNS)));
	ereport(NOTICE,
			(errmsg("run " INT64_FORMAT " has written nothing", r->run_id)));
}

/* Finds the feeds that a rollback would write to. */
static void
find_feeds(Request *r)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	TimestampTz since = r->since;
	Datum		run_id = Int64GetDatum(r->run_id);
	Datum		runs;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	if (r->run_id != 0)
		TIMESTAMP_NOBEGIN(since);
	runs = r->run_id != 0 ? bcd_array(INT8OID, &run_id, NULL, 1) : bcd_undo_runs_since(r->server, r->feed, since, 0);
	MemoryContextSwitchTo(cxt);
	r->feeds = runs == (Datum) 0 ? NIL : bcd_undo_feeds(runs, since, r->feed);
	bcd_spi_end(&rights);
}

static void
append_member(StringInfo json, const char *name, const char *value, bool quoted)
{
	appendStringInfo(json, "%s\"%s\": ", json->len > 1 ? ", " : "", name);
	if (quoted)
		escape_json(json, value);
	else
		appendStringInfoString(json, value);
}

/*
 * Returns the request as JSON, as bcdelta.run keeps it.  The time is written as
 * the worker reads it, whatever DateStyle is set here.
 */
static char *
as_json(const Request *r)
{
	StringInfoData json;
	char		since[MAXDATELEN + 1];

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (r->run_id != 0)
		append_member(&json, "run_id", psprintf(INT64_FORMAT, r->run_id), false);
	else
		append_member(&json, "since", JsonEncodeDateTime(since, TimestampTzGetDatum(r->since), TIMESTAMPTZOID, NULL), true);
	append_member(&json, "created", r->created, true);
	append_member(&json, "force", r->force ? "true" : "false", false);
	append_member(&json, "after", r->after, true);
	if (r->preview)
		append_member(&json, "preview", "true", false);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* Requests a run that starts when this transaction has committed. */
static int64
ask_at_commit(const BcdCall *call, const char *json)
{
	BcdRunRequest request = {.kind = "rollback",.feed = call->feed,.server = NameStr(call->server),.role = call->role};
	BcdRights	rights;
	int64		run_id;

	request.rollback = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	bcd_spi_begin(&rights);
	bcd_run_check_room(&request);
	run_id = bcd_run_insert(&request);
	bcd_spi_end(&rights);
	bcd_wake_worker_at_commit();
	return run_id;
}

/* Checks a request, carries it out, and returns the id of its run. */
static int64
carry_out(Request *r)
{
	bool		wrote = false;
	Datum		json;
	BcdCall		call;

	bcd_check_word(r->created, "created", created_words);
	bcd_check_word(r->after, "after", after_words);
	if (r->run_id != 0)
		r->server = check_run(r->run_id, &wrote);
	bcd_prepare_call(&call, BCD_CALL_ROLLBACK, r->run_id != 0 ? NULL : r->feed, r->server);
	r->server = pstrdup(NameStr(call.server));
	find_feeds(r);
	check_feeds(r, wrote);
	bcd_call_check_worker();
	if (!r->wait)
		return ask_at_commit(&call, as_json(r));
	json = CStringGetTextDatum(as_json(r));
	bcd_call_with(&call, DatumGetArrayTypeP(bcd_array(TEXTOID, &json, NULL, 1)));
	return call.run_id;
}

/* bcdelta.rollback(run_id, created, force, after, wait): returns the run. */
Datum
bcdelta_rollback(PG_FUNCTION_ARGS)
{
	Request		r = {0};

	bcd_check_writable("bcdelta.rollback()");
	bcd_check_not_null(fcinfo, 0, "run_id");
	bcd_check_not_null(fcinfo, 1, "created");
	bcd_check_not_null(fcinfo, 2, "force");
	bcd_check_not_null(fcinfo, 3, "after");
	bcd_check_not_null(fcinfo, 4, "wait");
	r.run_id = PG_GETARG_INT64(0);
	r.created = bcd_arg_text(fcinfo, 1);
	r.force = PG_GETARG_BOOL(2);
	r.after = bcd_arg_text(fcinfo, 3);
	r.wait = PG_GETARG_BOOL(4);
	PG_RETURN_DATUM(bcd_run_datum(carry_out(&r)));
}

static void
check_since(TimestampTz since)
{
	if (TIMESTAMP_NOT_FINITE(since) || since > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"since\" must be a time in the past")));
}

/*
 * bcdelta.rollback_since(since, server, feed, created, force, after, wait):
 * returns the run.
 */
Datum
bcdelta_rollback_since(PG_FUNCTION_ARGS)
{
	Request		r = {0};

	bcd_check_writable("bcdelta.rollback_since()");
	bcd_check_not_null(fcinfo, 0, "since");
	bcd_check_not_null(fcinfo, 3, "created");
	bcd_check_not_null(fcinfo, 4, "force");
	bcd_check_not_null(fcinfo, 5, "after");
	bcd_check_not_null(fcinfo, 6, "wait");
	r.since = PG_GETARG_TIMESTAMPTZ(0);
	check_since(r.since);
	r.server = bcd_arg_name(fcinfo, 1);
	r.feed = bcd_arg_text(fcinfo, 2);
	r.created = bcd_arg_text(fcinfo, 3);
	r.force = PG_GETARG_BOOL(4);
	r.after = bcd_arg_text(fcinfo, 5);
	r.wait = PG_GETARG_BOOL(6);
	PG_RETURN_DATUM(bcd_run_datum(carry_out(&r)));
}

/* bcdelta.release(run_id): returns the number of rows that are not held any more. */
Datum
bcdelta_release(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	List	   *feeds;
	ListCell   *lc;
	int64		rows = 0;

	bcd_check_writable("bcdelta.release()");
	bcd_check_not_null(fcinfo, 0, "run_id");
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	feeds = bcd_holds_feeds(PG_GETARG_INT64(0));
	bcd_spi_end(&rights);
	if (feeds == NIL)
		ereport(NOTICE,
				(errmsg("rollback run " INT64_FORMAT " holds no row", PG_GETARG_INT64(0))));
	foreach(lc, feeds)
		bcd_feed_check_owner(bcd_feed_read(lfirst(lc), false), "release rows of");
	foreach(lc, feeds)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), false);
		int			n;

		bcd_links_take(feed->feed_id);
		bcd_spi_begin(&rights);
		n = bcd_holds_release(feed, PG_GETARG_INT64(0));
		bcd_spi_end(&rights);
		(void) bcd_decided("release", feed->name, NULL, NULL, bcd_payload_set_integer(NULL, "run_id", PG_GETARG_INT64(0)));
		rows += n;
	}
	bcd_wake_worker_at_commit();
	PG_RETURN_INT64(rows);
}

static void
put_row(Datum *values, bool *nulls, void *rows)
{
	bcd_rows_put(rows, values, nulls);
}

/*
 * bcdelta.rollback_preview(run_id, since, server, feed, created, force,
 * max_rows): returns what would be done.
 */
Datum
bcdelta_rollback_preview(PG_FUNCTION_ARGS)
{
	Request		r = {.preview = true,.after = "none",.wait = true};
	BcdRights	rights;
	BcdRows		rows;
	int64		run_id;

	bcd_check_writable("bcdelta.rollback_preview()");
	bcd_check_not_null(fcinfo, 4, "created");
	bcd_check_not_null(fcinfo, 5, "force");
	bcd_check_not_null(fcinfo, 6, "max_rows");
	if (PG_ARGISNULL(0) == PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("either argument \"run_id\" or argument \"since\" is needed, and not both")));
	if (PG_GETARG_INT32(6) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"max_rows\" must be greater than zero")));
	if (PG_ARGISNULL(0))
	{
		r.since = PG_GETARG_TIMESTAMPTZ(1);
		check_since(r.since);
	}
	else
		r.run_id = PG_GETARG_INT64(0);
	r.server = bcd_arg_name(fcinfo, 2);
	r.feed = bcd_arg_text(fcinfo, 3);
	r.created = bcd_arg_text(fcinfo, 4);
	r.force = PG_GETARG_BOOL(5);
	bcd_rows_begin(fcinfo, &rows);
	run_id = carry_out(&r);
	bcd_spi_begin(&rights);
	bcd_rollback_fields(run_id, PG_GETARG_INT32(6), put_row, &rows);
	bcd_spi_end(&rights);
	return (Datum) 0;
}
