/*
 * endpoint_limits.c
 *		Limits of one endpoint on concurrent requests and on records per
 *		request, as learned from its replies.
 *
 * An endpoint refuses a request that is one too many; requests that it has
 * accepted continue. So the refusal of a request that was started as the nth
 * shows that n are too many, and the lowest n of several refusals shows how
 * many are not. Such limits are fixed numbers: one more request is tried so
 * rarely that the refusals this causes do not matter.
 *
 * A batch may be too large in bytes rather than in records, or be refused for
 * a reason that only looks like its size. So batches grow again, by doubling;
 * each time the larger size is refused, it is tried half as often.
 */
#include "postgres.h"

#include "pacing/endpoint_limits.h"

#define CALM_REPLIES		1000	/* before one more is tried */
#define BATCHES_TAKEN		100 /* before twice as many records are tried */
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

/* The request started as the nth concurrent one was one too many */
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

	/* other requests of that size may have been in progress */
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

/* A request with n records was not too large. */
void
bcd_batch_taken(BcdBatch *batch, int n)
{
	if (batch->limit == 0 || n < batch->limit || ++batch->taken < batch->patience)
		return;
	batch->limit *= 2;
	batch->taken = 0;
	batch->raised = true;
}
