/*
 * envelope.c
 *		Replies of V2, in the form of V3.
 *
 * V2 returns records as they are: an object, or an array of objects, and no
 * body at all for an empty list.  V3 puts them into "data".  Everything that
 * reads replies expects that form, so V2's replies are given it here.  There is
 * no "meta", by which paging.c recognizes them.
 */
#include "postgres.h"

#include "base/json.h"
#include "store/envelope.h"

/* Puts an item into an array or object; frees it if that fails. */
static cJSON *
put(cJSON *into, const char *name, cJSON *item)
{
	if (into && item && (name ? cJSON_AddItemToObject(into, name, item) : cJSON_AddItemToArray(into, item)))
		return into;
	cJSON_Delete(into);
	cJSON_Delete(item);
	return NULL;
}

/*
 * Parses a successful reply of V2, as {"data": ...}.  list: its data is an
 * array, even if the reply is a single record.  Returns NULL, and the reason,
 * if it cannot be read.
 */
cJSON *
bcd_bare_parse(char *text, size_t len, bool list, const char **reason)
{
	cJSON	   *data = len > 0 ? bcd_json_parse(text, len, reason) : cJSON_CreateArray();

	if (data == NULL)
		return NULL;
	if (list && !cJSON_IsArray(data))
		data = put(cJSON_CreateArray(), NULL, data);
	return data ? put(cJSON_CreateObject(), "data", data) : NULL;
}
