/*
 * endpoint_health.c
 *		The health of an endpoint, and what it says about the failures of one
 *		row.
 *
 * After trouble (5xx, a reset, a time-out), a row waits, longer each time.
 * This is right when the store is down. If the store is up and accepts other
 * rows in the meantime, only a row that itself causes the failures should
 * wait. Which rows do is a matter of probability: if a fraction p of all
 * requests fails, a row that has failed alone n times in succession had bad
 * luck with a probability of p to the nth.
 *
 * So each success at an endpoint lets a few rows that met trouble there come
 * back early, and each trouble takes back a part of this allowance: after an
 * outage, the first row to succeed brings two rows back, and these bring four;
 * an allowance left over when the next outage begins is soon used up.
 */
#include "postgres.h"

#include <math.h>

#include "pacing/endpoint_health.h"

#define WEIGHT			(1.0 / 32)	/* of the last request */
#define EARLY_ROWS		2		/* for each row that was accepted */
#define MAX_CREDIT		1000
#define CHANCE			0.001	/* anything less likely is not chance */

/* A request with this number of rows was accepted. */
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

/* The number of consecutive failures of one row that may be bad luck. */
int
bcd_luck_failures(const BcdLuck *luck)
{
	double		most;

	if (luck->failing <= 0)
		return BCD_FREE_FAILURES;
	most = log(CHANCE) / log(Min(luck->failing, 0.99));
	return Max((int) most, BCD_FREE_FAILURES);
}
