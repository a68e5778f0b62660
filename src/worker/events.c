/*
 * events.c
 *		Tells what a person should know of: in bcdelta.event, by NOTIFY, and in
 *		the server's log, once when it begins and once when it is over.
 */
#include "postgres.h"

#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/db.h"
#include "base/shmem.h"
#include "feed/database_identity.h"
#include "tables/event.h"
#include "worker/events.h"

/* Problems that nothing announces, such as a dropped trigger, are found this often. */
#define LOOK_INTERVAL_MS	(60 * 1000)

/* A worker that starts this much later than its server was missing until then. */
#define STARTS_TOGETHER		(10 * USECS_PER_SEC)

static int64 look_at = 0;
static const char *away = NULL; /* why it did not work */
static char *back = NULL;		/* what to log of its return, once that is
								 * committed */

/* Where it happens, these are logged already, or wanted by somebody. */
static bool
is_logged(const BcdEvent *e)
{
	return strcmp(e->severity, "info") == 0 || strcmp(e->event, "feed_paused") == 0 ||
		strcmp(e->event, "schedule_failed") == 0;
}

static void
log_event(const BcdEvent *e)
{
	if (e->over)
		ereport(LOG, (errmsg("bcdelta: this is over: %s", e->message)));
	else if (!is_logged(e))
		ereport(WARNING, (errmsg("bcdelta: %s", e->message)));
}

/* What is not committed is not logged: it is found again, and told then. */
static void
tell(void)
{
	static MemoryContext told = NULL;
	List	   *events;
	ListCell   *lc;

	if (told == NULL)
		told = AllocSetContextCreate(TopMemoryContext, "bcdelta events", ALLOCSET_SMALL_SIZES);
	MemoryContextReset(told);
	bcd_tx_begin();
	bcd_events_ended(bcd_home());
	MemoryContextSwitchTo(told);
	events = bcd_events_compare();
	bcd_tx_commit();
	if (back)
	{
		ereport(WARNING, (errmsg("bcdelta: %s", back)));
		pfree(back);
		back = NULL;
	}
	foreach(lc, events)
		log_event(lfirst(lc));
}

/*
 * Compares what is wrong with what was told, if it is time; now: monotonic ms.
 * If that fails, for example because a listener lets the queue of
 * notifications fill up, runs go on, and it is tried again.
 */
void
bcd_events_look(int64 now)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (now < look_at && !bcd_events_expected)
		return;
	look_at = now + LOOK_INTERVAL_MS;
	bcd_events_expected = false;
	PG_TRY();
	{
		tell();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		bcd_tx_report_and_abort("could not tell what is wrong");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
}

/* The worker does not work any more; why: for when it works again. */
void
bcd_events_away(const char *why)
{
	away = why;
}

/*
 * The worker starts. was_there: another one has worked for the database since
 * shared memory was made.
 */
void
bcd_events_start(bool was_there)
{
	if (was_there)
		bcd_events_away("it had ended while the server went on");
	else if (bcd_shared->made_at - PgStartTime > STARTS_TOGETHER)
		bcd_events_away("the server had restarted all its processes, since one of them had crashed");
	else if (GetCurrentTimestamp() - PgStartTime > STARTS_TOGETHER)
		bcd_events_away("its database was not in bcdelta.databases before, or not there");
}

/* The worker works. In a transaction of the worker's. */
void
bcd_events_back(void)
{
	if (away)
	{
		char	   *words = psprintf("the worker of this database works again: %s", away);

		if (bcd_event_worker_back(words) && back == NULL)
			back = MemoryContextStrdup(TopMemoryContext, words);
	}
	away = NULL;
	bcd_events_expected = true;
}
