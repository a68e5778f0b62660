/*
 * reply_record.c
 *		Which record of a reply belongs to an item.
 *
 * The order of records in a reply says nothing, and a reply may have records
 * that nobody asked for.
 */
#include "postgres.h"

#include "parser/scansup.h"

#include "base/compat.h"
#include "base/json.h"
#include "engine/decide.h"
#include "engine/engine.h"
#include "engine/item_record.h"
#include "engine/lookup.h"
#include "engine/natural_key.h"
#include "engine/reply_record.h"
#include "payload/html.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"

/*
 * Returns the next record of a reply: the API returns a single record bare or
 * in an array.
 */
static const cJSON *
next_record(const cJSON *data, const cJSON *previous)
{
	if (data == NULL)
		return NULL;
	if (cJSON_IsArray(data))
		return previous ? previous->next : data->child;
	return previous == NULL && cJSON_IsObject(data) ? data : NULL;
}

/*
 * Are texts equal except for case, white space and character references, which
 * stores may normalize?
 */
static bool
same_text(const char *a, const char *b)
{
	const char *x = bcd_folded(a);
	const char *y = bcd_folded(b);

	if (bcd_same_html(x, strlen(x), y, strlen(y)))
		return true;
	for (;;)
	{
		while (scanner_isspace(*x))
			x++;
		while (scanner_isspace(*y))
			y++;
		if (*x != *y)
			return false;
		if (*x == '\0')
			return true;
		x++;
		y++;
	}
}

/* Does a record have one of the natural keys of an item's row? */
static bool
is_named(const BcdItem *item, const cJSON *record)
{
	const char *field;
	int			i;

	for (i = 0; (field = bcd_resource_key(item->lane->feed->resource, i)) != NULL; i++)
	{
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(record, field);
		char	   *wanted = bcd_payload_text(item->wanted, field);

		if (wanted && wanted[0] && cJSON_IsString(name) && same_text(wanted, name->valuestring))
			return true;
	}
	return false;
}

/*
 * In the reply to a batch, another record might have a name that is similar;
 * not so one that agrees in everything.
 */
static bool
is_same_key(const BcdResource *r, int nth, const char *natural, const char *name)
{
	return r->keys[nth].made_of ? same_text(natural, name) : strcmp(natural, name) == 0;
}

/*
 * Does the id that the reply to a create gives an item belong to another one:
 * to one earlier in the same reply, or to another row?
 */
static bool
id_is_taken(BcdJob *job, BcdItem *item, int64 id)
{
	dlist_iter	iter;
	char	   *key;

	dlist_foreach(iter, &job->items)
	{
		BcdItem    *other = dlist_container(BcdItem, node, iter.cur);

		if (other == item)
			break;
		if (bcd_store_id_after(other) == id)
			return true;
	}
	key = bcd_link_key(item->lane->feed->name, id);
	return key && strcmp(key, item->key) != 0;
}

/*
 * Returns the record of a reply that belongs to an item: by id, else by
 * natural key.  If the reply contains another record, even a single one, it
 * says nothing about the item.
 */
const cJSON *
bcd_record_for(BcdJob *job, BcdItem *item, const cJSON *data)
{
	const BcdResource *r = job->lane->feed->resource;
	const cJSON *record = NULL;

	/* a write of records without an id is reported as a whole */
	while (r->id != NULL && (record = next_record(data, record)) != NULL)
	{
		const cJSON *name;
		int64		id = 0;
		int64		scope = 0;

		if (!bcd_json_id(record, r->id, &id))
			continue;
		if (item->store_id != 0)
		{
			if (id == item->store_id)
				return record;
			continue;
		}
		if (job->nitems == 1)
		{
			if (is_named(item, record) && !id_is_taken(job, item, id))
				return record;
			continue;
		}
		name = cJSON_GetObjectItemCaseSensitive(record, bcd_resource_key(r, item->natural_index));
		if (bcd_record_is_apart(item, record) || !cJSON_IsString(name) || !is_same_key(r, item->natural_index, item->natural, name->valuestring))
			continue;
		if (r->parent &&
			bcd_json_field_int64(record, r->parent, &scope) &&
			scope != bcd_payload_integer(item->wanted, r->parent))
			continue;
		if (!bcd_is_within(item, record))
			continue;
		if (!id_is_taken(job, item, id))
			return record;
	}
	return NULL;
}
