/*
 * policy.h
 *		Whose value is written if a field was changed in the source and in the
 *		store.
 */
#ifndef BCD_POLICY_H
#define BCD_POLICY_H

#include "feed/feed.h"
#include "tables/feed.h"

typedef enum BcdPolicy
{
	BCD_POLICY_SOURCE,
	BCD_POLICY_STORE,
	BCD_POLICY_NEWEST,
	BCD_POLICY_REVIEW
} BcdPolicy;

extern void bcd_policies_set(BcdFeed *feed, const BcdFeedRow *row);
extern Jsonb *bcd_policy_options(const BcdFeed *feed, Jsonb *options);

/* What can be done about a field that an option has placed elsewhere */
#define BCD_PLACED_HINT	"A feed of resource inventory has a record for each location, which is compared and kept like any other."

extern char *bcd_placed_flaw(const BcdFeed *feed, const char *name);
extern void bcd_policy_advise(const BcdFeed *feed, const char *policy);
extern void bcd_policy_advise_counted(const BcdFeed *feed, const char *name, const char *policy);
extern bool bcd_field_has_policy(const BcdFeed *feed, const char *name);
extern BcdPolicy bcd_policy_of(const BcdFeed *feed, const char *field);
extern const char *bcd_policy_name(BcdPolicy policy);
extern bool bcd_feed_is_dated(const BcdFeed *feed);
extern bool bcd_feed_is_guarded(const BcdFeed *feed);
extern void bcd_policy_check(const BcdResource *resource, const char *policy);

#endif							/* BCD_POLICY_H */
