/*
 * test_slots.c
 *		How many requests an endpoint takes at a time.
 */
#include "postgres.h"

#include "../../src/slots.c"
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

int
main(void)
{
	test_limit();
	test_learns();
	return tap_done();
}
