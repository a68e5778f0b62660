/*
 * feed_options.h
 *		The options argument of track().
 */
#ifndef BCD_FEED_OPTIONS_H
#define BCD_FEED_OPTIONS_H

#include "utils/jsonb.h"

#include "resource/resource.h"

typedef struct BcdFeedOptions
{
	int64		tree_id;		/* for records without a parent; 0: the
								 * store's default tree */
	int64		location_id;	/* of stock; 0: the store's default location */
	int64		batch_size;		/* most records in a write; 0: the resource's */
	int64		concurrency;	/* most requests at one endpoint; 0: the
								 * resource's */
	int64		max_changes;	/* more pending rows pause the feed; 0: no
								 * limit */
	bool		stale_fails;	/* a record that is gone is not created again */
	bool		relative;		/* differences are sent: see counted.c */
	bool		creates_many;	/* new records share requests: always, */
	bool		creates_singly; /* or never; neither: if the store can */
	bool		nested_kept;	/* elements are sent with an update of their
								 * record: always, */
	bool		nested_singly;	/* or never; neither: if the store keeps the
								 * others */
	bool		immediate;		/* changes are pushed when they are committed */
	bool		clears;			/* a null empties the field */
	int64		delete_after;	/* seconds for which records are hidden before
								 * they are deleted; 0: deleted at once */
	char	   *modified;		/* expression: when a row was last changed;
								 * NULL: when that was captured */
} BcdFeedOptions;

extern void bcd_feed_options(Jsonb *options, const BcdResource *resource, BcdFeedOptions *result);

extern uint32 bcd_facet_bits(const BcdResource *resource, Datum names);

#endif							/* BCD_FEED_OPTIONS_H */
