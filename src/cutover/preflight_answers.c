/*
 * preflight_answers.c
 *		What the answers of a store mean: token, scopes, quota, clock, lists.
 */
#include "postgres.h"

#include <cjson/cJSON.h>

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "base/db.h"
#include "base/json.h"
#include "base/roles.h"
#include "cutover/facts.h"
#include "feed/feed.h"
#include "feed/feed_needs.h"
#include "resource/name_list.h"
#include "resource/scope.h"
#include "tables/preflight_reply.h"

/* Clocks that differ by more are worth a warning: a Date has whole seconds */
#define CLOCK_TOLERANCE_MS	5000

/* Other apps that use more than this part of the quota */
#define OTHERS_TOLERANCE	0.5

/* Names that a fact lists */
#define MOST_NAMES	10

typedef uint32 (*NeedsOf) (const BcdFeed *feed);

/* Returns the answer to what was asked with the token of a role, or NULL. */
static const BcdPreflightReply *
answer(List *replies, Oid role, const char *what)
{
	ListCell   *lc;

	foreach(lc, replies)
	{
		const BcdPreflightReply *r = lfirst(lc);

		if (r->role == role && strcmp(r->what, what) == 0)
			return r;
	}
	return NULL;
}

/* 0: it was not answered */
static int
status_of(List *replies, Oid role, const char *asked, const char *scope)
{
	const BcdPreflightReply *r = answer(replies, role, psprintf("%s %s", asked, scope));

	return r ? r->status : 0;
}

/* Returns the feeds of an owner that need something, as text; NULL: none. */
static char *
needed_by(List *feeds, Oid owner, NeedsOf needs, int bit)
{
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&names);
	foreach(lc, feeds)
	{
		const BcdFeed *feed = lfirst(lc);

		if (feed->owner == owner && (needs(feed) & ((uint32) 1 << bit)) != 0)
			appendStringInfo(&names, "%s\"%s\"", names.len ? ", " : "", feed->name);
	}
	return names.len ? names.data : NULL;
}

static bool
is_success(int status)
{
	return status >= 200 && status < 300;
}

/* Has the store looked at a request, rather than turned it away? */
static bool
was_looked_at(int status)
{
	return is_success(status) || status == 400 || status == 404 || status == 409 || status == 422;
}

static void
tell_scope(const BcdFacts *facts, List *replies, List *feeds, const BcdFeed *owners, int nth)
{
	const BcdScope *scope = bcd_scope_nth(nth);
	char	   *names = needed_by(feeds, owners->owner, bcd_feed_scopes, nth);
	int			reads = status_of(replies, owners->owner, "read", scope->name);
	int			writes = status_of(replies, owners->owner, "write", scope->name);
	char	   *fact = psprintf("scope %s of %s", scope->name, bcd_role_words(owners->owner));
	char	   *give;

	if (names == NULL)
		return;
	give = psprintf("give the API account the scope %s (modify), in the store's control panel; feeds that need it: %s", scope->name, names);
	if (scope->writes == NULL)
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, "it is not known how to try this without writing",
				 psprintf("look at the API account in the store's control panel; feeds that need it: %s", names));
	else if (reads == 403 && writes == 403)
		bcd_fact(facts, fact, BCD_FACT_PROBLEM, "missing: the token may neither read nor write", give);
	else if (writes == 403 && is_success(reads))
		bcd_fact(facts, fact, BCD_FACT_PROBLEM, "read-only: the token may read, but not write", give);
	else if (is_success(reads) && was_looked_at(writes))
		bcd_fact(facts, fact, BCD_FACT_OK, psprintf("there: the token may read and write; feeds that need it: %s", names), NULL);
	else if (reads == 0 || writes == 0)
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, "the store was not asked, or has not answered", NULL);
	else
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, psprintf("the store answers with status %d to reading, and %d to writing", reads, writes), give);
}

static void
tell_token(const BcdFacts *facts, List *replies, const BcdFeed *owners)
{
	char	   *fact = psprintf("token of %s", bcd_role_words(owners->owner));
	bool		asked = false;
	ListCell   *lc;

	foreach(lc, replies)
	{
		const BcdPreflightReply *r = lfirst(lc);

		if (r->role != owners->owner)
			continue;
		asked = true;
		if (r->status == 401)
		{
			bcd_fact(facts, fact, BCD_FACT_PROBLEM, "the store refuses it (status 401)",
					 psprintf("ALTER USER MAPPING FOR %s SERVER %s OPTIONS (SET access_token '...')",
							  quote_identifier(owners->owner_name ? owners->owner_name : "..."), quote_identifier(owners->server)));
			return;
		}
	}
	if (asked)
		bcd_fact(facts, fact, BCD_FACT_OK, "the store accepts it", NULL);
	else
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, "the store was not asked, or has not answered", NULL);
}

static void
tell_quota(const BcdFacts *facts, const BcdStoreTold *told, bool known)
{
	if (!known || !told->quota_known)
		bcd_fact(facts, "quota", BCD_FACT_UNKNOWN, "the store has not told one", "the plan of the store says how many requests it allows");
	else if (told->quota <= 0)
		bcd_fact(facts, "quota", BCD_FACT_UNKNOWN, "the replies of the store tell none, so it may have none, or refuse requests without warning",
				 "the plan of the store says how many requests it allows");
	else
		bcd_fact(facts, "quota", BCD_FACT_OK,
				 psprintf(INT64_FORMAT " requests in %g seconds, of which bcdelta takes at most %g %%", told->quota, told->window_ms / 1000.0,
						  told->share * 100), NULL);
}

/* Only requests over some time show what others usually take. */
static void
tell_others(const BcdFacts *facts, const BcdStoreTold *told, bool known)
{
	bool		over_time = told->others >= 0;
	double		part;

	if (!known || !told->quota_known || told->quota <= 0)
	{
		bcd_fact(facts, "other apps", BCD_FACT_UNKNOWN, "what they take of the quota is not known", NULL);
		return;
	}
	part = over_time ? told->others : (double) told->others_now / told->quota;
	bcd_fact(facts, "other apps", part > OTHERS_TOLERANCE ? BCD_FACT_WARNING : BCD_FACT_OK,
			 psprintf("they take at least %.0f %% of the quota%s", part * 100, over_time ? "" : ", as far as the present window shows"),
			 part > OTHERS_TOLERANCE ? "pause other apps and imports for the time of the cutover" : NULL);
}

static void
tell_clock(const BcdFacts *facts, const BcdStoreTold *told, bool known)
{
	int64		apart = told->offset_ms < 0 ? -told->offset_ms : told->offset_ms;
	char	   *words;

	if (!known || !told->clock_known)
	{
		bcd_fact(facts, "clock", BCD_FACT_UNKNOWN, "the store has not told the time", NULL);
		return;
	}
	words = psprintf("the store's clock is %.1f seconds %s this server's, within %.1f", apart / 1000.0,
					 told->offset_ms < 0 ? "behind" : "ahead of", 1 + told->round_trip_ms / 1000.0);
	if (apart > CLOCK_TOLERANCE_MS)
		bcd_fact(facts, "clock", BCD_FACT_WARNING, words, "set the clock of this server; the policy newest compares the two");
	else
		bcd_fact(facts, "clock", BCD_FACT_OK, words, NULL);
}

/* Does a list have a record with this id? */
static bool
has_id(const cJSON *data, const char *field, int64 id)
{
	const cJSON *record;
	int64		found;

	cJSON_ArrayForEach(record, data)
		if (bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, field), &found) && found == id)
		return true;
	return false;
}

/* "3: 1 North, 2 South, ..." */
static char *
some_names(const cJSON *data, const BcdNameList *list)
{
	StringInfoData text;
	const cJSON *record;
	char	   *one = pstrdup(list->resource);
	char	   *c;
	int			n = 0;

	initStringInfo(&text);
	for (c = one; *c; c++)
		if (*c == '_')
			*c = ' ';
	appendStringInfoString(&text, bcd_count(cJSON_GetArraySize(data), one, list->words));
	cJSON_ArrayForEach(record, data)
	{
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(record, list->name));
		int64		id = 0;

		if (n++ == MOST_NAMES)
		{
			appendStringInfoString(&text, ", ...");
			break;
		}
		(void) bcd_json_int64(cJSON_GetObjectItemCaseSensitive(record, list->id), &id);
		appendStringInfo(&text, "%s" INT64_FORMAT " %s", n == 1 ? ": " : ", ", id, name ? name : "");
	}
	return text.data;
}

/* The id in a list that a feed depends on, because of an option or a default; 0: none in particular */
static int64
id_needed(const BcdFeed *feed, const char *list)
{
	if (strcmp(list, "category_tree") == 0)
		return feed->options.tree_id;
	if (strcmp(list, "location") == 0 && feed->resource->id)
		return feed->options.location_id != 0 ? feed->options.location_id : 1;
	return 0;
}

/* Tells of a list, for each feed of an owner that depends on it. */
static void
tell_records(const BcdFacts *facts, List *feeds, Oid owner, int nth, const cJSON *data)
{
	const BcdNameList *list = bcd_names_nth(nth);
	char	   *names = some_names(data, list);
	int			n = cJSON_GetArraySize(data);
	ListCell   *lc;

	foreach(lc, feeds)
	{
		const BcdFeed *feed = lfirst(lc);
		char	   *fact = psprintf("%s for feed \"%s\"", list->words, feed->name);
		int64		id = id_needed(feed, list->resource);

		if (feed->owner != owner || (bcd_feed_lists(feed) & ((uint32) 1 << nth)) == 0)
			continue;
		if (n == 0)
			bcd_fact(facts, fact, BCD_FACT_PROBLEM, "the store has none", "make one in the store's control panel");
		else if (id != 0 && !has_id(data, list->id, id))
			bcd_fact(facts, fact, BCD_FACT_PROBLEM, psprintf("there is none with id " INT64_FORMAT ", which the feed uses; %s", id, names),
					 psprintf("SELECT bcdelta.alter_feed(%s, options => '{\"%s\": ...}')", quote_literal_cstr(feed->name),
							  strcmp(list->resource, "location") == 0 ? "location_id" : "tree_id"));
		else if (id == 0 && n > 1 && strcmp(list->resource, "category_tree") == 0)
			bcd_fact(facts, fact, BCD_FACT_WARNING, psprintf("the feed does not say which: new categories go into the tree of the default channel; %s", names),
					 psprintf("SELECT bcdelta.alter_feed(%s, options => '{\"tree_id\": ...}')", quote_literal_cstr(feed->name)));
		else
			bcd_fact(facts, fact, BCD_FACT_OK, id == 0 ? names : psprintf("the feed uses the one with id " INT64_FORMAT "; %s", id, names), NULL);
	}
}

static void
tell_list(const BcdFacts *facts, List *replies, List *feeds, const BcdFeed *owners, int nth)
{
	const BcdNameList *list = bcd_names_nth(nth);
	char	   *names = needed_by(feeds, owners->owner, bcd_feed_lists, nth);
	const BcdPreflightReply *r = answer(replies, owners->owner, psprintf("list %s", list->resource));
	char	   *fact;
	cJSON	   *data;

	if (names == NULL)
		return;
	fact = psprintf("%s, needed by %s", list->words, names);
	if (r == NULL)
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, "the store was not asked, or has not answered", NULL);
	else if (r->status == 403)
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, "the token may not read the list (status 403)",
				 "give the API account a scope to read it, or look in the store's control panel");
	else if (r->list == NULL || (data = cJSON_Parse(JsonbToCString(NULL, &r->list->root, VARSIZE(r->list)))) == NULL)
		bcd_fact(facts, fact, BCD_FACT_UNKNOWN, psprintf("the store answers with status %d", r->status), NULL);
	else
	{
		tell_records(facts, feeds, owners->owner, nth, data);
		cJSON_Delete(data);
	}
}

/* Returns one feed of each owner. */
static List *
one_of_each_owner(List *feeds)
{
	List	   *ones = NIL;
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, feeds)
	{
		const BcdFeed *feed = lfirst(lc);
		bool		known = false;

		foreach(other, ones)
			known |= ((const BcdFeed *) lfirst(other))->owner == feed->owner;
		if (!known)
			ones = lappend(ones, (void *) feed);
	}
	return ones;
}

/* Tells what a store has answered in a run (0: there was none) about feeds. */
void
bcd_preflight_answers(const BcdFacts *facts, List *feeds, int64 run_id)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *replies = NIL;
	BcdStoreTold told = {0};
	bool		known = false;
	BcdRights	rights;
	ListCell   *lc;
	int			n;

	if (run_id != 0)
	{
		bcd_spi_begin(&rights);
		MemoryContextSwitchTo(cxt);
		replies = bcd_preflight_replies(run_id);
		known = bcd_preflight_told(run_id, &told);
		bcd_spi_end(&rights);
	}
	foreach(lc, one_of_each_owner(feeds))
	{
		tell_token(facts, replies, lfirst(lc));
		for (n = 0; bcd_scope_nth(n); n++)
			tell_scope(facts, replies, feeds, lfirst(lc), n);
		for (n = 0; bcd_names_nth(n); n++)
			tell_list(facts, replies, feeds, lfirst(lc), n);
	}
	tell_quota(facts, &told, known);
	tell_others(facts, &told, known);
	tell_clock(facts, &told, known);
}
