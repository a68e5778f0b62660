/*
 * estimate_count.h
 *		What rows take, in records and requests.
 */
#ifndef BCD_ESTIMATE_COUNT_H
#define BCD_ESTIMATE_COUNT_H

#include "feed/feed.h"
#include "functions/preview.h"

#define BCD_MAX_USES	100

/* Records that an endpoint is needed for */
typedef struct BcdUse
{
	const BcdEndpoint *endpoint;
	int			batch;
	double		records;
	double		found;			/* the same, if all that is looked for is
								 * found */
} BcdUse;

typedef struct BcdEstimate
{
	double		rows;
	double		creates;
	double		updates;
	double		deletes;
	double		others;			/* requests for no records: of lists */
	double		made;			/* those that make what new records name */
	double		sought;			/* rows that are looked for in the store */
	uint32		listed;			/* bits of the lists of names that are read */
	List	   *unlisted;		/* those of which nothing is known */
	bool		alone;			/* a push of one feed */
	BcdUse		uses[BCD_MAX_USES];
	int			nuses;
	int64		looked_at;
	bool		sampled;		/* some rows were not looked at */
	int64		until;			/* monotonic ms, when there is no time left */
	List	   *unread;			/* feeds of others */
	List	   *late;			/* feeds for which there was no time */
	List	   *paused;
	List	   *ahead;			/* feeds with rows that are not counted yet */
} BcdEstimate;

extern void bcd_estimate_add_unread(BcdEstimate *e, const BcdFeed *feed, bool linked, double weight);
extern void bcd_estimate_add_row(BcdEstimate *e, const BcdFeed *feed, const BcdPreview *p, double weight);
extern void bcd_estimate_scale(BcdEstimate *e, const BcdEstimate *before, double factor);
extern double bcd_estimate_calls(const BcdEstimate *e, bool all_found);

#endif							/* BCD_ESTIMATE_COUNT_H */
