/*
 * row_read.c
 *		Reading source rows through their feed's mapping.
 *
 * The mapping's expressions are a user's SQL. They run as the feed's owner in
 * a security-restricted operation, in a separate read-only subtransaction,
 * through mapping_guard.c: any error in a row is that row's result.
 *
 * A claim says which rows it is going to read, so that some of them are read by
 * one query.  They are fetched one by one, each with its own time limit and its
 * own settings, and nothing is computed for a row before its turn: for each,
 * the outcome is the same as if it were read alone.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"

#include "base/bcdelta.h"
#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping_guard.h"
#include "feed/named.h"
#include "feed/ref.h"
#include "feed/row.h"
#include "feed/row_security.h"

/* Other limits for rows that are read by one query; the last one may exceed them */
#define MOST_BYTES	(1024 * 1024)
#define MOST_MS		20

typedef struct Reading
{
	BcdFeed    *feed;
	char	  **keys;			/* one, or several that are read by one query */
	int			n;
	bool		filter_only;	/* the mapping is not evaluated */
	BcdRow	   *rows;			/* the outcomes */
	int			at;				/* the row that is being read */
	Portal		portal;			/* the query, once it is open */
	bool		failed;			/* the row must be read alone */
} Reading;

/* Returns each column of the keys as an array; inside the guard. */
static Datum *
key_arrays(const Reading *r)
{
	const BcdFeed *feed = r->feed;
	Datum	   *arrays = palloc(sizeof(Datum) * feed->nkeys);
	Datum	  **keys = palloc(sizeof(Datum *) * r->n);
	Datum	   *column = palloc(sizeof(Datum) * r->n);
	int			i;
	int			k;

	for (i = 0; i < r->n; i++)
		keys[i] = bcd_key_parse(feed, r->keys[i]);
	for (k = 0; k < feed->nkeys; k++)
	{
		Oid			type = feed->keys[k].type;
		int16		len;
		bool		byval;
		char		align;

		for (i = 0; i < r->n; i++)
			column[i] = keys[i][k];
		get_typlenbyvalalign(type, &len, &byval, &align);
		arrays[k] = PointerGetDatum(construct_array(column, r->n, type, len, byval, align));
	}
	return arrays;
}

/* Executes the query for one row. */
static void
query_one(Reading *r)
{
	Datum	   *values = bcd_key_parse(r->feed, r->keys[0]);
	SPIPlanPtr	plan = bcd_row_plan_for(r->feed, r->filter_only ? BCD_PLAN_FILTER : BCD_PLAN_ROW);
	int			rc;

	/* planning may have evaluated a reference */
	bcd_ref_forget();
	bcd_named_forget();
	rc = SPI_execute_plan(plan, values, NULL, true, 1);
	if (rc != SPI_OK_SELECT)
		elog(ERROR, "could not read feed \"%s\": %s", r->feed->name, SPI_result_code_string(rc));
}

/* Fetches the row whose turn it is. */
static void
fetch_one(Reading *r)
{
	if (r->portal == NULL)
	{
		Datum	   *arrays = key_arrays(r);
		SPIPlanPtr	plan = bcd_row_plan_for(r->feed, r->filter_only ? BCD_PLAN_FILTERS : BCD_PLAN_ROWS);

		if (plan == NULL)
			elog(ERROR, "rows of feed \"%s\" have to be read alone", r->feed->name);
		r->portal = SPI_cursor_open(NULL, plan, arrays, NULL, true);
		bcd_ref_forget();
		bcd_named_forget();
	}
	SPI_cursor_fetch(r->portal, true, 1);
	if (SPI_processed != 1 || bcd_column_int64(0, SPI_tuptable->tupdesc->natts, NULL) != r->at + 1)
		elog(ERROR, "could not read feed \"%s\": there is no next row", r->feed->name);
}

/* The feed's code, behind the guard */
static void
run_mapping(void *arg)
{
	Reading    *r = arg;

	XactReadOnly = true;
	if (r->n == 1)
		query_one(r);
	else
		fetch_one(r);
}

static bool
is_found(const Reading *r)
{
	bool		isnull = false;

	if (r->n > 1)
		(void) bcd_column_datum(0, SPI_tuptable->tupdesc->natts - 1, &isnull);
	return SPI_processed > 0 && !isnull;
}

/* Reads the row whose turn it is.  Called in the subtransaction. */
static void
read_row(Reading *r, MemoryContext result_cxt)
{
	BcdFeed    *feed = r->feed;
	BcdRow	   *row = &r->rows[r->at];
	MemoryContext old;
	bool		found;

	memset(row, 0, sizeof(*row));
	bcd_ref_begin(result_cxt, feed->server_store);
	bcd_named_begin(feed, result_cxt);
	bcd_guard_run(feed, r->keys[r->at], 1, run_mapping, r);
	old = MemoryContextSwitchTo(result_cxt);
	found = is_found(r);
	if (!found)
		bcd_row_check_hidden(feed);

	/*
	 * with a filter, a reference in a function may have been null: the row
	 * may exist
	 */
	if (!found && feed->filter == NULL)
		row->state = BCD_ROW_MISSING;
	else if (bcd_named_blames(row))
		Assert(row->message);
	else if (bcd_ref_missing(&row->waits_feed, &row->waits_key))
		row->state = BCD_ROW_DEFERRED;
	else if (!found)
		row->state = BCD_ROW_MISSING;
	else if (r->filter_only)
		row->state = BCD_ROW_FOUND;
	else
		bcd_row_set_payload(feed, row);
	MemoryContextSwitchTo(old);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * Temporary errors, after which a row can be tried again: a session has locked
 * a table that it reads, or cancelled the statement; the disk is full; the row
 * may have been hidden. All other errors belong to the row, whose code has raised them.
 */
bool
bcd_row_error_passes(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_DISK_FULL ||
		sqlerrcode == ERRCODE_TOO_MANY_CONNECTIONS ||
		sqlerrcode == BCD_ERRCODE_HIDDEN ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/*
 * The current error is the outcome of the row whose turn it is.  If it came in
 * a query for several rows, the row is read once more, unless that took too
 * long or was cancelled: an expression may have failed because of what it left behind for
 * another row, such as an open cursor, and before the query is open, the error
 * may be that of another key.  Returns how many rows have an outcome.
 */
static int
note_error(Reading *r)
{
	ErrorData  *error = CopyErrorData();
	BcdRow	   *row = &r->rows[r->at];

	FlushErrorState();
	r->failed = r->n > 1 && error->sqlerrcode != ERRCODE_QUERY_CANCELED &&
		(r->portal == NULL || error->sqlerrcode != BCD_ERRCODE_OVERTIME);
	if (r->failed)
		return r->at;
	row->state = bcd_row_error_passes(error->sqlerrcode) ? BCD_ROW_HELD_UP : BCD_ROW_INVALID;
	row->message = error->detail ? psprintf("%s (%s)", error->message, error->detail) :
		error->message;
	row->error = error;
	/* the code may have failed because it got a null instead of an id */
	if (row->state == BCD_ROW_INVALID)
		(void) bcd_named_blames(row);
	return r->at + 1;
}

/* Should the rows that have been read be used before the next ones are read? */
static bool
is_enough(const Reading *r, int64 began)
{
	Size		bytes = 0;
	int			i;

	if (r->at == 0)
		return false;
	for (i = 0; i < r->at; i++)
		bytes += r->rows[i].payload ? VARSIZE(r->rows[i].payload) : 0;
	return bytes > MOST_BYTES || bcd_now_ms() - began > MOST_MS;
}

/*
 * Reads rows, and returns how many have an outcome, which is in the current
 * memory context: of one row always, of several perhaps none.
 *
 * The subtransaction is always rolled back, so no effects of an expression
 * remain, neither an open cursor nor a lock.
 */
static int
read_rows(Reading *r)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int64		began = bcd_now_ms();
	volatile int done = 0;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(CurTransactionContext);
	PG_TRY();
	{
		for (r->at = 0; r->at < r->n && !is_enough(r, began); r->at++)
			read_row(r, cxt);
		done = r->at;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		done = note_error(r);
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	bcd_ref_end();
	bcd_named_end();
	return done;
}

/* The rows that a claim is going to read, and those of them that have been read */
static struct
{
	BcdFeed    *feed;			/* NULL: none */
	bool		filter_only;
	TimestampTz transaction;	/* in which they are read */
	MemoryContext cxt;			/* below this transaction's */
	char	  **keys;
	int			nkeys;
	int			next;			/* the next one to be asked for */
	MemoryContext rows_cxt;
	BcdRow		rows[BCD_ROWS_TOGETHER];
	int			nrows;			/* number that have been read, */
	int			used;			/* and asked for */
	bool		alone;			/* the next one is read alone */
}			expected;

/*
 * Announces that rows of a feed are about to be asked for in this order (keys: a
 * list of strings), in this transaction, and with the snapshot that is active now;
 * with the mapping, or only whether they are there and satisfy the filter.
 */
void
bcd_rows_expect(BcdFeed *feed, List *keys, bool filter_only)
{
	MemoryContext old;
	ListCell   *lc;

	if (expected.feed && expected.transaction == GetCurrentTransactionStartTimestamp())
		MemoryContextDelete(expected.cxt);
	memset(&expected, 0, sizeof(expected));
	if (list_length(keys) < 2 || !bcd_rows_together(feed))
		return;
	expected.cxt = AllocSetContextCreate(TopTransactionContext, "bcdelta rows expected", ALLOCSET_DEFAULT_SIZES);
	expected.rows_cxt = AllocSetContextCreate(expected.cxt, "bcdelta rows read", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(expected.cxt);
	expected.keys = palloc(sizeof(char *) * list_length(keys));
	foreach(lc, keys)
		expected.keys[expected.nkeys++] = pstrdup(lfirst(lc));
	MemoryContextSwitchTo(old);
	expected.filter_only = filter_only;
	expected.transaction = GetCurrentTransactionStartTimestamp();
	expected.feed = feed;
}

/* Is this the next of the rows that were announced? */
bool
bcd_row_is_expected(const BcdFeed *feed, const char *key, bool filter_only)
{
	return expected.feed == feed && expected.filter_only == filter_only &&
		expected.transaction == GetCurrentTransactionStartTimestamp() &&
		expected.next < expected.nkeys && strcmp(expected.keys[expected.next], key) == 0;
}

/* Reads the next of the rows that were announced, at least one of them. */
static void
read_expected(void)
{
	MemoryContext old;

	MemoryContextReset(expected.rows_cxt);
	old = MemoryContextSwitchTo(expected.rows_cxt);
	expected.used = 0;
	do
	{
		Reading		r = {expected.feed, expected.keys + expected.next,
			expected.alone || expected.feed->apart ? 1 : Min(expected.nkeys - expected.next, BCD_ROWS_TOGETHER),
		expected.filter_only, expected.rows};

		expected.nrows = read_rows(&r);
		expected.alone = r.failed;
	} while (expected.nrows == 0);
	MemoryContextSwitchTo(old);
}

/* Copies the outcome of reading a row into the current memory context. */
static void
copy_row(const BcdRow *from, BcdRow *to)
{
	*to = *from;
	if (from->payload)
	{
		to->payload = palloc(VARSIZE(from->payload));
		memcpy(to->payload, from->payload, VARSIZE(from->payload));
	}
	to->waits_feed = from->waits_feed ? pstrdup(from->waits_feed) : NULL;
	to->waits_key = from->waits_key ? pstrdup(from->waits_key) : NULL;
	to->message = from->message ? pstrdup(from->message) : NULL;
}

static void
try_row(BcdFeed *feed, const char *key, bool filter_only, BcdRow *row)
{
	char	   *keys[] = {(char *) key};
	Reading		r = {feed, keys, 1, filter_only, row};

	if (!bcd_row_is_expected(feed, key, filter_only))
	{
		(void) read_rows(&r);
		return;
	}
	if (expected.used == expected.nrows)
		read_expected();
	expected.next++;
	copy_row(&expected.rows[expected.used++], row);
}

/*
 * Reads one source row; see BcdRow, whose error is valid until the next row is
 * read.  SPI is connected, a snapshot is active.
 */
void
bcd_feed_try_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	try_row(feed, key, false, row);
}

/*
 * Finds out in the same way whether the row of a key satisfies the filter, if
 * there is one.  The mapping is not evaluated, and there is no payload.
 */
void
bcd_row_try_filter(BcdFeed *feed, const char *key, BcdRow *row)
{
	try_row(feed, key, true, row);
}

char *
bcd_row_locked_words(const BcdFeed *feed)
{
	return psprintf("table %s is locked by another session", bcd_feed_from(feed));
}

/* The same outside a claim, when the source may be locked. */
void
bcd_feed_look_at_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	if (bcd_feed_try_lock(feed))
		bcd_feed_try_row(feed, key, row);
	else
	{
		memset(row, 0, sizeof(*row));
		row->state = BCD_ROW_HELD_UP;
		row->message = bcd_row_locked_words(feed);
	}
}

/*
 * The same for callers that cannot skip a row: raises the error that holds it
 * up.
 */
void
bcd_feed_row(BcdFeed *feed, const char *key, BcdRow *row)
{
	bcd_feed_try_row(feed, key, row);
	if (row->state == BCD_ROW_HELD_UP)
		ReThrowError(row->error);
	bcd_named_check_row(feed, row);
}

/*
 * Raises an error if a session has locked the source against reading.  The
 * worker does not wait, since it has other work, and tries again later.
 */
bool
bcd_feed_try_lock(const BcdFeed *feed)
{
	return ConditionalLockRelationOid(feed->source, AccessShareLock);
}

void
bcd_feed_lock(const BcdFeed *feed)
{
	if (!bcd_feed_try_lock(feed))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("%s", bcd_row_locked_words(feed))));
}

static void
count_rows(void *arg)
{
	char	   *sql = psprintf("SELECT pg_catalog.count(*) FROM %s", bcd_feed_from(arg));

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", sql);
}

/* Returns how many rows the source has. */
int64
bcd_feed_count(BcdFeed *feed)
{
	bcd_guard_run(feed, NULL, BCD_TABLE_TURNS, count_rows, feed);
	return bcd_column_int64(0, 1, NULL);
}
