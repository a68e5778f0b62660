/*
 * policy.h
 *		Whose value is written if a field was changed in the source and in the
 *		store.
 */
#ifndef BCD_POLICY_H
#define BCD_POLICY_H

#include "feed/feed.h"

typedef enum BcdPolicy
{
	BCD_POLICY_SOURCE,
	BCD_POLICY_STORE,
	BCD_POLICY_REVIEW
} BcdPolicy;

extern BcdPolicy bcd_policy_from(const char *word);
extern BcdPolicy bcd_policy_of(const BcdFeed *feed, const char *field);
extern bool bcd_feed_is_guarded(const BcdFeed *feed);
extern void bcd_policy_check(const BcdResource *resource, const char *policy);
extern void bcd_policy_check_field(const BcdFeed *feed, const char *field);

#endif							/* BCD_POLICY_H */
