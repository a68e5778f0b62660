/*
 * batch_split.c
 *		Batches that were refused as a whole: how their items are sent again.
 *
 * A single bad item prevents all others in its request from being written.  If
 * the refusal names it, it is sent alone.  If a record is gone or a key is
 * taken, reading all records at once shows which one is affected.  Otherwise
 * the batch is split in halves until the bad item is alone.
 *
 * Some endpoints may save a part of a batch that they refuse; then creates are
 * looked up before they are sent again.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/collections.h"
#include "engine/decide.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/keyed.h"
#include "engine/key_holders.h"
#include "engine/natural_key.h"
#include "engine/reply_error.h"
#include "engine/stage.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/batch_reply.h"
#include "store/verdict.h"

/* Limit of the size of a refusal times the number of items it may name */
#define MOST_SEARCHED	(256 * 1024 * 1024)

static const BcdReplyForm *
reply_form(const BcdJob *job)
{
	return job->endpoint->reply;
}

/*
 * Parses the text of a refusal, if it is JSON.  Huge errors are not searched;
 * the limit is lower the more items would be searched for.
 */
void
bcd_parse_refusal(BcdJob *job)
{
	BcdHttpRequest *r = job->request;
	const char *reason;

	if (job->reply == NULL && r->fate == BCD_HTTP_REPLIED &&
		r->reply_len <= Min(BCD_JSON_ERROR_MAX_SIZE, MOST_SEARCHED / Max(job->nitems, 1)))
		job->reply = bcd_json_parse(r->reply, r->reply_len, &reason);
}

/* May records exist that a refused request was to create? */
bool
bcd_refusal_creates_some(const BcdJob *job)
{
	return job->stage == BCD_CREATE && job->nitems > 1 &&
		bcd_refusal_keeps_some(reply_form(job), job->verdict, job->reply);
}

/* Splits a refused batch in halves, until the bad row is alone. */
bool
bcd_split(BcdJob *job, int group)
{
	bool		may_be_there = bcd_refusal_creates_some(job) ||
	(job->stage == BCD_CREATE && job->lane->feed->resource->guarded);
	dlist_iter	iter;

	if (job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (item->decision.made)
			continue;
		if (may_be_there)
			bcd_decide_lookup(item, BCD_REASON_RECORD_GONE);
		else
			/* an item that followed another must not be sent beside it */
			bcd_decide_stage(item, item->follows ? BCD_TURN : job->stage);
		item->decision.group = group;
	}
	return true;
}

/* Were the records of all items read because one was not found? */
bool
bcd_were_read(const BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) &job->items)
		if (!dlist_container(BcdItem, node, iter.cur)->reread)
		return false;
	return true;
}

/* Decides that the record of an update is read, to see whether it exists. */
void
bcd_decide_read_first(BcdItem *item)
{
	bcd_decide_stage(item, BCD_READ);
	item->decision.attempted = true;
}

/* The same for a record without an id, known by the values in its address. */
static void
describe_address(const BcdItem *item, BcdElement *element, const char **names)
{
	const BcdResource *r = item->lane->feed->resource;
	Jsonb	   *fields = item->wanted ? item->wanted : item->known;
	const char *identity = bcd_address_identity(r, fields);
	const char **values;
	int			n;

	element->key = bcd_address_field_names(r, fields);
	for (n = 0; element->key[n]; n++)
		;
	values = palloc0(sizeof(char *) * (n + 1));
	while (n-- > 0)
		values[n] = bcd_payload_text(fields, element->key[n]);
	element->values = values;
	/* the text of an error may name an item, whatever its location */
	if (identity && bcd_resource_field(r, identity)->type == BCD_INTEGER)
		element->id = bcd_payload_integer(fields, identity);
	else if (identity)
		names[0] = bcd_payload_text(fields, identity);
}

/*
 * Describes how replies refer to an item: by its record's key, or by values of
 * its row.
 */
static void
describe(const BcdItem *item, BcdElement *element)
{
	const BcdResource *r = item->lane->feed->resource;
	const char **names = palloc0(sizeof(char *) * (BCD_MAX_KEYS + 1));
	const char **values;
	const char *field;
	int			n = 0;
	int			i;

	element->id = item->store_id;
	element->names = names;
	if (bcd_is_keyed(item))
	{
		describe_address(item, element, names);
		return;
	}
	if (item->wanted == NULL)
		return;
	for (i = 0; (field = bcd_resource_key(r, i)) != NULL; i++)
	{
		char	   *name = bcd_payload_text(item->wanted, field);

		if (name)
			names[n++] = name;
	}
	element->key = r->keys[item->natural_index].fields;
	for (n = 0; element->key[n]; n++)
		;
	values = palloc(sizeof(char *) * n);
	for (i = 0; i < n; i++)
		values[i] = bcd_payload_text(item->wanted, element->key[i]);
	element->values = values;
}

/*
 * Sends the items that a refusal names alone, and the others together.
 * Returns false if it names none or all, or if items have several records in
 * the request, so that places in it are not those of items.
 */
bool
bcd_set_apart(BcdJob *job)
{
	BcdElement *elements;
	int			n = 0;
	int			i = 0;
	dlist_iter	iter;

	if (!job->writes || job->nitems <= 1 || bcd_job_records(job) != job->nitems)
		return false;
	elements = palloc0(sizeof(BcdElement) * job->nitems);
	dlist_foreach(iter, &job->items)
		describe(dlist_container(BcdItem, node, iter.cur), &elements[i++]);
	bcd_batch_reply_read(reply_form(job), job->lane->feed->resource->id, job->verdict,
						 job->reply, elements, job->nitems);
	for (i = 0; i < job->nitems; i++)
		n += elements[i].fate == BCD_ELEMENT_BLAMED;
	if (n == 0 || n == job->nitems)
		return false;
	(void) bcd_split(job, job->nitems - n);
	i = 0;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (elements[i++].fate != BCD_ELEMENT_BLAMED)
			continue;
		/* at the end, so that the other items stay together */
		item->decision.place = n--;
		item->decision.group = 1;
	}
	return true;
}

/* Does an item's next write change a natural key? */
static bool
writes_key(const BcdItem *item)
{
	return item->wanted && item->purpose == BCD_PURPOSE_ROW && bcd_item_claims_key(item, item->known);
}

/*
 * A record of an update batch is gone.  Reads all of them at once, which takes
 * fewer calls than finding it by splitting.  Returns false if that has been
 * done before.
 */
bool
bcd_read_all_first(BcdJob *job)
{
	dlist_iter	iter;

	bool		facet = BCD_IS_FACET(job->stage);

	if ((job->stage != BCD_UPDATE && !facet) || job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if ((facet ? item->reread : item->attempts > 0) || item->wanted == NULL)
			return false;
	}
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		bcd_decide_read_first(item);
		item->decision.rereads = facet;
	}
	return true;
}

/*
 * A batch met a duplicate that nothing known here explains.  Reads the records
 * of all items that write natural keys at once, and then gives turns again.
 * If that has been done before, the store may not accept batches in which one
 * item takes what another one gives up, so such items are separated.  Returns
 * false if the refused item must be found by splitting.
 */
bool
bcd_look_at_all(BcdJob *job)
{
	bool		reads = false;
	bool		follows = false;
	dlist_iter	iter;

	if (job->stage != BCD_UPDATE || job->nitems <= 1)
		return false;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		reads |= writes_key(item) && !item->reread;
		follows |= item->follows;
	}
	if (!reads && !follows)
		return false;
	job->run->strict |= !reads;
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (reads && writes_key(item) && !item->reread)
		{
			bcd_decide_stage(item, BCD_READ);
			item->decision.rereads = true;
		}
		else
			bcd_decide_stage(item, writes_key(item) ? BCD_TURN : BCD_UPDATE);
	}
	return true;
}
