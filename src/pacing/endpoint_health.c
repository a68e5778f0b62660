/*
 * endpoint_health.c
 *		How the requests to an endpoint fare, and what that says of one row.
 *
 * After trouble (5xx, a reset, a time-out) a row waits, longer each time, and
 * that is right when the store is down.  When it is not, and takes other rows
 * all the while, the wait belongs to nobody but a row that fails by itself.
 * Which one does is a matter of odds: a row that has failed alone n times in a
 * row, where a part p of all requests fails, has had bad luck with a
 * probability of p to the nth.
 *
 * So each success at an endpoint lets a few rows come back early that have met
 * trouble there, and each trouble takes back a part of that: after an outage
 * the first row to succeed brings two back, these bring four; and what was left
 * when the next one begins is soon used up.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/endpoint_health.h"

#define WEIGHT			(1.0 / 32)	/* of the last request */
#define EARLY_ROWS		2		/* for each row that was taken */
#define MAX_CREDIT		1000
#define CHANCE			0.001	/* what is less likely is not luck */

/* A request of so many rows was taken. */
void
bcd_luck_good(BcdLuck *luck, int rows)
{
	luck->failing -= luck->failing * WEIGHT;
	luck->troubles = 0;
	luck->credit = Min(luck->credit + rows * EARLY_ROWS, MAX_CREDIT);
}

/* One met trouble. */
void
bcd_luck_bad(BcdLuck *luck)
{
	luck->failing += (1 - luck->failing) * WEIGHT;
	luck->troubles++;
	luck->credit -= (luck->credit + 7) / 8;
}

/* So many failures of one row in a row may be bad luck. */
int
bcd_luck_failures(const BcdLuck *luck)
{
	double		most;

	if (luck->failing <= 0)
		return BCD_FREE_FAILURES;
	most = log(CHANCE) / log(Min(luck->failing, 0.99));
	return Max((int) most, BCD_FREE_FAILURES);
}
