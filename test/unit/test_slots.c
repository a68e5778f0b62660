/*
 * test_slots.c
 *		How many requests an endpoint takes at a time, and records in one.
 */
#include "postgres.h"

#include "../../src/pacing/endpoint_limits.c"
#include "tap.h"

static void
test_limit(void)
{
	BcdSlots	slots = {0};

	is_int(bcd_slots_limit(&slots, 0, 0), 0, "nothing is known: no limit");
	is_int(bcd_slots_limit(&slots, 3, 0), 3, "the documented one");
	is_int(bcd_slots_limit(&slots, 0, 5), 5, "the user's");
	is_int(bcd_slots_limit(&slots, 3, 5), 3, "who cannot raise the documented one");
	is_int(bcd_slots_limit(&slots, 3, 1), 1, "but lower it");
	bcd_slots_crowded(&slots, 3);
	is_int(bcd_slots_limit(&slots, 0, 0), 2, "what the endpoint told");
	is_int(bcd_slots_limit(&slots, 1, 0), 1, "which does not raise the documented one");
	is_int(bcd_slots_limit(&slots, 0, 1), 1, "or the user's");
	is_int(bcd_slots_limit(&slots, 10, 5), 2, "and lowers them");
}

/* Eight at a time where three are taken: five are refused */
static void
test_learns(void)
{
	BcdSlots	slots = {0};
	int			i;

	/* the replies come in any order */
	bcd_slots_crowded(&slots, 8);
	for (i = 4; i < 8; i++)
		bcd_slots_crowded(&slots, i);
	is_int(slots.limit, 3, "the limit is known");
	bcd_slots_crowded(&slots, 1);
	bcd_slots_crowded(&slots, 1);
	is_int(slots.limit, 1, "one may always go");
	for (i = 0; i < CALM_REPLIES - 1; i++)
		bcd_slots_good(&slots);
	is_int(slots.limit, 1, "good replies change nothing");
	bcd_slots_good(&slots);
	is_int(slots.limit, 2, "until there were very many");
	bcd_slots_crowded(&slots, 2);
	is_int(slots.limit, 1, "one more was one too many");
}

/* Requests with as many records as are allowed, until one with more is tried */
static int
take(BcdBatch *batch)
{
	int			limit = batch->limit;
	int			n = 0;

	while (batch->limit == limit && n < 1000000)
	{
		bcd_batch_taken(batch, limit);
		n++;
	}
	return n;
}

static void
test_batch(void)
{
	BcdBatch	batch = {0};
	int			i;

	bcd_batch_taken(&batch, 10);
	is_int(batch.limit, 0, "nothing was refused: no limit");
	bcd_batch_refused(&batch, 40);
	bcd_batch_refused(&batch, 40);
	is_int(batch.limit, 20, "half of what was refused, however often");
	bcd_batch_refused(&batch, 20);
	is_int(batch.limit, 10, "and half of that");
	bcd_batch_refused(&batch, 40);
	is_int(batch.limit, 10, "one that was under way before says nothing");
	for (i = 0; i < 10 * BATCHES_TAKEN; i++)
		bcd_batch_taken(&batch, 9);
	is_int(batch.limit, 10, "smaller ones neither");
	is_int(take(&batch), BATCHES_TAKEN, "twice as many are tried after a while");
	is_int(batch.limit, 20, "twice as many");
	bcd_batch_refused(&batch, 20);
	bcd_batch_refused(&batch, 20);
	is_int(batch.limit, 10, "which are too many");
	is_int(take(&batch), 2 * BATCHES_TAKEN, "that is tried again later");
	bcd_batch_refused(&batch, 20);
	is_int(take(&batch), 4 * BATCHES_TAKEN, "and later still");
	is_int(take(&batch), 4 * BATCHES_TAKEN, "what works is kept, and more is tried");
	is_int(batch.limit, 40, "so that a false alarm is forgotten");
	bcd_batch_refused(&batch, 2);
	bcd_batch_refused(&batch, 1);
	is_int(batch.limit, 1, "one may always go");
}

int
main(void)
{
	test_limit();
	test_learns();
	test_batch();
	return tap_done();
}
