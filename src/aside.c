/*
 * aside.c
 *		Natural keys that a record gives up for a moment.
 *
 * Of rows that wait for each other's keys in a circle one has to let go: of an
 * article number by having none, of a name by having another one.  What the
 * record had is noted in link.aside before that is sent, and stays there until
 * the record has what its row wants.  Should the row be given up instead, the
 * record gets back what it had, or what it was to have if another record has
 * that by now; so a run leaves no product without its number.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "db.h"
#include "engine.h"
#include "payload.h"
#include "queue.h"
#include "unique.h"

static Jsonb *
set_text(Jsonb *payload, const char *field, char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = text;
	v.val.string.len = strlen(text);
	return bcd_payload_set(payload, field, &v);
}

/* What a field has for a moment: nothing, or a name that no other record has. */
static char *
interim_value(const BcdItem *item, const char *name)
{
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	char	   *suffix = psprintf(" (" INT64_FORMAT ")", item->store_id);
	char	   *wanted = bcd_payload_text(item->wanted, name);
	int			len = wanted ? strlen(wanted) : 0;

	if (field->min <= 0)
		return pstrdup("");
	if (field->max >= field->min)
		len = pg_mbcharcliplen(wanted, len, (int) field->max - strlen(suffix));
	return psprintf("%.*s%s", len, wanted ? wanted : "", suffix);
}

/* The next update of an item gives up these fields, and nothing else. */
void
bcd_give_way(BcdItem *item, const char *const *fields, int n)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	Jsonb	   *has = NULL;
	int			i;

	item->body = NULL;
	for (i = 0; i < n; i++)
	{
		char	   *value = bcd_payload_text(item->known, fields[i]);

		if (value)
			has = set_text(has, fields[i], value);
		item->body = set_text(item->body, fields[i], interim_value(item, fields[i]));
	}
	/* what it has given up before is what it had first */
	item->aside = bcd_payload_merge(has, item->aside);
	item->decision.aside = item->aside;
	item->interim = true;
	MemoryContextSwitchTo(old);
}

/* That is done: the item waits for what it wants. */
void
bcd_gave_way(BcdItem *item)
{
	item->known = bcd_payload_merge(item->known, item->body);
	item->interim = false;
	bcd_decide_stage(item, BCD_TURN);
	item->decision.link = BCD_LINK_PUT;
}

/* Has another record of the feed this value, as far as is known? */
static bool
is_free(const BcdItem *item, const char *field, char *value)
{
	const BcdFeed *feed = item->lane->feed;
	Jsonb	   *payload = set_text(bcd_payload_merge(item->known, item->aside), field, value);
	BcdHolder  *holders;
	BcdUnique	key;
	Datum		hash;
	int			n;

	if (!bcd_unique_of(feed->resource, payload, field, &key))
		return false;
	hash = Int64GetDatum(key.hash);
	holders = bcd_unique_holders(feed, &hash, 1, &n);
	while (n-- > 0)
		if (holders[n].record->store_id != item->store_id &&
			bcd_unique_has(feed->resource, holders[n].record->payload, &key))
			return false;
	return true;
}

/* The fields to send so that a record has again what identifies it; may be NULL. */
static Jsonb *
restored(const BcdItem *item)
{
	const char *const *field;
	Jsonb	   *body = NULL;

	for (field = item->lane->feed->resource->natural; *field; field++)
	{
		char	   *had = bcd_payload_text(item->aside, *field);
		char	   *wanted = item->wanted ? bcd_payload_text(item->wanted, *field) : NULL;
		char	   *has = bcd_payload_text(item->known, *field);

		if (had == NULL || (has && strcmp(has, had) == 0))
			continue;
		if (is_free(item, *field, had))
			body = set_text(body, *field, had);
		else if (wanted && is_free(item, *field, wanted))
			body = set_text(body, *field, wanted);
	}
	return body;
}

/* Is an item given up that has given up something itself? */
static bool
is_left_aside(const BcdItem *item)
{
	const BcdDecision *d = &item->decision;

	if (item->aside == NULL || item->store_id == 0 || item->restores || !d->leaves)
		return false;
	if (item->lane->stopped || item->lane->run->cancelled || item->lane->run->error)
		return false;
	if (d->link == BCD_LINK_REMOVE || d->link == BCD_LINK_PUT)
		return false;
	return d->pending == BCD_PENDING_DONE || d->pending == BCD_PENDING_FAIL ||
		d->pending == BCD_PENDING_DEFER;
}

/* What was decided of an item waits until its record has what identifies it. */
static void
set_back(BcdItem *item)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	item->interim = false;
	item->body = restored(item);
	if (item->body == NULL)
	{
		/* it has it, as far as is known */
		item->decision.link = BCD_LINK_PUT;
		item->decision.back = true;
	}
	else
	{
		item->fate = palloc(sizeof(BcdDecision));
		*item->fate = item->decision;
		item->restores = true;
		memset(&item->decision, 0, sizeof(item->decision));
		bcd_decide_stage(item, BCD_UPDATE);
	}
	MemoryContextSwitchTo(old);
}

/*
 * After an item was decided: if it is given up, and its record has not what
 * identifies it, that is put back first.
 */
void
bcd_put_back(BcdItem *item)
{
	if (is_left_aside(item))
		set_back(item);
}

static void
meet_fate(BcdItem *item)
{
	item->decision = *item->fate;
	item->restores = false;
}

void
bcd_was_put_back(BcdItem *item)
{
	item->known = bcd_payload_merge(item->known, item->body);
	meet_fate(item);
	item->decision.link = BCD_LINK_PUT;
	item->decision.back = true;
}

/* The store does not take it: the row's error says so, too. */
void
bcd_not_put_back(BcdItem *item, const char *reason)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);
	const char *error = item->fate->error;

	meet_fate(item);
	item->decision.error = psprintf("%s%sthe record could not be given back what it had given up for a moment: %s",
									error ? error : "", error ? "; " : "", reason);
	MemoryContextSwitchTo(old);
}

static BcdStatement links_aside = {
	"SELECT key FROM bcdelta.link WHERE feed = $1 AND aside IS NOT NULL",
	1, {TEXTOID}
};

/* An item that puts back what the record of a row has given up, and no more. */
static void
restore_one(BcdLane *lane, const char *key)
{
	BcdItem    *item = bcd_item_create(lane, key);

	dlist_delete(&item->node);
	bcd_queue_link_of(lane, item);
	bcd_decide_done(item, BCD_NO_OUTCOME, BCD_LINK_KEEP);
	item->decision.pending = BCD_PENDING_KEEP;
	set_back(item);
	if (item->restores)
	{
		memset(&item->decision, 0, sizeof(item->decision));
		bcd_item_queue(lane, item, BCD_UPDATE);
	}
	else
		bcd_item_free(lane, item);
}

/*
 * A run ends before its time: records get back what they have given up.  Its
 * lanes are empty.  False: there is nothing to be put back.
 */
bool
bcd_restore_all(BcdRun *run)
{
	bool		any = false;
	int			i;

	if (!run->kind->claims)
		return false;
	bcd_tx_begin();
	for (i = 0; i < run->nlanes; i++)
	{
		BcdLane    *lane = run->lanes[i];
		Datum		arg = CStringGetTextDatum(lane->feed->name);
		uint64		n;
		char	  **keys;
		uint64		j;

		lane->exhausted = true;
		if (lane->stopped)
			continue;
		n = bcd_execute(&links_aside, &arg, NULL);
		keys = palloc(sizeof(char *) * (n + 1));
		for (j = 0; j < n; j++)
			keys[j] = bcd_column_text(j, 1);
		for (j = 0; j < n; j++)
			restore_one(lane, keys[j]);
		any |= n > 0;
	}
	bcd_tx_commit();
	return any;
}
