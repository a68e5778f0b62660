/*
 * cutover_due.c
 *		Carries out the steps of cutovers.
 *
 * Steps follow each other: one begins when it is due and all before it have
 * ended, and only one has a run at a time.  Steps that are repeated, and
 * messages, wait for no other.  From the step on that waits for go(), nothing
 * begins while the plan is held; so nothing that cannot be taken back happens
 * by itself.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/bcdelta.h"
#include "feed/database_identity.h"
#include "tables/event.h"
#include "worker/cutover_due.h"
#include "worker/cutover_lapse.h"
#include "worker/cutover_place.h"
#include "worker/cutover_step_kinds.h"

/* Signatures are looked at each so many times that steps are */
#define LAPSES_EVERY	6

static bool awaits_runs = false;

/* Does the end of a run matter to a plan? */
bool
bcd_cutover_awaits_runs(void)
{
	return awaits_runs;
}

static bool
is(const BcdCutoverStep *s, const char *state)
{
	return strcmp(s->state, state) == 0;
}

/* Does a step that is repeated have its time now? */
static bool
is_in_its_time(const BcdCutover *plan, const BcdCutoverStep *s)
{
	bool		after = strcmp(plan->state, "live") == 0;

	return after == (s->not_after != DT_NOEND);
}

/* May a step begin, as far as the steps before it are concerned? */
static bool
may_begin(const BcdCutoverLook *look, const BcdCutoverStep *s, bool blocked, bool busy, bool past_go)
{
	if (!is(s, "planned") || s->due > look->now)
		return false;
	if (s->every)
		return !busy && is_in_its_time(look->plan, s);
	if (strcmp(s->kind, "message") == 0)
		return !past_go || strcmp(look->plan->state, "live") == 0 || strcmp(s->detail, "delay") == 0;
	return !blocked && !busy && !(past_go && look->plan->held);
}

/* Starts what may begin, in the order of the steps. */
static void
start_steps(BcdCutoverLook *look)
{
	bool		blocked = false;
	bool		busy = false;
	bool		past_go = false;
	ListCell   *lc;

	foreach(lc, look->steps)
		busy |= is(lfirst(lc), "running");
	foreach(lc, look->steps)
	{
		BcdCutoverStep *s = lfirst(lc);

		if (is(s, "planned") && s->not_after < look->now && (s->every == NULL || is_in_its_time(look->plan, s)))
			bcd_step_end(look->plan, s, s->every ? "done" : "missed", NULL);
		if (may_begin(look, s, blocked, busy, past_go))
		{
			look->at = s;
			bcd_step_start(look, s);
			busy |= is(s, "running");
		}
		past_go |= strcmp(s->kind, "go") == 0;
		blocked |= !bcd_step_is_free(s) && (is(s, "planned") || is(s, "running") || is(s, "waiting"));
		if (strcmp(look->plan->state, "done") == 0)
			break;
	}
}

/* A run was stopped by itself, and has held the plan: then go() has to be called again. */
static void
take_back_go(BcdCutoverLook *look)
{
	ListCell   *lc;

	foreach(lc, look->plan->held && strcmp(look->plan->state, "planned") == 0 ? look->steps : NIL)
	{
		const BcdCutoverStep *s = lfirst(lc);

		if (strcmp(s->kind, "go") != 0 || !is(s, "done"))
			continue;
		bcd_cutover_stop(look, look->plan->held_reason);
		break;
	}
}

static void
look_at(void *arg)
{
	BcdCutoverLook *look = arg;
	ListCell   *lc;

	look->steps = bcd_steps(look->plan->plan_id);
	foreach(lc, look->steps)
	{
		BcdCutoverStep *s = lfirst(lc);

		if (!is(s, "running"))
			continue;
		look->at = s;
		bcd_step_run_ended(look, s);
	}
	look->at = NULL;
	take_back_go(look);
	start_steps(look);
	foreach(lc, look->steps)
		awaits_runs |= is(lfirst(lc), "running");
}

/* What keeps a step from beginning */
typedef struct Trouble
{
	const BcdCutoverLook *look;
	const char *message;
} Trouble;

static void
note_trouble(void *arg)
{
	const Trouble *trouble = arg;
	const BcdCutoverLook *look = trouble->look;
	const BcdCutover *plan = look->plan;
	char	   *words = psprintf("it cannot begin: %s", trouble->message);

	if (bcd_step_noted(plan->plan_id, look->at->step, words))
		bcd_event_cutover(plan->server, "critical", NULL,
						  psprintf("step \"%s\" of the cutover of server \"%s\": %s", look->at->name, plan->server, words), 0);
}

/*
 * Carries out what is due. Returns when the next step is due, or DT_NOEND if
 * there is none.
 *
 * Called by the worker in a transaction, with SPI connected.
 */
TimestampTz
bcd_cutovers_due(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	TimestampTz now = GetCurrentTimestamp();
	static unsigned int looks = 0;
	char	   *home = bcd_home();
	bool		lapses = looks++ % LAPSES_EVERY == 0;
	List	   *plans;
	ListCell   *lc;

	awaits_runs = false;
	bcd_cutovers_hold_copies(home);
	plans = bcd_cutovers_at(home);
	foreach(lc, plans)
	{
		BcdCutoverLook look = {.plan = lfirst(lc),.now = now};
		ErrorData  *error;

		MemoryContextSwitchTo(cxt);
		error = bcd_attempt(look_at, &look);
		if (error && look.at)
		{
			Trouble		trouble = {&look, error->message};

			(void) bcd_attempt(note_trouble, &trouble);
		}
		else if (error)
			ereport(LOG, (errmsg("bcdelta: the cutover of server \"%s\": %s", look.plan->server, error->message)));
		if (lapses && strcmp(look.plan->state, "planned") == 0)
			bcd_signatures_lapse(look.plan->server);
	}
	MemoryContextSwitchTo(cxt);
	return bcd_steps_next(home, now);
}
