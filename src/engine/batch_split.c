/*
 * batch_split.c
 *		Batches that were refused as a whole: how their items are sent again.
 *
 * One bad item keeps all others of its request from the store.  Where the
 * refusal names it, it is sent alone; where a record is gone or a key is
 * taken, reading all records at once tells whose it is.  Else the batch is
 * split in halves until the bad one is alone.
 *
 * Some endpoints may save a part of what they refuse: creates are looked up
 * then before they are sent again.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/json.h"
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

/* Bytes of a refusal, times the items that it may name */
#define MOST_SEARCHED	(256 * 1024 * 1024)

static const BcdReplyForm *
reply_form(const BcdJob *job)
{
	return job->lane->gates->gate[job->stage].endpoint->reply;
}

static BcdVerdict
verdict_of(const BcdJob *job)
{
	return bcd_retry_verdict(job->request->fate, job->request->status);
}

/*
 * What was refused, where it is JSON.  An endless error is not worth reading,
 * the less so the more items are looked for in it.
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

/* May records have been created by a request that was refused? */
bool
bcd_refusal_creates_some(const BcdJob *job)
{
	return job->stage == BCD_CREATE && job->nitems > 1 &&
		bcd_refusal_keeps_some(reply_form(job), verdict_of(job), job->reply);
}

/* A batch that was refused is split in halves until the bad row is alone. */
bool
bcd_split(BcdJob *job, int group)
{
	bool		may_be_there = bcd_refusal_creates_some(job);
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
			/* one that followed another one may not be sent beside it */
			bcd_decide_stage(item, item->follows ? BCD_TURN : job->stage);
		item->decision.group = group;
	}
	return true;
}

/* The records of an update are read, to see which of them are there. */
void
bcd_decide_read_first(BcdItem *item)
{
	bcd_decide_stage(item, BCD_READ);
	item->decision.attempted = true;
}

/* The same for a record without an id: the values that its address is made of. */
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
	/* the text of an error names an item, in any location */
	if (identity && bcd_resource_field(r, identity)->type == BCD_INTEGER)
		element->id = bcd_payload_integer(fields, identity);
	else if (identity)
		names[0] = bcd_payload_text(fields, identity);
}

/* The key by which replies know an item's record, and the names in its row. */
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
 * The items that a refusal of a write names are sent alone, the others
 * together; false when it names none, or all.
 */
bool
bcd_set_apart(BcdJob *job)
{
	BcdElement *elements;
	int			n = 0;
	int			i = 0;
	dlist_iter	iter;

	if (!bcd_is_write(job) || job->nitems <= 1)
		return false;
	elements = palloc0(sizeof(BcdElement) * job->nitems);
	dlist_foreach(iter, &job->items)
		describe(dlist_container(BcdItem, node, iter.cur), &elements[i++]);
	bcd_batch_reply_read(reply_form(job), job->lane->feed->resource->id, verdict_of(job),
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
		/* at the end, so that the others stay side by side */
		item->decision.place = n--;
		item->decision.group = 1;
	}
	return true;
}

/* Is an item's next write one of a natural key of its row? */
static bool
writes_key(const BcdItem *item)
{
	return item->wanted && item->purpose == BCD_PURPOSE_ROW && bcd_item_claims_key(item, item->known);
}

/*
 * A record of a batch of updates is gone: all of them are read at once, which
 * takes fewer calls than to find the one by halves.  False when that has been
 * done before.
 */
bool
bcd_read_all_first(BcdJob *job)
{
	dlist_iter	iter;

	bool		facet = bcd_stage_is_facet(job->stage);

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
 * A batch met a duplicate, which nothing here has told: the records of those
 * that write natural keys are read, all at once, and it is told then whose turn
 * it is.  If that has been done the store may want each batch to be free of
 * what its own items leave.  False: look for the one that is refused.
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
