/*
 * preflight_source.c
 *		What a source holds that its store would not take.
 *
 * The whole source is read through the mapping, once as a stream of rows whose
 * values are checked as a push does, and once for each natural key, in queries
 * that PostgreSQL can carry out on disk: so memory does not grow with it.  All of
 * this runs as the feed's owner, read-only, in the caller's transaction, and its
 * effects are undone.
 *
 * Rows that others refer to need not be in the store yet: every row counts as
 * linked, with an id that is computed from its key.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/roles.h"
#include "cutover/facts.h"
#include "cutover/tree_depth.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/mapping.h"
#include "feed/mapping_guard.h"
#include "feed/named.h"
#include "feed/ref.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Rows of a portion of the stream */
#define PORTION		500

/* What was found of a field */
typedef struct Flaw
{
	int64		rows;
	char	   *example;		/* the first of them, in words */
	int64		empty;			/* rows without a value, although it is needed */
} Flaw;

/* The look at a source */
typedef struct Look
{
	const BcdFacts *facts;
	BcdFeed    *feed;
	MemoryContext cxt;			/* of what is kept */
	int64		rows;
	Flaw	   *flaws;			/* one for each field */
	char	   *sql;			/* of the query at hand */
	int64		numbers[2];		/* that it returns ... */
	char	   *examples[2];	/* ... and texts */
	int			deepest;
} Look;

/* Is there always a value once other rows are in the store? */
static bool
is_reference(const BcdField *field)
{
	return field->refers_to != NULL;
}

static void
look_at_value(Look *look, int nth, bool isnull, Datum datum)
{
	const BcdField *field = look->feed->fields[nth].field;
	Flaw	   *flaw = &look->flaws[nth];
	JsonbValue	value;
	char	   *message;

	if (isnull)
	{
		flaw->empty += (field->flags & BCD_F_REQUIRED) != 0 && !is_reference(field);
		return;
	}
	if (is_reference(field))
		return;
	bcd_jsonb_value(DatumGetJsonbP(datum), &value);
	message = bcd_payload_normalize(field, &value);
	if (message == NULL)
		return;
	if (flaw->rows++ == 0)
		flaw->example = MemoryContextStrdup(look->cxt, message);
}

/* Reads the rows as a stream; as the owner. */
static void
stream_rows(void *arg)
{
	Look	   *look = arg;
	BcdFeed    *feed = look->feed;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta preflight", ALLOCSET_DEFAULT_SIZES);
	StringInfoData sql;
	Portal		portal;
	SPIPlanPtr	plan;
	int			i;

	XactReadOnly = true;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	for (i = 0; i < feed->nfields; i++)
		appendStringInfo(&sql, "%spg_catalog.to_jsonb(f%d)", i ? ", " : "", i + 1);
	appendStringInfo(&sql, " FROM (%s) AS mapped", bcd_feed_select(feed, NULL));
	plan = SPI_prepare(sql.data, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\"", sql.data);
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	for (;;)
	{
		MemoryContext old;
		uint64		n;

		SPI_cursor_fetch(portal, true, PORTION);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(scratch);
		for (n = 0; n < SPI_processed; n++)
		{
			for (i = 0; i < feed->nfields; i++)
			{
				bool		isnull;
				Datum		datum = SPI_getbinval(SPI_tuptable->vals[n], SPI_tuptable->tupdesc, i + 1, &isnull);

				look_at_value(look, i, isnull, datum);
			}
			MemoryContextReset(scratch);
			CHECK_FOR_INTERRUPTS();
		}
		MemoryContextSwitchTo(old);
		look->rows += SPI_processed;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(scratch);
}

/* Runs a query that returns two numbers and two texts; as the owner. */
static void
run_query(void *arg)
{
	Look	   *look = arg;
	int			i;

	XactReadOnly = true;
	if (SPI_execute(look->sql, true, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "could not execute \"%s\"", look->sql);
	for (i = 0; i < lengthof(look->numbers); i++)
	{
		char	   *text = bcd_column_text(0, i + 3);

		look->numbers[i] = bcd_column_int64(0, i + 1, NULL);
		look->examples[i] = text ? MemoryContextStrdup(look->cxt, text) : NULL;
	}
	SPI_freetuptable(SPI_tuptable);
}

/* How deep a row is below others of its feed; as the owner. */
static void
measure_depth(void *arg)
{
	Look	   *look = arg;

	XactReadOnly = true;
	look->deepest = bcd_tree_depth(look->feed, look->sql);
}

typedef struct Work
{
	Look	   *look;
	void		(*work) (void *look);
} Work;

static void
guarded(void *arg)
{
	Work	   *w = arg;

	bcd_guard_run(w->look->feed, NULL, BCD_TABLE_TURNS, w->work, w->look);
}

/*
 * Does some work on the source, with references resolved.  Returns false if it
 * fails, which is told.
 */
static bool
attempt(Look *look, void (*work) (void *look), const char *fact)
{
	Work		w = {look, work};
	ErrorData  *volatile error = NULL;

	bcd_ref_begin(look->cxt, look->feed->server_store);
	bcd_ref_stand_in(true);
	bcd_named_begin(look->feed, look->cxt);
	PG_TRY();
	{
		error = bcd_attempt_undone(guarded, &w);
	}
	PG_FINALLY();
	{
		bcd_named_end();
		bcd_ref_stand_in(false);
		bcd_ref_end();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(look->cxt);
	if (error)
		bcd_fact(look->facts, fact, BCD_FACT_UNKNOWN, psprintf("the source could not be read: %s", error->message),
				 psprintf("a push refuses such rows one by one; SELECT * FROM bcdelta.preview(%s)", quote_literal_cstr(look->feed->name)));
	return error == NULL;
}

static char *
about(const Look *look, const char *what)
{
	return psprintf("%s of feed \"%s\"", what, look->feed->name);
}

static void
tell_rows(Look *look)
{
	const BcdResource *r = look->feed->resource;
	char	   *rows = bcd_count(look->rows, "row", "rows");
	int64		wrong = 0;
	int			i;

	if (r->most > 0 && look->rows > r->most)
		bcd_fact(look->facts, about(look, "number"), BCD_FACT_PROBLEM,
				 psprintf("%s, but a store can have %d records of resource %s", rows, r->most, r->name),
				 "leave some out with a filter, or use another resource");
	else
		bcd_fact(look->facts, about(look, "number"), BCD_FACT_OK,
				 r->most > 0 ? psprintf("%s; a store can have %d", rows, r->most) : rows, NULL);
	for (i = 0; i < look->feed->nfields; i++)
	{
		const Flaw *flaw = &look->flaws[i];
		char	   *fact = about(look, psprintf("field \"%s\"", look->feed->fields[i].field->name));
		char	   *fix = psprintf("correct the source, or change the expression with bcdelta.alter_feed(%s, fields => ...)",
								   quote_literal_cstr(look->feed->name));

		wrong += flaw->rows + flaw->empty;
		if (flaw->rows > 0)
			bcd_fact(look->facts, fact, BCD_FACT_PROBLEM, psprintf("%s a value that the store does not take, such as: %s",
																   bcd_count(flaw->rows, "row has", "rows have"), flaw->example), fix);
		if (flaw->empty > 0)
			bcd_fact(look->facts, fact, BCD_FACT_PROBLEM, psprintf("%s no value, which a new record needs", bcd_count(flaw->empty, "row has", "rows have")), fix);
	}
	if (wrong == 0)
		bcd_fact(look->facts, about(look, "values"), BCD_FACT_OK, "all of them are within the limits of the store", NULL);
}

/* Returns the expression of a field, as text, or NULL: it is not mapped. */
static const char *
expression_of(const BcdFeed *feed, const char *name)
{
	int			i;

	for (i = 0; name && i < feed->nfields; i++)
		if (strcmp(feed->fields[i].field->name, name) == 0)
			return psprintf("(%s\n)", feed->fields[i].expression);
	return NULL;
}

static char *
from_source(const BcdFeed *feed)
{
	return psprintf("%s WHERE true%s", bcd_feed_from(feed), feed->filter ? psprintf(" AND (%s\n)", feed->filter) : "");
}

/*
 * Rows with the same natural key, the text field of that name: below each parent,
 * if the resource's keys are unique there.
 */
static void
tell_twins(Look *look, const char *name)
{
	const BcdFeed *feed = look->feed;
	const char *expression = expression_of(feed, name);
	const char *parent = feed->resource->keys_everywhere ? NULL : expression_of(feed, feed->resource->parent);
	const char *within = expression_of(feed, feed->resource->within);
	const char *tree = expression_of(feed, feed->resource->defaulted);
	char	   *fact = about(look, psprintf("natural key \"%s\"", name));

	if (expression == NULL)
		return;
	/* of each key: rows, spellings, and one of these */
	look->sql = psprintf("SELECT pg_catalog.count(*) FILTER (WHERE n OPERATOR(pg_catalog.>) d),"
						 " pg_catalog.count(*) FILTER (WHERE d OPERATOR(pg_catalog.>) 1),"
						 " pg_catalog.min(v) FILTER (WHERE n OPERATOR(pg_catalog.>) d), pg_catalog.min(v) FILTER (WHERE d OPERATOR(pg_catalog.>) 1) FROM ("
						 "SELECT pg_catalog.count(*) AS n, pg_catalog.count(DISTINCT v COLLATE \"C\") AS d, pg_catalog.min(v COLLATE \"C\") AS v FROM ("
						 "SELECT %s::pg_catalog.text AS v, %s::pg_catalog.text AS p, %s::pg_catalog.text AS w, %s::pg_catalog.text AS t FROM %s) AS s"
						 " WHERE v OPERATOR(pg_catalog.<>) '' GROUP BY pg_catalog.lower(v) COLLATE \"C\", p COLLATE \"C\", w COLLATE \"C\", t COLLATE \"C\""
						 " HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1) AS g",
						 expression, parent ? parent : "NULL", within ? within : "NULL", tree ? tree : "NULL", from_source(feed));
	if (!attempt(look, run_query, fact))
		return;
	if (look->numbers[0] > 0)
		bcd_fact(look->facts, fact, BCD_FACT_PROBLEM, psprintf("%s to several rows, such as \"%s\"", bcd_count(look->numbers[0], "value belongs", "values belong"), look->examples[0]),
				 "each row needs a value of its own: the store refuses the second record");
	if (look->numbers[1] > 0)
		bcd_fact(look->facts, fact, BCD_FACT_PROBLEM, psprintf("%s in case only, such as \"%s\"", bcd_count(look->numbers[1], "value differs from others", "values differ from others"), look->examples[1]),
				 "the store does not tell them apart: each row needs a value of its own");
	if (look->numbers[0] == 0 && look->numbers[1] == 0)
		bcd_fact(look->facts, fact, BCD_FACT_OK, "each row has its own", NULL);
}

/* Rows below one parent, such as variants of a product */
static void
tell_crowds(Look *look)
{
	const BcdFeed *feed = look->feed;
	const char *parent = expression_of(feed, feed->resource->parent);
	const BcdChoices *choices = feed->resource->facets[0].choices;
	char	   *fact = about(look, "rows below one parent");

	if (parent == NULL || choices == NULL || choices->most_records <= 0)
		return;
	look->sql = psprintf("SELECT pg_catalog.count(*) FILTER (WHERE n OPERATOR(pg_catalog.>) %d), COALESCE(pg_catalog.max(n), 0),"
						 " NULL::pg_catalog.text, NULL::pg_catalog.text FROM ("
						 "SELECT pg_catalog.count(*) AS n FROM (SELECT %s::pg_catalog.text AS p FROM %s) AS s WHERE p IS NOT NULL GROUP BY p) AS g",
						 choices->most_records, parent, from_source(feed));
	if (!attempt(look, run_query, fact))
		return;
	if (look->numbers[0] > 0)
		bcd_fact(look->facts, fact, BCD_FACT_PROBLEM, psprintf("%s more than %d rows; the largest has " INT64_FORMAT,
															   bcd_count(look->numbers[0], "parent has", "parents have"), choices->most_records, look->numbers[1]),
				 "divide them among several parents, or use modifiers instead of variants");
	else
		bcd_fact(look->facts, fact, BCD_FACT_OK, psprintf("at most " INT64_FORMAT "; %d are possible", look->numbers[1], choices->most_records), NULL);
}

/* Rows below each other, such as categories */
static void
tell_depth(Look *look)
{
	const BcdFeed *feed = look->feed;
	const char *parent = expression_of(feed, feed->resource->parent);
	char	   *fact = about(look, "depth");
	char	   *levels;

	if (feed->resource->deepest <= 0 || parent == NULL || !bcd_resource_is_own_parent(feed->resource))
		return;
	if (feed->resource->most > 0 && look->rows > feed->resource->most)
		return;
	look->sql = psprintf("SELECT %s, %s::pg_catalog.int8 FROM %s", bcd_key_columns(feed), parent, from_source(feed));
	if (!attempt(look, measure_depth, fact))
		return;
	levels = bcd_count(look->deepest, "level", "levels");
	if (look->deepest > feed->resource->deepest)
		bcd_fact(look->facts, fact, BCD_FACT_PROBLEM,
				 look->deepest > look->rows ? "some rows are below themselves" :
				 psprintf("%s, but the store has at most %d", levels, feed->resource->deepest),
				 "move rows up, by another expression for their parent");
	else
		bcd_fact(look->facts, fact, BCD_FACT_OK, psprintf("%s; %d are possible", levels, feed->resource->deepest), NULL);
}

static void
check_mapping(void *arg)
{
	Look	   *look = arg;

	look->feed = bcd_feed_load((char *) look->feed, false);
	bcd_mapping_check(look->feed);
}

static void
look_at_source(Look *look)
{
	const BcdKey *key;
	const char *name;
	int			i;

	look->flaws = palloc0(sizeof(Flaw) * Max(look->feed->nfields, 1));
	if (!attempt(look, stream_rows, about(look, "values")))
		return;
	tell_rows(look);
	for (i = 0, key = look->feed->resource->keys; (name = bcd_resource_key(look->feed->resource, i)) != NULL; i++)
		if (!key[i].shared && key[i].made_of == NULL)
			tell_twins(look, name);
	tell_crowds(look);
	tell_depth(look);
}

/* Tells what the source of a feed holds. */
void
bcd_preflight_source(const BcdFacts *facts, const char *name)
{
	MemoryContext old = CurrentMemoryContext;
	Look		look = {.facts = facts};
	BcdFeed    *feed = bcd_feed_read(name, true);
	int			guc_level;
	ErrorData  *error;

	if (feed == NULL)
		return;
	look.cxt = AllocSetContextCreate(old, "bcdelta preflight", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(look.cxt);
	if (!bcd_may_act_for(feed->owner))
	{
		bcd_fact(facts, psprintf("source of feed \"%s\"", name), BCD_FACT_UNKNOWN, "the feed belongs to somebody else",
				 psprintf("let %s, or a superuser, call bcdelta.preflight(%s)", bcd_role_words(feed->owner), quote_literal_cstr(feed->server)));
		bcd_feed_free(feed);
	}
	else
	{
		bcd_feed_free(feed);
		guc_level = NewGUCNestLevel();
		bcd_pin_settings();
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		MemoryContextSwitchTo(look.cxt);
		look.feed = (BcdFeed *) name;
		error = bcd_attempt(check_mapping, &look);
		if (error)
			bcd_fact(facts, psprintf("mapping of feed \"%s\"", name), BCD_FACT_PROBLEM, error->message,
					 error->hint ? error->hint : psprintf("correct it with bcdelta.alter_feed(%s, ...)", quote_literal_cstr(name)));
		else
		{
			look_at_source(&look);
			bcd_feed_free(look.feed);
		}
		SPI_finish();
		AtEOXact_GUC(false, guc_level);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(look.cxt);
}
