/*
 * named.c
 *		bcdelta.named(): the store's ids of what it knows by name.
 *
 * The names are in bcdelta.directory.  A run reads a list from the store before
 * it uses it: the first row that asks for a list makes the worker read it
 * (engine/directory.c), and the row is then read again.  A session uses what
 * the last run has read.
 *
 * As with a reference, a name that does not lead to an id yields null, and what
 * is wrong is noted, so that it is reported regardless of what the expression
 * does with the null.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/db.h"
#include "feed/named.h"
#include "resource/name_list.h"
#include "store/store.h"
#include "store/store_identity.h"
#include "tables/directory.h"

/* Ids that an error message lists */
#define MOST_IDS	4

/* The row that is being read, and what is wrong with its names */
static struct
{
	const BcdFeed *feed;		/* NULL: no row is being read */
	MemoryContext cxt;
	char	   *unlisted;		/* why it cannot be read now, or NULL */
	char	   *flaw;			/* why it cannot be sent, or NULL */
	char	   *waits_for;		/* the first name that is missing, or NULL */
	char	   *waits_list;		/* and in which list */
}			reading;

/* Names that a pending row may wait for: longer ones would not fit an index */
#define MOST_NAME_BYTES	1000

/* Called before a row is read; what is noted about it is allocated in cxt. */
void
bcd_named_begin(const BcdFeed *feed, MemoryContext cxt)
{
	reading.feed = feed;
	reading.cxt = cxt;
	bcd_named_forget();
}

void
bcd_named_forget(void)
{
	reading.unlisted = NULL;
	reading.flaw = NULL;
	reading.waits_for = NULL;
}

/*
 * Returns what pending.waits_feed has for a row that waits for a name in a
 * list, in place of a feed; the name is in waits_key.
 */
char *
bcd_named_waits(const char *server, const BcdNameList *list)
{
	return psprintf("bcdelta.named('%s') of server %s", list->resource, server);
}

/*
 * Sets the state and message of the row that was read, if a name that it gives
 * cannot be used.  Returns false if there is none.
 */
bool
bcd_named_blames(BcdRow *row)
{
	if (reading.unlisted == NULL && reading.flaw == NULL)
		return false;
	row->state = reading.unlisted ? BCD_ROW_UNLISTED : BCD_ROW_INVALID;
	row->message = reading.unlisted ? reading.unlisted : reading.flaw;
	if (reading.unlisted == NULL && reading.waits_for)
	{
		row->waits_feed = reading.waits_list;
		row->waits_key = reading.waits_for;
	}
	return true;
}

/*
 * Raises an error if a run has to read a list of the store before it can use
 * a row.  A session shows such a row as it is.
 */
void
bcd_named_check_row(const BcdFeed *feed, const BcdRow *row)
{
	if (row->state == BCD_ROW_UNLISTED && feed->lists && feed->lists->read)
		ereport(ERROR,
				(errcode(BCD_ERRCODE_UNLISTED),
				 errmsg("%s", row->message)));
}

void
bcd_named_end(void)
{
	reading.feed = NULL;
}

static const BcdNameList *
list_of(const char *resource)
{
	const BcdNameList *list = bcd_names_find(resource);

	if (list == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.named() knows no list \"%s\"", resource),
				 errhint("The lists are: %s.", bcd_names_all())));
	return list;
}

/* Raises an error unless there is such a list. */
void
bcd_named_check(const char *resource)
{
	(void) list_of(resource);
}

/* A name that is looked for, and where */
typedef struct Sought
{
	const BcdNameList *list;
	const char *name;
	const char *server;
	const char *store;
} Sought;

static char *
unlisted_words(const Sought *s)
{
	return psprintf("the store's list of %s has not been read yet; the next push reads it", s->list->words);
}

/* Returns what to say of a name that is not in the list. */
static char *
missing_words(const Sought *s)
{
	List	   *alike = bcd_directory_alike(s->server, s->store, s->list->resource, s->name);
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendStringInfo(&text, "the store has no %s with the %s \"%s\"", s->list->resource, s->list->name, s->name);
	foreach(lc, alike)
		appendStringInfo(&text, "%s \"%s\"", lc == list_head(alike) ? ", but one with" : " and", (char *) lfirst(lc));
	return text.data;
}

/* Returns what to say of a name that several records have. */
static char *
several_words(const Sought *s, const int64 *ids, int n)
{
	StringInfoData text;
	int			i;

	initStringInfo(&text);
	appendStringInfo(&text, "the store has several %s with the %s \"%s\" (", s->list->words, s->list->name, s->name);
	for (i = 0; i < Min(n, MOST_IDS); i++)
		appendStringInfo(&text, "%s" INT64_FORMAT, i > 0 ? ", " : "ids ", ids[i]);
	appendStringInfo(&text, "%s); give them different ones, or map the id itself", n > MOST_IDS ? ", ..." : "");
	return text.data;
}

/* If this is all that is wrong with the row, it can be pushed once the name is there. */
static void
note_missing(const Sought *s)
{
	if (reading.feed == NULL || reading.flaw || strlen(s->name) > MOST_NAME_BYTES)
		return;
	reading.waits_for = pstrdup(s->name);
	reading.waits_list = bcd_named_waits(s->server, s->list);
}

/*
 * Looks a name up.  Returns whether it has one id; if not, sets *unlisted or
 * *flaw to the reason.
 */
static bool
look_up(const Sought *s, BcdLists *lists, int64 *id, char **unlisted, char **flaw)
{
	MemoryContext cxt = CurrentMemoryContext;
	uint32		bit = bcd_names_bit(s->list);
	int64		ids[MOST_IDS + 1];
	BcdRights	rights;
	int			n = 0;

	*unlisted = *flaw = NULL;
	if (lists && (lists->read == NULL || (*lists->read & bit) == 0))
		lists->wanted |= bit;
	if (lists && lists->read && (*lists->read & bit) == 0)
	{
		*unlisted = unlisted_words(s);
		return false;
	}
	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	n = bcd_directory_find(s->server, s->store, s->list->resource, s->name, ids, lengthof(ids));
	if (n == 0 && (lists == NULL || lists->read == NULL) && !bcd_directory_has(s->server, s->store, s->list->resource))
		*unlisted = unlisted_words(s);
	else if (n == 0)
	{
		*flaw = missing_words(s);
		note_missing(s);
	}
	else if (n > 1)
		*flaw = several_words(s, ids, n);
	bcd_spi_end(&rights);
	if (n == 1)
		*id = ids[0];
	return n == 1;
}

/* Looks a name up for the row that is being read, and notes what is wrong. */
static bool
look_up_for_row(Sought *s, int64 *id)
{
	MemoryContext old = MemoryContextSwitchTo(reading.cxt);
	char	   *unlisted;
	char	   *flaw;
	bool		found;

	s->server = reading.feed->server;
	s->store = reading.feed->server_store ? reading.feed->server_store : "";
	found = look_up(s, reading.feed->lists, id, &unlisted, &flaw);
	if (reading.unlisted == NULL)
		reading.unlisted = unlisted;
	if (reading.flaw == NULL)
		reading.flaw = flaw;
	MemoryContextSwitchTo(old);
	return found;
}

/* Looks a name up for a user, who gets an error if that fails. */
static bool
look_up_for_user(Sought *s, int64 *id)
{
	char	   *unlisted;
	char	   *flaw;

	s->server = bcd_store_only_one(GetUserId(),
								   "A mapping uses the store of its feed. Elsewhere, look in bcdelta.directory.");
	s->store = bcd_server_identity(s->server);
	if (!look_up(s, NULL, id, &unlisted, &flaw))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s", unlisted ? unlisted : flaw)));
	return true;
}

PG_FUNCTION_INFO_V1(bcdelta_named);

/*
 * bcdelta.named(resource, name): the id of a record that the store knows by
 * this name.
 *
 * The code of a feed is restricted, but not always because a row is read: an
 * expression may be evaluated when it is planned, which is no reason for an
 * error.
 */
Datum
bcdelta_named(PG_FUNCTION_ARGS)
{
	Sought		s;
	int64		id = 0;
	bool		found;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bcdelta.named() needs the name of a list"),
				 errhint("The lists are: %s.", bcd_names_all())));
	s.list = list_of(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	s.name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (reading.feed)
		found = look_up_for_row(&s, &id);
	else
		found = !InSecurityRestrictedOperation() && look_up_for_user(&s, &id);
	if (!found)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}
