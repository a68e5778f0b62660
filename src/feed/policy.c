/*
 * policy.c
 *		Whose value is written if a field was changed in the source and in the
 *		store: the policy of the field, else that of the feed.
 */
#include "postgres.h"

#include "feed/policy.h"
#include "payload/payload.h"

/* In the order of BcdPolicy */
static const char *const names[] = {"source", "store", "newest", "review"};

static BcdPolicy
policy_from(const char *word)
{
	int			i;

	for (i = BCD_POLICY_SOURCE; i < lengthof(names); i++)
		if (strcmp(word, names[i]) == 0)
			return i;
	return BCD_POLICY_SOURCE;
}

/* Sets the policies of a feed that was read. */
void
bcd_policies_set(BcdFeed *feed, const BcdFeedRow *row)
{
	feed->on_conflict = policy_from(row->on_conflict);
	feed->policies = row->policies;
	feed->disputed = row->disputed;
}

const char *
bcd_policy_name(BcdPolicy policy)
{
	return names[policy];
}

/* Returns the policy that applies to a field. */
BcdPolicy
bcd_policy_of(const BcdFeed *feed, const char *field)
{
	char	   *own = feed->policies ? bcd_payload_text(feed->policies, field) : NULL;

	return own ? policy_from(own) : feed->on_conflict;
}

/* Returns whether times of changes decide, at least for some fields. */
bool
bcd_feed_is_dated(const BcdFeed *feed)
{
	int			i;

	for (i = 0; i < feed->nfields; i++)
		if (bcd_policy_of(feed, feed->fields[i].field->name) == BCD_POLICY_NEWEST)
			return true;
	return feed->on_conflict == BCD_POLICY_NEWEST;
}

/*
 * Returns whether records of a feed have to be read before they are written,
 * at least for some fields: because of a policy, or of what was decided on a
 * conflict when there was one.
 */
bool
bcd_feed_is_guarded(const BcdFeed *feed)
{
	return feed->on_conflict != BCD_POLICY_SOURCE || bcd_payload_count(feed->policies) > 0 || feed->disputed;
}

/* Raises an error unless a feed of this resource can have a policy. */
void
bcd_policy_check(const BcdResource *resource, const char *policy)
{
	if (strcmp(policy, "source") == 0)
		return;
	if (resource->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"%s\" is not supported for resource %s", policy, resource->name),
				 errdetail("Records of resource %s have no id, and are written without being read.", resource->name)));
	if (strcmp(policy, "newest") == 0 && !resource->dated)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"newest\" is not possible for resource %s", resource->name),
				 errdetail("The store does not tell when records of resource %s were changed.", resource->name),
				 errhint("Use \"source\", \"store\" or \"review\".")));
}
