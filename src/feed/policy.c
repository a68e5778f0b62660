/*
 * policy.c
 *		Whose value is written if a field was changed in the source and in the
 *		store: the policy of the field, else that of the feed.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "feed/policy.h"
#include "payload/address.h"
#include "payload/counted.h"
#include "payload/payload.h"
#include "payload/task.h"

/* In the order of BcdPolicy */
static const char *const names[] = {"source", "store", "newest", "review"};

/* Sets a policy from its name; false: it is none. */
static bool
policy_from(const char *word, BcdPolicy *policy)
{
	int			i;

	for (i = BCD_POLICY_SOURCE; i < lengthof(names); i++)
		if (strcmp(word, names[i]) == 0)
		{
			*policy = i;
			return true;
		}
	return false;
}

/* Returns the options of a feed, as the stage of its store has them. */
Jsonb *
bcd_policy_options(const BcdFeed *feed, Jsonb *options)
{
	return feed->counts ? bcd_counting_options(feed->resource, options) : options;
}

/*
 * Sets the policies of a feed that was read: those of the stage that its store
 * is in, else its own.  What the store owns is left alone like adjusted fields.
 */
void
bcd_policies_set(BcdFeed *feed, const BcdFeedRow *row)
{
	BcdPolicy	policy = BCD_POLICY_SOURCE;
	bool		staged;

	(void) policy_from(row->on_conflict, &policy);
	staged = row->authority && policy_from(row->authority, &policy);
	feed->on_conflict = policy;
	feed->policies = staged ? row->authorities : bcd_payload_merge(row->policies, row->authorities);
	if (feed->policies && JB_ROOT_COUNT(feed->policies) == 0)
		feed->policies = NULL;
	feed->disputed = row->disputed;
	feed->counts = row->authority && strcmp(row->authority, "relative") == 0;
	feed->options_json = bcd_policy_options(feed, row->options);
}

const char *
bcd_policy_name(BcdPolicy policy)
{
	return names[policy];
}

/*
 * Can a field have another policy than "source": does its record show what was
 * written there, and is it overwritten, rather than changed by a difference?
 */
bool
bcd_field_has_policy(const BcdFeed *feed, const char *name)
{
	const BcdFacet *counting = bcd_counting_facet(feed->resource, feed->options_json);
	const BcdField *field = bcd_resource_field(feed->resource, name);

	return field && !bcd_facet_is_placed(bcd_resource_facet_of(feed->resource, field), feed->options_json) &&
		!(counting && strcmp(counting->changes_of, name) == 0);
}

/*
 * Returns why the store's value of a field is not seen, since an option has placed it
 * elsewhere, in a sentence, or NULL.
 */
char *
bcd_placed_flaw(const BcdFeed *feed, const char *name)
{
	const BcdField *field = bcd_resource_field(feed->resource, name);
	const BcdFacet *facet = field ? bcd_resource_facet_of(feed->resource, field) : NULL;

	if (facet == NULL || !bcd_facet_is_placed(facet, feed->options_json))
		return NULL;
	return psprintf("Option \"%s\" is %s: it is written there, and the record does not show what that place has.",
					facet->placed_by, bcd_payload_text(feed->options_json, facet->placed_by));
}

/*
 * Tells what a policy, of a feed or of a field, means for a quantity, which the store changes with
 * each sale; and what serves better.
 */
void
bcd_policy_advise_counted(const BcdFeed *feed, const char *name, const char *policy)
{
	const BcdField *field = bcd_resource_field(feed->resource, name);
	Jsonb	   *options = bcd_counting_options(feed->resource, feed->options_json);
	char	   *text;

	if (strcmp(policy, "source") == 0 || field == NULL || !(field->flags & BCD_F_COUNTED) || !bcd_field_has_policy(feed, name))
		return;
	text = options && bcd_counting_facet(feed->resource, options) ? JsonbToCString(NULL, &options->root, VARSIZE(options)) : NULL;
	ereport(NOTICE,
			(errmsg("with policy \"%s\", each change of field \"%s\" of feed \"%s\" is a conflict once the store has sold something", policy, name, feed->name),
			 text ? errhint("Differences have no conflicts, and what the store has sold stays sold: SELECT bcdelta.alter_feed(%s, options => %s).",
							quote_literal_cstr(feed->name), quote_literal_cstr(text)) :
			 errhint("Differences have no conflicts, and what the store has sold stays sold: map quantities in a feed of resource inventory, with the option \"adjustment\" set to \"relative\".")));
}

/* Tells which fields of a feed its policy, if it gets this one, does not apply to, or should not. */
void
bcd_policy_advise(const BcdFeed *feed, const char *policy)
{
	int			i;

	for (i = 0; i < feed->nfields && strcmp(policy, "source") != 0; i++)
	{
		const char *name = feed->fields[i].field->name;
		char	   *flaw = bcd_placed_flaw(feed, name);

		if (flaw)
			ereport(NOTICE,
					(errmsg("policy \"%s\" does not apply to field \"%s\" of feed \"%s\", which is always written", policy, name, feed->name),
					 errdetail("%s", flaw),
					 errhint(BCD_PLACED_HINT)));
		else if (feed->policies == NULL || !bcd_payload_has(feed->policies, name))
			bcd_policy_advise_counted(feed, name, policy);
	}
}

/* Returns the policy that applies to a field. */
BcdPolicy
bcd_policy_of(const BcdFeed *feed, const char *field)
{
	char	   *own = feed->policies ? bcd_payload_text(feed->policies, field) : NULL;

	BcdPolicy	policy = feed->on_conflict;

	if (own)
		(void) policy_from(own, &policy);
	return policy == BCD_POLICY_SOURCE || bcd_field_has_policy(feed, field) ? policy : BCD_POLICY_SOURCE;
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
	return feed->on_conflict != BCD_POLICY_SOURCE || feed->policies || feed->disputed;
}

/* Has a record of a resource no other fields than those that identify it? */
static bool
consists_of_its_address(const BcdResource *resource)
{
	int			i;

	for (i = 0; i < resource->nfields; i++)
		if (!bcd_is_address_field(resource, resource->fields[i].name))
			return false;
	return resource->id == NULL;
}

/* Raises an error unless a feed of this resource can have a policy. */
void
bcd_policy_check(const BcdResource *resource, const char *policy)
{
	if (strcmp(policy, "source") == 0)
		return;
	if (consists_of_its_address(resource))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"%s\" is not supported for resource %s", policy, resource->name),
				 errdetail("A record of resource %s has only the values that identify it, so there is none that both sides could change.", resource->name),
				 errhint("Use \"source\".")));
	if (strcmp(policy, "newest") == 0 && !resource->dated)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("conflict policy \"newest\" is not possible for resource %s", resource->name),
				 errdetail("Records of resource %s have no date_modified, which would tell when the store has changed them.", resource->name),
				 errhint("Use \"source\", \"store\" or \"review\".")));
}
