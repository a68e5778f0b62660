/*
 * tally.c
 *		How many rows of each feed are linked, and how many are pending in
 *		each state.
 *
 * Counting a million rows takes seconds, too long for status(), so rows are
 * counted as they come and go. Triggers on bcdelta.link and bcdelta.pending,
 * which apply to whoever writes there, add up what a transaction does; just
 * before it commits, its sums are appended to bcdelta.tally. The true count is
 * the sum over that table. No two transactions write to the same row, so
 * nobody waits for anyone. From time to time the worker replaces rows by their
 * sum.
 *
 * When a subtransaction is rolled back, its part of the counts is dropped.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/db.h"
#include "base/extension.h"
#include "tables/tally.h"

/* columns of bcdelta.tally */
enum
{
	TALLY_FEED,
	TALLY_WHAT,
	TALLY_N,
	TALLY_NATTS
};

/* With more rows than this, the worker sums them up; a run does if it has read more */
#define FOLD_FROM	"500"
#define LONG_TALLY	2000

/* The longest names of a feed and of a state */
#define FEED_BYTES	256
#define WHAT_BYTES	16

/* What a transaction or subtransaction has added to a count */
typedef struct BcdTally
{
	char		feed[FEED_BYTES];
	char		what[WHAT_BYTES];
	int			level;			/* nesting level of the subtransaction */
	int64		n;
} BcdTally;

static BcdTally *tallies = NULL;	/* in TopTransactionContext */
static int	ntallies = 0;
static int	max_tallies = 0;
static int	last = 0;			/* the entry that was used last */

static bool is_long = false;	/* whether the table was when last read */

PG_FUNCTION_INFO_V1(bcdelta_tally);

/* Appends the sums of this transaction to the table. */
static void
write_tallies(void)
{
	Oid			relid = bcd_table_oid("tally");
	Relation	relation;
	int			i;

	/* the transaction has dropped the extension */
	if (!OidIsValid(relid))
		return;
	relation = table_open(relid, RowExclusiveLock);
	/* the table could have values out of line, which ask for a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	for (i = 0; i < ntallies; i++)
	{
		Datum		values[TALLY_NATTS];
		bool		nulls[TALLY_NATTS] = {false};
		HeapTuple	tuple;

		if (tallies[i].n == 0)
			continue;
		values[TALLY_FEED] = CStringGetTextDatum(tallies[i].feed);
		values[TALLY_WHAT] = CStringGetTextDatum(tallies[i].what);
		values[TALLY_N] = Int64GetDatum(tallies[i].n);
		tuple = heap_form_tuple(RelationGetDescr(relation), values, nulls);
		simple_heap_insert(relation, tuple);
		heap_freetuple(tuple);
	}
	PopActiveSnapshot();
	table_close(relation, NoLock);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (ntallies > 0 && (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE))
		write_tallies();
	else if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	tallies = NULL;
	ntallies = max_tallies = last = 0;
}

/*
 * Adds an entry to an earlier one of the first n for the same count, to keep
 * their number small.
 */
static bool
is_merged(const BcdTally *tally, int n)
{
	while (n-- > 0)
	{
		BcdTally   *other = &tallies[n];

		if (other->level != tally->level || strcmp(other->what, tally->what) != 0 ||
			strcmp(other->feed, tally->feed) != 0)
			continue;
		other->n += tally->n;
		return true;
	}
	return false;
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();
	int			kept = 0;
	int			i;

	if (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB)
		return;
	for (i = 0; i < ntallies; i++)
	{
		if (tallies[i].level >= level && event == SUBXACT_EVENT_ABORT_SUB)
			continue;
		tallies[kept] = tallies[i];
		tallies[kept].level = Min(tallies[i].level, level - 1);
		kept += !is_merged(&tallies[kept], kept);
	}
	ntallies = kept;
	last = 0;
}

static bool
is_same(const BcdTally *tally, const char *feed, Size len, const char *what, int level)
{
	return tally->level == level && strcmp(tally->what, what) == 0 &&
		strlen(tally->feed) == len && memcmp(tally->feed, feed, len) == 0;
}

static BcdTally *
new_tally(const char *feed, Size len, const char *what, int level)
{
	BcdTally   *tally;

	if (ntallies == max_tallies)
	{
		int			most = Max(16, max_tallies * 2);

		tallies = tallies ? repalloc(tallies, most * sizeof(BcdTally)) :
			MemoryContextAlloc(TopTransactionContext, most * sizeof(BcdTally));
		max_tallies = most;
	}
	tally = &tallies[ntallies];
	memcpy(tally->feed, feed, len);
	tally->feed[len] = '\0';
	strlcpy(tally->what, what, sizeof(tally->what));
	tally->level = level;
	tally->n = 0;
	last = ntallies++;
	return tally;
}

static void
add(const char *name, Size len, const char *what, int64 n)
{
	int			level = GetCurrentTransactionNestLevel();
	int			i;

	len = Min(len, FEED_BYTES - 1);

	if (last < ntallies && is_same(&tallies[last], name, len, what, level))
	{
		tallies[last].n += n;
		return;
	}
	for (i = 0; i < ntallies; i++)
	{
		if (!is_same(&tallies[i], name, len, what, level))
			continue;
		last = i;
		tallies[i].n += n;
		return;
	}
	new_tally(name, len, what, level)->n = n;
}

static void
register_callbacks(void)
{
	static bool registered = false;

	if (registered)
		return;
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	registered = true;
}

/*
 * Counts a row of link or of pending that has come (n = 1) or gone (n = -1).
 */
static void
count_row(HeapTuple tuple, TupleDesc desc, int n)
{
	int			state = SPI_fnumber(desc, "state");
	char		what[WHAT_BYTES] = "linked";
	bool		isnull;
	Datum		feed = heap_getattr(tuple, SPI_fnumber(desc, "feed"), desc, &isnull);

	if (state > 0)
	{
		bool		no_state;
		text	   *value = DatumGetTextPP(heap_getattr(tuple, state, desc, &no_state));

		text_to_cstring_buffer(value, what, sizeof(what));
	}
	if (!isnull)
	{
		text	   *name = DatumGetTextPP(feed);

		add(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), what, n);
	}
}

static BcdStatement empty_tally = {
	"INSERT INTO bcdelta.tally (feed, what, n) SELECT feed, what, - sum(n) FROM bcdelta.tally"
	" WHERE (what = 'linked') = $1 GROUP BY feed, what",
	1, {BOOLOID}
};

/* Resets the counts after a TRUNCATE. */
static void
count_none(bool links)
{
	Datum		arg = BoolGetDatum(links);
	BcdRights	rights;
	int			i;

	/*
	 * subtracted at this level, because the subtransaction may be rolled back
	 */
	for (i = ntallies - 1; i >= 0; i--)
	{
		BcdTally	tally = tallies[i];

		if ((strcmp(tally.what, "linked") == 0) == links)
			add(tally.feed, strlen(tally.feed), tally.what, -tally.n);
	}
	bcd_spi_begin(&rights);
	(void) bcd_execute(&empty_tally, &arg, NULL);
	bcd_spi_end(&rights);
}

/*
 * bcdelta.tally(): the trigger on link and pending.
 */
Datum
bcdelta_tally(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"bcdelta.tally\" must be called as a trigger after a change")));
	register_callbacks();
	desc = RelationGetDescr(trigdata->tg_relation);
	if (TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event))
		count_none(SPI_fnumber(desc, "state") <= 0);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		count_row(trigdata->tg_trigtuple, desc, 1);
	else
		count_row(trigdata->tg_trigtuple, desc, -1);
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		count_row(trigdata->tg_newtuple, desc, 1);
	return PointerGetDatum(NULL);
}

static BcdStatement fold_tally = {
	"WITH gone AS ("
	"  DELETE FROM bcdelta.tally WHERE (SELECT count(*) FROM bcdelta.tally) > " FOLD_FROM
	"  RETURNING feed, what, n)"
	" INSERT INTO bcdelta.tally (feed, what, n)"
	" SELECT feed, what, sum(n) FROM gone GROUP BY feed, what HAVING sum(n) <> 0",
	0, {0}
};

/* Replaces rows by their sums. For the worker, in a transaction of its own. */
void
bcd_tally_fold(void)
{
	(void) bcd_execute(&fold_tally, NULL, NULL);
	is_long = false;
}

/* Does the same if so many rows have been read that it pays. */
void
bcd_tally_fold_long(void)
{
	if (is_long)
		bcd_tally_fold();
}

/*
 * A single statement has a single snapshot, so concurrent changes add equally
 * to both sides.
 */
static BcdStatement mend_tally = {
	"INSERT INTO bcdelta.tally (feed, what, n) SELECT feed, what, sum(n) FROM ("
	"  SELECT feed, state AS what, count(*) AS n FROM bcdelta.pending GROUP BY feed, state"
	"  UNION ALL SELECT feed, 'linked', count(*) FROM bcdelta.link GROUP BY feed"
	"  UNION ALL SELECT feed, what, - sum(n) FROM bcdelta.tally GROUP BY feed, what) AS c"
	" GROUP BY feed, what HAVING sum(n) <> 0",
	0, {0}
};

/*
 * Counts everything again, in case rows were written without firing triggers,
 * as pg_restore --disable-triggers does. The transaction must not have written
 * to the tables itself.
 */
void
bcd_tally_mend(void)
{
	bcd_tx_scan();
	(void) bcd_execute(&mend_tally, NULL, NULL);
}

/*
 * Returns the i-th sum that this transaction is going to write, or false if
 * there are no more.
 */
bool
bcd_tally_nth(int i, const char **feed, const char **what, int64 *n)
{
	if (i >= ntallies)
		return false;
	*feed = tallies[i].feed;
	*what = tallies[i].what;
	*n = tallies[i].n;
	return true;
}

static BcdStatement select_tally = {
	"SELECT coalesce(sum(n), 0)::int8, count(*) FROM bcdelta.tally WHERE feed = ANY ($1) AND what = ANY ($2)",
	2, {TEXTARRAYOID, TEXTARRAYOID}
};

static Datum
text_array(const char *const *texts, int n)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(n, 1));
	int			i;

	for (i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(texts[i]);
	return bcd_array(TEXTOID, values, NULL, n);
}

static bool
is_among(const char *text, const char *const *texts, int n)
{
	while (n-- > 0)
		if (strcmp(texts[n], text) == 0)
			return true;
	return false;
}

/*
 * Returns how many rows of these feeds are "linked" or pending in one of these
 * states, including the changes of the current transaction.
 */
int64
bcd_tally_of(const char *const *feeds, int nfeeds, const char *const *whats, int nwhats)
{
	Datum		args[2];
	int64		n;
	int			i;

	args[0] = text_array(feeds, nfeeds);
	args[1] = text_array(whats, nwhats);
	(void) bcd_execute(&select_tally, args, NULL);
	n = bcd_column_int64(0, 1, NULL);
	is_long |= bcd_column_int64(0, 2, NULL) > LONG_TALLY;
	for (i = 0; i < ntallies; i++)
		if (is_among(tallies[i].feed, feeds, nfeeds) && is_among(tallies[i].what, whats, nwhats))
			n += tallies[i].n;
	return Max(n, 0);
}
