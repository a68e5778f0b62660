/*
 * test_luck.c
 *		How the requests to an endpoint fare, and what that says of one row.
 */
#include "postgres.h"

#include "../../src/pacing/endpoint_health.c"
#include "tap.h"

/* So many requests in turn, of which one in n meets trouble; n 0: none */
static void
requests(BcdLuck *luck, int number, int n)
{
	int			i;

	for (i = 1; i <= number; i++)
	{
		if (n > 0 && i % n == 0)
			bcd_luck_bad(luck);
		else
			bcd_luck_good(luck, 1);
	}
}

static void
test_failures(void)
{
	BcdLuck		luck = {0};
	int			i;

	is_int(bcd_luck_failures(&luck), 2, "where nothing fails, two failures in a row may be chance");
	requests(&luck, 300, 100);
	is_int(bcd_luck_failures(&luck), 2, "where one in a hundred does, too");
	requests(&luck, 300, 3);
	ok(bcd_luck_failures(&luck) >= 5 && bcd_luck_failures(&luck) <= 8,
	   "where a third does, some more: %d", bcd_luck_failures(&luck));
	requests(&luck, 300, 2);
	ok(bcd_luck_failures(&luck) >= 9 && bcd_luck_failures(&luck) <= 12,
	   "and where half does: %d", bcd_luck_failures(&luck));
	bcd_luck_good(&luck, 1);
	for (i = 0; i < 1000; i++)
		bcd_luck_bad(&luck);
	ok(bcd_luck_failures(&luck) > 100, "where all does, it is nobody's fault");
	is_int(luck.troubles, 1000, "troubles in a row are counted");
	requests(&luck, 200, 0);
	is_int(luck.troubles, 0, "up to a success");
	is_int(bcd_luck_failures(&luck), 2, "and forgotten after many");
}

static void
test_credit(void)
{
	BcdLuck		luck = {0};
	int			i;

	is_int(luck.credit, 0, "nobody comes back before there was a success");
	bcd_luck_good(&luck, 1);
	is_int(luck.credit, 2, "one that was taken brings two");
	bcd_luck_bad(&luck);
	bcd_luck_bad(&luck);
	is_int(luck.credit, 0, "trouble ends it");
	bcd_luck_good(&luck, 10);
	is_int(luck.credit, 20, "a batch brings more");
	for (i = 0; i < 10000; i++)
		bcd_luck_good(&luck, 250);
	is_int(luck.credit, MAX_CREDIT, "but never very many");
	for (i = 0; i < 50; i++)
		bcd_luck_bad(&luck);
	is_int(luck.credit, 0, "which failures in a row end");
	bcd_luck_good(&luck, 16);
	bcd_luck_bad(&luck);
	is_int(luck.credit, 28, "each of them takes an eighth");
}

int
main(void)
{
	test_failures();
	test_credit();
	return tap_done();
}
