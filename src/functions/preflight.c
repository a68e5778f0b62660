/*
 * preflight.c
 *		preflight(): what speaks against pushing to a store, before anything is
 *		pushed.
 *
 * One run of the worker asks the store; the rest is found in this session.  What
 * cannot be found out is told as unknown, and does not keep the rest from being
 * told.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/attempt.h"
#include "base/db.h"
#include "base/roles.h"
#include "base/shmem.h"
#include "cutover/facts.h"
#include "feed/feed.h"
#include "functions/args.h"
#include "functions/run_functions.h"
#include "tables/feed.h"
#include "tables/feed_preflight.h"
#include "tables/run.h"
#include "worker/calls.h"
#include "worker/worker_words.h"

#define PREFLIGHT_COLUMNS	5

PG_FUNCTION_INFO_V1(bcdelta_preflight);

/* The facts, as rows */
typedef struct Told
{
	BcdRows		rows;
	int			no;
} Told;

static void
put(void *arg, const char *fact, const char *verdict, const char *found, const char *next)
{
	Told	   *told = arg;
	Datum		values[PREFLIGHT_COLUMNS] = {0};
	bool		nulls[PREFLIGHT_COLUMNS] = {false};

	values[0] = Int32GetDatum(++told->no);
	values[1] = CStringGetTextDatum(fact);
	values[2] = CStringGetTextDatum(verdict);
	values[3] = CStringGetTextDatum(found);
	nulls[4] = next == NULL;
	if (next)
		values[4] = CStringGetTextDatum(next);
	bcd_rows_put(&told->rows, values, nulls);
}

/* Returns the feeds of a server, with what is known without their sources. */
static List *
feeds_of(const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *feeds = NIL;
	List	   *names;
	BcdRights	rights;
	ListCell   *lc;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	names = bcd_feeds_of(server, NULL);
	bcd_spi_end(&rights);
	foreach(lc, names)
	{
		BcdFeed    *feed = bcd_feed_read(lfirst(lc), true);

		if (feed)
			feeds = lappend(feeds, feed);
	}
	return feeds;
}

static void
call_worker(void *arg)
{
	bcd_call(arg);
}

/* Tells whether a worker works, and asks the store; returns the run, or 0. */
static int64
ask_store(const BcdFacts *facts, const char *server)
{
	MemoryContext cxt = CurrentMemoryContext;
	bool		starting;
	char	   *words = bcd_worker_words(&starting);
	ErrorData  *error;
	BcdRights	rights;
	BcdRunRow	run;
	BcdCall		call;

	if (words)
	{
		bcd_fact(facts, "worker", BCD_FACT_PROBLEM, words, bcd_worker_hint());
		return 0;
	}
	bcd_fact(facts, "worker", BCD_FACT_OK, "running", NULL);
	bcd_prepare_call(&call, BCD_CALL_PREFLIGHT, NULL, server);
	error = bcd_attempt(call_worker, &call);
	if (error)
	{
		bcd_fact(facts, "store", BCD_FACT_UNKNOWN, psprintf("it was not asked: %s", error->message), error->hint);
		return 0;
	}
	bcd_spi_begin(&rights);
	if (bcd_run_read_newest(call.run_id, &run) && run.error)
		run.error = MemoryContextStrdup(cxt, run.error);
	bcd_spi_end(&rights);
	if (run.error)
		bcd_fact(facts, "store", BCD_FACT_PROBLEM, run.error, "check api_url and store_hash of the server, the network, and the status page of the store");
	else
		bcd_fact(facts, "store", BCD_FACT_OK, psprintf("it answers (run " INT64_FORMAT ")", call.run_id), NULL);
	return call.run_id;
}

static void
tell_feed(void *arg, const char *feed, bool active, const char *trouble, const char *capture)
{
	const BcdFacts *facts = arg;
	char	   *fact = psprintf("feed \"%s\"", feed);

	if (trouble)
		bcd_fact(facts, fact, BCD_FACT_PROBLEM, trouble, active ? NULL : psprintf("SELECT bcdelta.resume(%s)", quote_literal_cstr(feed)));
	else if (strcmp(capture, "none") == 0)
		bcd_fact(facts, fact, BCD_FACT_WARNING, "it captures no changes by itself", "call mark_where() or mark_since() before each sweep, the last one included");
	else
		bcd_fact(facts, fact, BCD_FACT_OK, "active; its triggers are in place, and its mapping fits its tables", NULL);
}

/* Tells whether the caller may do what the night needs. */
static void
tell_roles(const BcdFacts *facts, List *feeds)
{
	ListCell   *lc;

	foreach(lc, feeds)
	{
		const BcdFeed *feed = lfirst(lc);

		if (bcd_may_act_for(feed->owner))
			continue;
		bcd_fact(facts, "your rights", BCD_FACT_WARNING,
				 psprintf("feed \"%s\" belongs to %s: you cannot set stages, or plan a cutover", feed->name, bcd_role_words(feed->owner)),
				 psprintf("a member of the owners of all feeds has to do that"));
		return;
	}
	bcd_fact(facts, "your rights", BCD_FACT_OK, "you may act for the owners of all feeds", NULL);
}

/* bcdelta.preflight(server) */
Datum
bcdelta_preflight(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *server;
	Told		told = {.no = 0};
	BcdFacts	facts = {put, &told};
	BcdRights	rights;
	List	   *feeds;
	ListCell   *lc;
	int64		run_id;

	bcd_check_writable("bcdelta.preflight()");
	server = bcd_target(NULL, bcd_arg_name(fcinfo, 0));
	bcd_rows_begin(fcinfo, &told.rows);
	feeds = feeds_of(server);
	run_id = ask_store(&facts, server);
	if (feeds == NIL)
		bcd_fact(&facts, "feeds", BCD_FACT_PROBLEM, "the server has none", "SELECT bcdelta.track(...)");
	bcd_preflight_answers(&facts, feeds, run_id);
	tell_roles(&facts, feeds);
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	bcd_feeds_preflight(server, tell_feed, &facts);
	bcd_spi_end(&rights);
	foreach(lc, feeds)
		bcd_preflight_source(&facts, ((BcdFeed *) lfirst(lc))->name);
	return (Datum) 0;
}
