/*
 * reply_read.c
 *		What a successful reply to a read or a write means for each item.
 */
#include "postgres.h"

#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/collections.h"
#include "engine/create_many.h"
#include "engine/decide.h"
#include "engine/elements_read.h"
#include "engine/endpoint.h"
#include "engine/engine.h"
#include "engine/exchange_aside.h"
#include "engine/facets.h"
#include "engine/keyed.h"
#include "engine/lookup.h"
#include "engine/lost_create.h"
#include "engine/natural_key.h"
#include "engine/nested.h"
#include "engine/replace.h"
#include "engine/riders.h"
#include "engine/reply_error.h"
#include "engine/removal_children.h"
#include "engine/reply_read.h"
#include "engine/reply_record.h"
#include "engine/stage.h"
#include "engine/unmapped_fields.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "store/batch_reply.h"
#include "store/verdict.h"
#include "tables/link.h"

/*
 * Attempts after which a value counts as refused, if others are saved
 * meanwhile
 */
#define PARTIAL_ATTEMPTS	3

/*
 * Decides on an item whose write the store has accepted; record: from the reply,
 * or NULL; where an update had elements, too, the first of them.
 */
static void
decide_written(BcdItem *item, BcdStage stage, const cJSON *record)
{
	MemoryContext old = MemoryContextSwitchTo(item->cxt);

	if (item->final_decision)
		bcd_was_put_back(item);
	else if (item->purpose == BCD_PURPOSE_GIVE_WAY)
		bcd_gave_way(item);
	else if (stage == BCD_CREATE)
		bcd_decide_part(item, stage, BCD_CREATED, bcd_known_created(item, record));
	else if (item->lane->gates->gate[stage].collection)
		bcd_decide_part(item, stage, bcd_element_outcome(item), bcd_known_with_elements(item, item->known, record));
	else if (item->wanted == NULL)
	{
		bcd_decide_part(item, stage, BCD_HIDDEN, bcd_payload_merge(item->known, item->body));
		bcd_decide_hidden(item);
	}
	else if (bcd_has_riders(item, stage))
		bcd_decide_part(item, stage, BCD_UPDATED, bcd_known_with_elements(item, bcd_item_known_written(item), record));
	else
		bcd_decide_part(item, stage, BCD_UPDATED,
						BCD_IS_FACET(stage) ? NULL : bcd_item_known_written(item));
	item->decision.taken = true;
	MemoryContextSwitchTo(old);
}

/*
 * Returns what the store holds of a row that was saved in part, according to
 * the reply.
 */
static Jsonb *
known_in_part(const BcdResource *resource, BcdItem *item, const cJSON *record)
{
	Jsonb	   *known = bcd_item_known_read(item, record);
	JsonbValue	null;

	if (!bcd_payload_is_hidden(resource, item->wanted, item->known))
		return known;
	null.type = jbvNull;
	return bcd_payload_set(known, resource->hidden_by, &null);
}

static bool
is_whole(const BcdItem *item)
{
	return item->wanted &&
		bcd_payload_count(bcd_payload_changes(item->lane->feed->resource, item->wanted,
											  bcd_record_after(item).known)) == 0;
}

/*
 * Status 207: the record exists, but a part of it was not saved.  If it was
 * sent alone, the reply shows what was saved.  In a batch, it is unclear which
 * row was affected, so each record is written again alone, which is safe for
 * updates.  A record created in a batch that has all its row wants was not
 * affected.
 */
static void
decide_partial(BcdJob *job, BcdItem *item, const cJSON *record)
{
	BcdLane    *lane = job->lane;
	MemoryContext old;
	BcdItemRecord *after;
	char	   *text;

	if (job->nitems > 1 && job->stage == BCD_UPDATE)
	{
		bcd_decide_stage(item, BCD_UPDATE);
		item->decision.group = 1;
		return;
	}
	old = MemoryContextSwitchTo(item->cxt);
	text = job->request->status == 207 ? bcd_reply_text(job, item) : pstrdup("the store's reply shows another record than was sent");
	after = bcd_decide_record(item);
	if (job->stage == BCD_CREATE)
		(void) bcd_json_field_int64(record, lane->feed->resource->id, &after->store_id);
	if (item->wanted)
		after->known = known_in_part(lane->feed->resource, item, record);
	if (job->nitems > 1 && is_whole(item))
		decide_written(item, BCD_CREATE, record);
	else if (item->attempts + 1 >= Min(PARTIAL_ATTEMPTS, job->run->store->options->max_attempts))
		bcd_decide_failed(item, BCD_FAILED, psprintf("saved in part: %s", text));
	else
		bcd_decide_wait(item, bcd_retry_backoff_ms(item->attempts + 1, true, job->run->spread),
						psprintf("saved in part: %s", text));
	if (after->store_id != 0 && item->wanted && item->decision.leaves)
		item->decision.link = BCD_LINK_PUT;
	MemoryContextSwitchTo(old);
}

/*
 * Is there a record without a usable id?  Then an item that is not found by
 * its id may be that one.
 */
static bool
lists_unnamed(BcdJob *job, const cJSON *data)
{
	const cJSON *record;
	int64		id;

	cJSON_ArrayForEach(record, data)
	{
		if (bcd_json_id(record, job->lane->feed->resource->id, &id))
			continue;
		job->doubt = "the store lists a record without a usable id";
		return true;
	}
	return false;
}

/* Is this the id of a record that the job asks for? */
static bool
asks_for(const BcdJob *job, int64 id)
{
	dlist_iter	iter;

	dlist_foreach(iter, (dlist_head *) &job->items)
	{
		if (dlist_container(BcdItem, node, iter.cur)->store_id == id)
			return true;
	}
	return false;
}

/*
 * Records were asked for by their ids.  Is there another one?  Then this is the
 * reply to another question, such as one that a proxy has kept, and a record
 * that it does not list need not be missing.
 */
static bool
lists_stranger(BcdJob *job, const cJSON *data)
{
	const BcdResource *r = job->lane->feed->resource;
	const cJSON *record;
	int64		id;

	if (r->view.query == NULL || strstr(r->view.query, "{id,}") == NULL)
		return false;
	cJSON_ArrayForEach(record, data)
	{
		if (!bcd_json_id(record, r->id, &id) || asks_for(job, id))
			continue;
		job->doubt = "the store lists a record that was not asked for";
		return true;
	}
	return false;
}

/* Does the reply leave open whether records that it does not list are there? */
static bool
is_doubtful(BcdJob *job, const cJSON *reply, const cJSON *data)
{
	return bcd_reply_is_cut(job, reply) || lists_unnamed(job, data) || lists_stranger(job, data);
}

/* Reads the reply to a read by ids. */
static void
read_records(BcdJob *job, const cJSON *reply)
{
	const cJSON *data = cJSON_GetObjectItemCaseSensitive(reply, "data");
	bool		cut = is_doubtful(job, reply, data);
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = bcd_record_for(job, item, data);

		if (bcd_read_elements_first(item, record))
			continue;
		else if (record || !cut)
			job->run->kind->decide_read(item, record);
		else if (job->nitems > 1)
		{
			bcd_decide_stage(item, BCD_READ);
			item->decision.group = job->nitems / 2;
		}
	}
	if (job->run->kind->claims)
		bcd_wait_for_below(job);
}

/*
 * Decides on records that were removed.  If the reply says that some were not,
 * but not which, all are read to find out.
 */
static void
read_removals(BcdJob *job, bool partial)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (!partial)
		{
			bcd_decide_after_removal(item);
			continue;
		}
		bcd_decide_stage(item, BCD_READ);
		item->decision.clashes = true;
		item->decision.error = "the store did not remove all of the requested records";
	}
}

/* Does a list of ids have that of an item's record? */
static bool
lists_id(const cJSON *data, const BcdItem *item)
{
	const cJSON *element;
	int64		id;

	cJSON_ArrayForEach(element, data)
	{
		if (bcd_json_int64(element, &id) && id == item->store_id)
			return true;
	}
	return false;
}

/* A record that was not removed may be gone already, which is read. */
static void
decide_not_removed(BcdJob *job, BcdItem *item)
{
	bcd_decide_stage(item, BCD_READ);
	item->decision.clashes = true;
	item->decision.error = bcd_reply_text(job, item);
	item->decision.status = (int) job->request->status;
}

/*
 * A batch was refused, but its reply lists what was saved of it.  Decides on
 * those items; the others are sent alone.  False: it lists nothing.
 */
bool
bcd_take_saved(BcdJob *job, BcdVerdict verdict)
{
	const BcdResource *r = job->lane->feed->resource;
	const BcdReplyForm *form = job->writes ? job->endpoint->reply : NULL;
	bool		elements = job->lane->gates->gate[job->stage].collection;
	const cJSON *data;
	bool		any = false;
	dlist_iter	iter;

	if (form == NULL || !form->keeps_some || form->records == NULL || job->nitems <= 1 ||
		(verdict != BCD_REFUSED && verdict != BCD_CONFLICT && verdict != BCD_GONE))
		return false;
	bcd_parse_refusal(job);
	data = bcd_json_path(job->reply, form->records);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = elements ? bcd_element_in_reply(item, data) : bcd_record_for(job, item, data);

		if (job->stage == BCD_REMOVE && lists_id(data, item))
			bcd_decide_after_removal(item);
		else if (job->stage == BCD_REMOVE)
			decide_not_removed(job, item);
		else if (record == NULL)
			continue;
		else
		{
			if (job->stage == BCD_CREATE)
				(void) bcd_json_field_int64(record, r->id, &bcd_decide_record(item)->store_id);
			decide_written(item, job->stage, record);
		}
		any = true;
	}
	return any && (bcd_split(job, 1) || true);
}

/* Is this an object without data, or with data that is no record? */
static bool
names_no_record(const cJSON *reply, const cJSON *data, const BcdJob *job)
{
	const char *id = job->lane->feed->resource->id;

	return cJSON_IsObject(reply) &&
		(data == NULL || (cJSON_IsObject(data) && (id == NULL || cJSON_GetObjectItemCaseSensitive(data, id) == NULL)));
}

/*
 * Updates were carried out in part.  Which elements were added does not show, and
 * none must be added twice, so records that were sent with elements are read.
 */
static void
read_riders(BcdJob *job)
{
	dlist_iter	iter;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

		if (!bcd_has_riders(item, job->stage))
			continue;
		bcd_decide_stage(item, BCD_READ);
		item->decision.apart = true;
		item->decision.part = BCD_RETRY;
		item->decision.part_stage = job->stage;
		item->decision.error = bcd_reply_text(job, item);
	}
}

/* Reads a successful reply of any stage except LOOKUP. */
void
bcd_reply_read(BcdJob *job, const cJSON *reply)
{
	const BcdReplyForm *form;
	const cJSON *data;
	bool		partial;
	bool		silent;			/* some replies name no record */
	bool		elements = job->lane->gates->gate[job->stage].collection;
	BcdItem    *first = dlist_head_element(BcdItem, node, &job->items);
	dlist_iter	iter;

	if (job->stage == BCD_READ)
	{
		read_records(job, reply);
		return;
	}
	form = job->endpoint->reply;
	partial = bcd_reply_is_partial(form, job->verdict,
								   reply, job->nitems);
	if (job->stage == BCD_REMOVE)
	{
		read_removals(job, partial);
		return;
	}
	/* a reply may contain records even if it does not have to */
	data = bcd_json_path(reply, form->records ? form->records : "data");
	if (data == NULL && form->drops_twins)
		data = reply;			/* a single record may be without the envelope */
	silent = reply == NULL ||
		(form->records == NULL && names_no_record(reply, data, job));
	if (partial)
		read_riders(job);
	dlist_foreach(iter, &job->items)
	{
		BcdItem    *item = dlist_container(BcdItem, node, iter.cur);
		const cJSON *record = elements ? bcd_element_in_reply(item, data) : bcd_record_for(job, item, data);

		if (item->decision.made)
			continue;
		if (record && !elements && (partial || (job->stage == BCD_CREATE && bcd_create_is_unfaithful(job, item, record))))
			decide_partial(job, item, record);
		else if (partial)
			continue;
		else if (job->stage == BCD_CREATE && record)
		{
			(void) bcd_json_field_int64(record, job->lane->feed->resource->id, &bcd_decide_record(item)->store_id);
			decide_written(item, BCD_CREATE, record);
		}
		else if (elements && bcd_nested_is_named(job, item, data))
		{
			decide_written(item, job->stage, record);
			bcd_nested_check(item, data);
		}
		else if (bcd_has_riders(item, job->stage) && (record || silent))
		{
			decide_written(item, job->stage, bcd_element_in_reply(item, data));
			bcd_nested_check(item, data);
		}
		else if (job->stage != BCD_CREATE && (record || silent))
			decide_written(item, job->stage, record);
		else if (job->stage == BCD_CREATE && silent && form->records == NULL)
			bcd_decide_accepted(item);
	}

	if (!partial && form->drops_twins && !elements)
		bcd_decide_dropped(job);

	/*
	 * Items missing from the reply: one sent alone is judged by the reply's
	 * text, those of a batch are sent again alone.  If no record is named at
	 * all, the errors may show which items to send alone.
	 */
	if (partial && job->nitems > 1 && job->stage != BCD_CREATE && names_no_record(reply, data, job) &&
		bcd_set_apart(job))
		return;
	/* such batches may be large */
	if (partial && (BCD_IS_FACET(job->stage) || bcd_is_keyed(first)) &&
		(bcd_split(job, (job->nitems + 1) / 2) || bcd_split_elements(job)))
		return;
	if (partial && job->nitems > 1)
	{
		dlist_foreach(iter, &job->items)
		{
			BcdItem    *item = dlist_container(BcdItem, node, iter.cur);

			if (item->decision.made)
				continue;
			if (job->stage == BCD_CREATE)
				bcd_decide_lookup(item, BCD_REASON_REFUSED_CREATE);
			else
				bcd_decide_stage(item, job->stage);
			item->decision.group = 1;
			item->decision.clashes = job->stage == BCD_CREATE;
		}
	}
	else if (partial && !first->decision.made)
		bcd_decide_unsaved(job, first);
}
