/*
 * endpoint_limits.h
 *		How many requests one endpoint takes at a time, and how many records
 *		in one, as far as it told.
 *
 * Pure.  What the API documents is in resource.c; endpoints have limits that
 * are not documented, and such limits appear without notice.
 */
#ifndef BCD_ENDPOINT_LIMITS_H
#define BCD_ENDPOINT_LIMITS_H

typedef struct BcdSlots
{
	int			limit;			/* 0: it has not refused any */
	int			calm;			/* good replies since it was changed */
} BcdSlots;

/* The most records in a request */
typedef struct BcdBatch
{
	int			limit;			/* 0: it has not refused any */
	int			taken;			/* requests of so many that it took since */
	int			patience;		/* it has to take before more are tried */
	bool		raised;			/* the limit is such a trial */
} BcdBatch;

extern int	bcd_slots_limit(const BcdSlots *slots, int documented, int wanted);
extern void bcd_slots_crowded(BcdSlots *slots, int nth);
extern void bcd_slots_good(BcdSlots *slots);

extern void bcd_batch_refused(BcdBatch *batch, int n);
extern void bcd_batch_taken(BcdBatch *batch, int n);

#endif							/* BCD_ENDPOINT_LIMITS_H */
