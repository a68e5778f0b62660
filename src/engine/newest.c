/*
 * newest.c
 *		Which side has changed a record last?
 *
 * The time of the source is that of the latest captured change of the row, or
 * what option "modified" says.  That of the store is date_modified, which is a
 * time of the whole record: a field may have been changed earlier.  It is by
 * the store's clock, so it is converted to ours.  Times that are too close to
 * each other, or not known, decide nothing.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "engine/newest.h"
#include "payload/datetime.h"

/* Times that differ by less say nothing: clocks are known to the second. */
#define TIE_S	5

/* When was a record last changed, by our clock?  Returns whether that is known. */
bool
bcd_store_changed_at(const BcdStoreClock *clock, const cJSON *record, TimestampTz *at)
{
	const cJSON *date = cJSON_GetObjectItemCaseSensitive(record, "date_modified");

	*at = DT_NOBEGIN;
	if (!clock->known || !cJSON_IsString(date) || !bcd_instant(date->valuestring, at))
		return false;
	*at -= clock->offset_ms * 1000;
	return true;
}

/*
 * Compares when an item's row and its record were last changed, and puts both
 * times and what follows from them into a conflict.  Returns whose value is
 * newer; REVIEW: nobody can tell.
 */
BcdPolicy
bcd_newest(const BcdItem *item, const cJSON *record, BcdConflict *c)
{
	BcdPolicy	newer = BCD_POLICY_REVIEW;
	bool		store_known = bcd_store_changed_at(&item->lane->run->store->clock, record, &c->store_modified_at);
	const char *verdict;
	char	   *times;

	c->source_changed_at = item->changed_at;
	if (TIMESTAMP_NOT_FINITE(item->changed_at))
	{
		c->source_changed_at = DT_NOBEGIN;
		c->reason = "it is not known when the source has changed";
		return newer;
	}
	if (!store_known)
	{
		c->reason = "it is not known when the store has changed";
		return newer;
	}
	if (c->source_changed_at >= c->store_modified_at + TIE_S * USECS_PER_SEC)
	{
		newer = BCD_POLICY_SOURCE;
		verdict = "the source is newer";
	}
	else if (c->store_modified_at >= c->source_changed_at + TIE_S * USECS_PER_SEC)
	{
		newer = BCD_POLICY_STORE;
		verdict = "the store is newer";
	}
	else
		verdict = psprintf("that is within %d s", TIE_S);
	times = pstrdup(timestamptz_to_str(c->source_changed_at));
	c->reason = psprintf("the source was changed at %s, the store at %s: %s", times, timestamptz_to_str(c->store_modified_at), verdict);
	return newer;
}
