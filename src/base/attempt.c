/*
 * attempt.c
 *		Runs code that may fail in a subtransaction, and returns its error.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/attempt.h"

/* A request to stop the whole statement, or the process */
static bool
is_stop(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_QUERY_CANCELED ||
		ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

static ErrorData *
attempt(void (*work) (void *arg), void *arg, bool keep)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);
	PG_TRY();
	{
		work(arg);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	CurrentResourceOwner = owner;
	if (error && is_stop(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

/*
 * Does some work in a subtransaction, in the current memory context; returns
 * NULL, or the error that ended it, whose effects are undone.
 */
ErrorData *
bcd_attempt(void (*work) (void *arg), void *arg)
{
	return attempt(work, arg, true);
}

/* The same for work that only reads: all its effects are undone, and its locks are released. */
ErrorData *
bcd_attempt_undone(void (*work) (void *arg), void *arg)
{
	return attempt(work, arg, false);
}
