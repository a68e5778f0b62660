/*
 * due.c
 *		What the worker does at certain times: schedules, steps of cutovers,
 *		ends of adjustments.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "worker/adjusted_due.h"
#include "worker/cutover_due.h"
#include "worker/due.h"
#include "worker/schedule_due.h"
#include "worker/schedule_hours.h"

static TimestampTz next_schedule = 0;
static TimestampTz next_step = 0;

/* Does what is due.  In a transaction of the worker's, with SPI connected. */
void
bcd_due_look(void)
{
	bcd_adjusted_due();
	next_schedule = bcd_schedules_due();
	next_step = bcd_cutovers_due();
	bcd_hours_look();
}

/* Returns the milliseconds until something is due; PG_INT64_MAX: nothing is. */
int64
bcd_due_wait(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz reopen = bcd_hours_reopen();
	TimestampTz next = Min(Min(next_schedule, next_step), reopen);

	if (next == DT_NOEND)
		return PG_INT64_MAX;
	return next <= now ? 0 : (next - now) / 1000 + 1;
}
