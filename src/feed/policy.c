/*
 * policy.c
 *		Whose value is written if a field was changed in the source and in the
 *		store: the policy of the field, else that of the feed.
 */
#include "postgres.h"

#include "feed/policy.h"
#include "payload/payload.h"

BcdPolicy
bcd_policy_from(const char *word)
{
	if (strcmp(word, "review") == 0)
		return BCD_POLICY_REVIEW;
	return strcmp(word, "store") == 0 ? BCD_POLICY_STORE : BCD_POLICY_SOURCE;
}

/* Returns the policy that applies to a field. */
BcdPolicy
bcd_policy_of(const BcdFeed *feed, const char *field)
{
	char	   *own = feed->policies ? bcd_payload_text(feed->policies, field) : NULL;

	return own ? bcd_policy_from(own) : feed->on_conflict;
}

/*
 * Returns whether records of a feed have to be read before they are written,
 * at least for some fields.
 */
bool
bcd_feed_is_guarded(const BcdFeed *feed)
{
	return feed->on_conflict != BCD_POLICY_SOURCE || bcd_payload_count(feed->policies) > 0;
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

/* Raises an error unless a field can have a policy of its own. */
void
bcd_policy_check_field(const BcdFeed *feed, const char *name)
{
	const BcdField *field = bcd_resource_field(feed->resource, name);

	if (field == NULL || !bcd_feed_maps(feed, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("feed \"%s\" does not map the field \"%s\"", feed->name, name)));
	if (field->flags & BCD_F_WRITE_ONLY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field \"%s\" cannot have a policy", name),
				 errdetail("The store does not show its value, so a change there cannot be noticed.")));
	if (BCD_IS_COLLECTION(field))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("field \"%s\" cannot have a policy", name),
				 errdetail("Collections are kept by difference: elements that the source did not change are not written.")));
}
