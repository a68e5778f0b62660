/*
 * calls.c
 *		Calls from SQL functions to the worker, and its answers.
 *
 * A call is a slot in shared memory that goes through these states:
 *
 *     FREE --caller--> POSTED --worker--> ACCEPTED --worker--> DONE --caller--> FREE
 *
 * The worker takes a call by making it ACCEPTED, and then fills in the id of
 * its run.  A call that does not wait for the end of the run is then complete:
 * the caller reads the id and frees the slot, and the worker forgets the call.
 * A caller that goes away while its call is ACCEPTED marks it abandoned: the
 * worker stops the run and frees the slot.  If no worker is left to do so, the
 * caller frees it.  A worker that ends answers the calls that it has accepted
 * with an error, so nobody waits for a run that no worker executes; a worker
 * that starts does the same for its predecessor, in case that had no time to
 * do so. Calls that are only POSTED wait for the next worker.
 *
 * Every change of state is made under the exclusive lock; nothing raises an
 * error while the lock is held.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/client.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "worker/calls.h"
#include "worker/worker_words.h"

#define START_PATIENCE_MS	10000	/* how long a caller waits for a worker */
#define START_NAP_MS		100
#define WATCH_NAP_MS		1000	/* how often a caller checks whether the
									 * worker is alive */

static uint32
wait_event(void)
{
	static uint32 event = 0;

	if (event == 0)
		event = bcd_wait_event("BcdeltaRun");
	return event;
}

/*
 * Raises an error unless a worker serves this database. Waits a while for a
 * worker that is starting.
 */
void
bcd_call_check_worker(void)
{
	TimestampTz began = GetCurrentTimestamp();

	for (;;)
	{
		bool		starting;
		char	   *words;
		pid_t		pid = 0;

		if (bcd_shared)
		{
			LWLockAcquire(bcd_shared->lock, LW_SHARED);
			pid = bcd_worker_pid();
			LWLockRelease(bcd_shared->lock);
			if (pid != 0)
				return;
		}
		words = bcd_worker_words(&starting);
		if (words == NULL)
			return;
		if (!starting ||
			TimestampDifferenceExceeds(began, GetCurrentTimestamp(), START_PATIENCE_MS))
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("no bcdelta worker serves this database: %s", words),
					 errhint("%s", bcd_worker_hint())));
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 START_NAP_MS, wait_event());
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Slots are shared by all users of all stores. The limits make sure that no
 * role, and no login that can take many roles, can occupy all of them or
 * prevent a run from being cancelled.
 */
typedef struct BcdSlotUse
{
	int			free;
	int			number;			/* of a free slot */
	int			of_role;
	int			of_session;
} BcdSlotUse;

/* The caller holds the lock. */
static void
count_slots(const BcdCall *call, BcdSlotUse *use)
{
	int			i;

	memset(use, 0, sizeof(*use));
	for (i = 0; i < BCD_MAX_CALLS; i++)
	{
		const BcdCall *slot = &bcd_shared->calls[i];

		if (slot->state == BCD_CALL_FREE)
		{
			use->free++;
			use->number = i;
			continue;
		}
		use->of_role += slot->role == call->role;
		use->of_session += slot->session == call->session;
	}
}

/*
 * Puts a call into a free slot. Returns its number, -1 if there is no free
 * slot, or -2 if there is none for this role.
 */
static int
post(const BcdCall *call, pid_t *pid)
{
	bool		cancels = call->kind == BCD_CALL_CANCEL;
	int			most = BCD_ROLE_CALLS + (cancels ? BCD_ROLE_CANCELS : 0);
	bool		super = superuser_arg(call->role);
	bool		super_session = superuser_arg(call->session);
	int			kept = super ? 0 : cancels ? BCD_KEPT_CALLS / 2 : BCD_KEPT_CALLS;
	BcdSlotUse	use;
	int			number;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	count_slots(call, &use);
	number = use.free > kept ? use.number : -1;
	if (!super && (use.of_role >= most || (!super_session && use.of_session >= most)))
		number = -2;
	if (number >= 0)
	{
		bcd_shared->calls[number] = *call;
		bcd_shared->calls[number].state = BCD_CALL_POSTED;
	}
	*pid = bcd_worker_pid();
	LWLockRelease(bcd_shared->lock);
	return number;
}

/*
 * Returns whether the worker has nothing more to do with a call that is not
 * DONE. The slot then belongs to the caller alone.
 */
static bool
is_over_for_worker(const BcdCall *slot)
{
	return slot->state == BCD_CALL_ACCEPTED && !slot->wait && slot->run_id != 0;
}

/* The caller goes away, because of an error or because its process ends. */
static void
abandon(int code, Datum number)
{
	BcdCall    *slot = &bcd_shared->calls[DatumGetInt32(number)];

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	if (slot->state == BCD_CALL_ACCEPTED && !is_over_for_worker(slot) && bcd_worker_pid() != 0)
	{
		slot->abandoned = true;
		slot->latch = NULL;
	}
	else
		slot->state = BCD_CALL_FREE;
	LWLockRelease(bcd_shared->lock);
	bcd_wake_worker(MyDatabaseId);
}

/*
 * Returns the state of a call. Once it is answered, the answer is copied, the
 * slot is free again, and the result is DONE.
 */
static BcdCallState
look(int number, BcdCall *call, pid_t *pid)
{
	BcdCall    *slot = &bcd_shared->calls[number];
	BcdCallState state;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	state = slot->state;
	if (state == BCD_CALL_DONE || is_over_for_worker(slot))
	{
		*call = *slot;
		slot->state = BCD_CALL_FREE;
		state = BCD_CALL_DONE;
	}
	else if (state == BCD_CALL_ACCEPTED)
		call->run_id = slot->run_id;
	*pid = bcd_worker_pid();
	LWLockRelease(bcd_shared->lock);
	return state;
}

static void
worker_ended(const BcdCall *call, BcdCallState state)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONNECTION_FAILURE),
			 errmsg("the bcdelta worker ended before it answered"),
			 state == BCD_CALL_ACCEPTED && call->run_id != 0 ?
			 errdetail("Run " INT64_FORMAT " was interrupted.", call->run_id) : 0,
			 errhint("No rows were lost. Call the function again once the worker has restarted; see the server log for the cause.")));
}

/* Waits until the call is answered. */
static void
await(int number, BcdCall *call, pid_t pid)
{
	TimestampTz seen = GetCurrentTimestamp();	/* when a worker was last seen */

	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();
		pid_t		pid_now;
		BcdCallState state = look(number, call, &pid_now);

		if (state != BCD_CALL_DONE)
			bcd_client_check();

		if (state == BCD_CALL_DONE)
			return;
		if (pid_now != 0)
			seen = now;
		if (state == BCD_CALL_ACCEPTED ? pid_now != pid :
			TimestampDifferenceExceeds(seen, now, START_PATIENCE_MS))
			worker_ended(call, state);
		pid = pid_now;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 WATCH_NAP_MS, wait_event());
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Makes the worker do something, and waits for it.
 *
 * The caller fills in the request; the answer is in run_id and result. If the
 * worker refuses or fails, its message is raised as an error. Needs no
 * snapshot and no memory of the transaction.
 */
void
bcd_call(BcdCall *call)
{
	pid_t		pid;
	volatile int number;

	call->abandoned = false;
	call->dbid = MyDatabaseId;
	call->latch = MyLatch;
	call->result = 0;
	call->message[0] = '\0';
	number = post(call, &pid);
	if (number < 0)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many sessions wait for the bcdelta worker"),
				 number == -2 ?
				 errdetail("At most %d of one role may wait at the same time.", BCD_ROLE_CALLS) :
				 errdetail("At most %d may wait at the same time; the last places are reserved for bcdelta.cancel() and for superusers.",
						   BCD_MAX_CALLS),
				 errhint("A push with wait => false occupies no place while it runs.")));
	PG_ENSURE_ERROR_CLEANUP(abandon, Int32GetDatum(number));
	{
		bcd_wake_worker(MyDatabaseId);
		await(number, call, pid);
	}
	PG_END_ENSURE_ERROR_CLEANUP(abandon, Int32GetDatum(number));
	if (call->message[0])
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("%s", call->message)));
}

/*
 * Accepts the next call, for the worker. Returns its number, or -1 if there is
 * none. Slots are visited in turn, so that sessions which call again and again
 * cannot keep others waiting. Must be followed by bcd_call_accepted() for a
 * run, and by bcd_call_done() for anything else.
 */
int
bcd_call_next(BcdCall *copy)
{
	static int	last = 0;
	int			number = -1;
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 1; i <= BCD_MAX_CALLS && number < 0; i++)
	{
		BcdCall    *slot = &bcd_shared->calls[(last + i) % BCD_MAX_CALLS];

		if (slot->state != BCD_CALL_POSTED || slot->dbid != MyDatabaseId)
			continue;
		slot->state = BCD_CALL_ACCEPTED;
		if (slot->kind != BCD_CALL_CANCEL)
			slot->run_id = 0;
		*copy = *slot;
		number = (last + i) % BCD_MAX_CALLS;
	}
	if (number >= 0)
		last = number;
	LWLockRelease(bcd_shared->lock);
	return number;
}

/*
 * Sets the message of an answer, cut at a character boundary. The caller holds
 * the lock.
 */
static void
set_message(BcdCall *slot, const char *error)
{
	int			len = error ? strlen(error) : 0;

	if (len >= (int) sizeof(slot->message))
		len = pg_mbcliplen(error, len, sizeof(slot->message) - 1);
	memcpy(slot->message, error ? error : "", len);
	slot->message[len] = '\0';
}

/* Wakes the caller's process; our caller holds the lock. */
static void
wake_caller(BcdCall *slot)
{
	if (slot->latch)
		SetLatch(slot->latch);
}

/*
 * Called by the worker when it has committed the row of the call's run. If the
 * call does not wait for the run's end, the worker is done with it.
 */
void
bcd_call_accepted(int number, int64 run_id)
{
	BcdCall    *slot = &bcd_shared->calls[number];

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	slot->run_id = run_id;
	if (slot->abandoned && !slot->wait)
		slot->state = BCD_CALL_FREE;
	else
		wake_caller(slot);
	LWLockRelease(bcd_shared->lock);
}

/* Answers a call, for the worker; error is NULL if there was none. */
void
bcd_call_done(int number, int64 result, const char *error)
{
	BcdCall    *slot = &bcd_shared->calls[number];

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	slot->result = result;
	set_message(slot, error);
	slot->state = slot->abandoned ? BCD_CALL_FREE : BCD_CALL_DONE;
	wake_caller(slot);
	LWLockRelease(bcd_shared->lock);
}

/* Returns whether the caller has gone away; the run must then be stopped. */
bool
bcd_call_abandoned(int number)
{
	bool		abandoned;

	LWLockAcquire(bcd_shared->lock, LW_SHARED);
	abandoned = bcd_shared->calls[number].abandoned;
	LWLockRelease(bcd_shared->lock);
	return abandoned;
}

/*
 * Answers everything that the worker has accepted with an error. Called by the
 * worker when it ends and when it starts.
 */
void
bcd_calls_end(Oid dbid, const char *error)
{
	int			i;

	LWLockAcquire(bcd_shared->lock, LW_EXCLUSIVE);
	for (i = 0; i < BCD_MAX_CALLS; i++)
	{
		BcdCall    *slot = &bcd_shared->calls[i];

		if (slot->state != BCD_CALL_ACCEPTED || slot->dbid != dbid || is_over_for_worker(slot))
			continue;
		set_message(slot, error);
		slot->state = slot->abandoned ? BCD_CALL_FREE : BCD_CALL_DONE;
		wake_caller(slot);
	}
	LWLockRelease(bcd_shared->lock);
}
