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

/*
 * Parses a successful reply of V2, as {"data": ...}.  Returns NULL, and the
 * reason, if it cannot be read.
 */
cJSON *
bcd_bare_parse(char *text, size_t len, const char **reason)
{
	cJSON	   *data = len > 0 ? bcd_json_parse(text, len, reason) : cJSON_CreateArray();
	cJSON	   *reply = data ? cJSON_CreateObject() : NULL;

	if (reply && cJSON_AddItemToObject(reply, "data", data))
		return reply;
	cJSON_Delete(reply);
	cJSON_Delete(data);
	return NULL;
}
