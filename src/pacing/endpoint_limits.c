/*
 * endpoint_limits.c
 *		How many requests one endpoint takes at a time, and how many records
 *		in one, as far as it told.
 *
 * An endpoint refuses a request that is one too many; those that it has taken
 * go on.  So the refusal of one that was started as the nth says that n are
 * too many, and the least n of several refusals says how many are not.  Such
 * limits are fixed numbers: one more is tried so seldom that the refusals
 * which that costs do not matter.
 *
 * A batch that is too large may be so by its bytes, or be refused for a reason
 * that only looks like it.  So batches grow again, by doubling; each time that
 * this turns out to be too much, it is tried half as often.
 */
#include "postgres.h"

#include "pacing/endpoint_limits.h"

#define CALM_REPLIES		1000	/* until one more is tried */
#define BATCHES_TAKEN		100 /* until twice as many records are tried */
#define BATCHES_TAKEN_MOST	1000000

/*
 * The most requests at a time; 0: no limit.  documented is the API's limit, 0
 * where it states none; wanted is the user's, 0 where there is none.
 */
int
bcd_slots_limit(const BcdSlots *slots, int documented, int wanted)
{
	int			limit = 0;

	if (documented > 0)
		limit = documented;
	if (wanted > 0 && (limit == 0 || wanted < limit))
		limit = wanted;
	if (slots->limit > 0 && (limit == 0 || slots->limit < limit))
		limit = slots->limit;
	return limit;
}

/* A request that was started as the nth at a time was one too many */
void
bcd_slots_crowded(BcdSlots *slots, int nth)
{
	int			fewer = Max(nth - 1, 1);

	if (slots->limit == 0 || fewer < slots->limit)
		slots->limit = fewer;
	slots->calm = 0;
}

void
bcd_slots_good(BcdSlots *slots)
{
	if (slots->limit == 0 || ++slots->calm < CALM_REPLIES)
		return;
	slots->limit++;
	slots->calm = 0;
}

/* A request with n records was too large. */
void
bcd_batch_refused(BcdBatch *batch, int n)
{
	int			half = Max(n / 2, 1);

	/* others of that size may have been under way */
	if (batch->limit > 0 && half >= batch->limit)
		return;
	if (batch->raised)
		batch->patience = Min(batch->patience * 2, BATCHES_TAKEN_MOST);
	else
		batch->patience = Max(batch->patience, BATCHES_TAKEN);
	batch->limit = half;
	batch->taken = 0;
	batch->raised = false;
}

/* One with n records was not. */
void
bcd_batch_taken(BcdBatch *batch, int n)
{
	if (batch->limit == 0 || n < batch->limit || ++batch->taken < batch->patience)
		return;
	batch->limit *= 2;
	batch->taken = 0;
	batch->raised = true;
}
