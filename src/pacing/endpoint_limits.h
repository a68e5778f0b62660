/*
 * endpoint_limits.h
 *		Limits of one endpoint on concurrent requests and on records per
 *		request, as learned from its replies.
 *
 * Pure.  Documented limits are part of the resource descriptors; endpoints
 * also have undocumented limits, and these appear without notice.
 */
#ifndef BCD_ENDPOINT_LIMITS_H
#define BCD_ENDPOINT_LIMITS_H

typedef struct BcdSlots
{
	int			limit;			/* 0: it has not refused any */
	int			calm;			/* successful replies since it was changed */
} BcdSlots;

/* The most records in a request */
typedef struct BcdBatch
{
	int			limit;			/* 0: it has not refused any */
	int			taken;			/* requests of this size accepted since */
	int			patience;		/* to be accepted before more are tried */
	bool		raised;			/* the limit is such a trial */
} BcdBatch;

extern int	bcd_slots_limit(const BcdSlots *slots, int documented, int wanted);
extern void bcd_slots_crowded(BcdSlots *slots, int nth);
extern void bcd_slots_good(BcdSlots *slots);

extern void bcd_batch_refused(BcdBatch *batch, int n);
extern void bcd_batch_taken(BcdBatch *batch, int n);

#endif							/* BCD_ENDPOINT_LIMITS_H */
