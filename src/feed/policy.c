/*
 * policy.c
 *		Whose value is written if a field was changed in the source and in the
 *		store: the policy of the field, else that of the feed.
 */
#include "postgres.h"

#include "feed/policy.h"
#include "payload/payload.h"

static BcdPolicy
policy_from(const char *word)
{
	if (strcmp(word, "review") == 0)
		return BCD_POLICY_REVIEW;
	return strcmp(word, "store") == 0 ? BCD_POLICY_STORE : BCD_POLICY_SOURCE;
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
	static const char *const names[] = {"source", "store", "review"};

	return names[policy];
}

/* Returns the policy that applies to a field. */
BcdPolicy
bcd_policy_of(const BcdFeed *feed, const char *field)
{
	char	   *own = feed->policies ? bcd_payload_text(feed->policies, field) : NULL;

	return own ? policy_from(own) : feed->on_conflict;
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
	if (strcmp(policy, "newest") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"newest\" is not supported by this version"),
				 errhint("Use \"source\", \"store\" or \"review\".")));
	if (resource->id == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"%s\" is not supported for resource %s", policy, resource->name),
				 errdetail("Records of resource %s have no id, and are written without being read.", resource->name)));
}
