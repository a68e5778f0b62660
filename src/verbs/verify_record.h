/*
 * verify_record.h
 *		Compares rows with their records in a verify.
 */
#ifndef BCD_VERIFY_RECORD_H
#define BCD_VERIFY_RECORD_H

#include "engine/engine.h"
#include "store/count_tree.h"
#include "tables/link_sum.h"
#include "tables/proven.h"

/* The phases of a verify's lane, in order; lane->phase */
enum
{
	ROWS,						/* source rows against records */
	LINKS,						/* links without a source row */
	AGAIN,						/* rows that differed, for the second time */
	TOTAL,						/* how many records the store has */
	LIST,						/* which of them have no link */
	DONE,

	/* those of a lane of which only what has changed is compared */
	DATES,						/* records that were changed in the store */
	COUNTS,						/* how many records it has, in ranges of ids */
	RANGES,						/* which they are, in one of the ranges */
	COUNTED						/* its doubtful rows come next: AGAIN */
};

/* Ids of records */
typedef struct BcdIds
{
	int64	   *of;
	int			n;
	int			size;
} BcdIds;

/*
 * What a verify knows of a lane.  Most of it is used where only what has changed
 * is compared, in the last lane of a resource: verify_changed.c.
 */
typedef struct BcdVerify
{
	char	   *list_filter;	/* of the list of the store */
	int64		calls_before;	/* the run's, when the lane began */
	BcdKeySum	rows;			/* linked rows that were found in the source */
	BcdKeySum	links;			/* links of the feed that have been summed */
	char	   *summed_to;		/* the last of these; NULL: none, or all */
	bool		summed;			/* all have been */
	bool		everything;		/* nothing is known on which to build */
	BcdProven	last;			/* what the last verify has found */
	bool		proven;			/* what was found is recorded */
	bool		loaded;			/* the ids were read */
	BcdIds		ids;			/* that should be in the store, sorted */
	BcdIds		dropped;		/* known strangers that are gone, or reported
								 * anew */
	BcdIds		listed;			/* in the range that is being listed */
	int64		touched;		/* rows whose records others have touched */
	bool		counting;		/* the tree has begun */
	BcdCountTree tree;
	struct
	{
		List	   *doubts;
		BcdIds		strangers;
		BcdIds		dropped;
		BcdIds		listed;
		int64		touched;
		int64		agree;
	}			found;			/* in a reply; not committed yet */
} BcdVerify;

extern void bcd_verify_missing(BcdLane *lane, BcdItem *item, const char *kind, const char *text);
extern void bcd_verify_read(BcdItem *item, const cJSON *record);
extern void bcd_verify_again(BcdRun *run, BcdLane *lane);
extern bool bcd_verify_agrees(BcdLane *lane, const char *key, const cJSON *record);

#endif							/* BCD_VERIFY_RECORD_H */
