/*
 * time_limit.c
 *		Runs other people's code no longer than a limit.
 *
 * At the limit, the statement is cancelled as if a user had done so.  Code may
 * catch that: what happens then, a grace later and two, is up to the caller.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/latch.h"

#include "base/time_limit.h"

/* A signal handler: continue as if a user had cancelled the statement. */
void
bcd_time_limit_cancel(void)
{
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* A signal handler: the process ends in an orderly way, which code cannot catch. */
void
bcd_time_limit_die(void)
{
	ProcDiePending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
}

/* Once per process and user of limits */
void
bcd_time_limit_register(BcdTimeLimit *limit, timeout_handler_proc second, timeout_handler_proc third)
{
	limit->ids[0] = RegisterTimeout(USER_TIMEOUT, bcd_time_limit_cancel);
	limit->ids[1] = RegisterTimeout(USER_TIMEOUT, second);
	limit->ids[2] = RegisterTimeout(USER_TIMEOUT, third);
}

/* The code begins; limit_ms 0: there is no limit. */
void
bcd_time_limit_begin(const BcdTimeLimit *limit, int limit_ms, int grace_ms)
{
	EnableTimeoutParams timeouts[lengthof(limit->ids)];
	int			i;

	memset(timeouts, 0, sizeof(timeouts));
	for (i = 0; i < lengthof(timeouts); i++)
	{
		timeouts[i].id = limit->ids[i];
		timeouts[i].type = TMPARAM_AFTER;
		timeouts[i].delay_ms = limit_ms + i * grace_ms;
	}
	(void) get_timeout_indicator(limit->ids[0], true);
	if (limit_ms > 0)
		enable_timeouts(timeouts, lengthof(timeouts));
}

/* Was the limit reached since the code began? */
bool
bcd_time_limit_reached(const BcdTimeLimit *limit)
{
	return get_timeout_indicator(limit->ids[0], false);
}

/* The code is over, or has ended with an error. */
void
bcd_time_limit_end(const BcdTimeLimit *limit)
{
	DisableTimeoutParams timeouts[lengthof(limit->ids)];
	int			i;

	memset(timeouts, 0, sizeof(timeouts));
	for (i = 0; i < lengthof(timeouts); i++)
	{
		timeouts[i].id = limit->ids[i];
		timeouts[i].keep_indicator = true;
	}
	disable_timeouts(timeouts, lengthof(timeouts));
	/* the code ended at the last moment, or asked to terminate the process */
	if (ProcDiePending)
		CHECK_FOR_INTERRUPTS();
	/* the limit may have passed after the work was done */
	if (bcd_time_limit_reached(limit))
		QueryCancelPending = false;
}
