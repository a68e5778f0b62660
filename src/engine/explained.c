/*
 * explained.c
 *		Differences that a conflict explains: a person, or the policy of a
 *		field, has decided that the store keeps what it has.
 *
 * A decision holds for the values that it was about.  Once either side has
 * another one, the difference is open again.
 */
#include "postgres.h"

#include "engine/explained.h"
#include "engine/item.h"
#include "engine/keyed.h"
#include "feed/feed.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/conflict.h"

/* Is this what the conflict was about, and what was decided? */
static bool
still_holds(const BcdItem *item, const char *name, const cJSON *record, const BcdCurrentConflicts *c, const char *state)
{
	const BcdField *field = bcd_resource_field(item->lane->feed->resource, name);
	Jsonb	   *kept = strcmp(state, "value") == 0 ? c->value : c->store;
	JsonbValue	v;

	return field && item->wanted && kept && bcd_payload_same(item->wanted, c->source, name) &&
		getKeyJsonValueFromContainer(&kept->root, name, strlen(name), &v) &&
		bcd_payload_agrees(field, &v, cJSON_GetObjectItemCaseSensitive(record, name));
}

/*
 * Returns why a field of the record may differ from its row, in words, or NULL
 * if it may not; in a transaction.  BCD_WHOLE_RECORD: why there is no record.
 */
char *
bcd_explained(const BcdItem *item, const char *name, const cJSON *record)
{
	char	   *address = bcd_linked_address(item);
	BcdCurrentConflicts c;
	char	   *state;

	if (address == NULL)
		return NULL;
	bcd_conflicts_of(item->lane->feed->name, address, &c);
	state = c.states ? bcd_payload_text(c.states, name) : NULL;
	/* "kept": by the policy */
	if (state == NULL || !(strcmp(state, "store") == 0 || strcmp(state, "value") == 0 || strcmp(state, "kept") == 0))
		return NULL;
	if (record && !still_holds(item, name, record, &c, state))
		return NULL;
	return bcd_payload_text(c.words, name);
}
