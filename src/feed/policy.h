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
extern BcdPolicy bcd_policy_of(const BcdFeed *feed, const char *field);
extern const char *bcd_policy_name(BcdPolicy policy);
extern bool bcd_feed_is_dated(const BcdFeed *feed);
extern bool bcd_feed_is_guarded(const BcdFeed *feed);
extern void bcd_policy_check(const BcdResource *resource, const char *policy);

#endif							/* BCD_POLICY_H */
