/*
 * plan.c
 *		The steps that a cutover consists of.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/timestamp.h"

#include "cutover/plan.h"
#include "tables/cutover_step.h"
#include "worker/cutover_place.h"
#include "worker/wallclock.h"

/* While the plan waits for go(), sweeps keep the last one short */
#define HELD_SWEEPS_EVERY	(10 * USECS_PER_MINUTE)

/* The rehearsal is with the last sweep that is at least so far from go-live */
#define REHEARSAL_BEFORE	(2 * USECS_PER_DAY)

/* People hear that the new shop is late when it is so late */
#define LATE			(15 * USECS_PER_MINUTE)

typedef struct Template
{
	const char *name;
	const char *kind;
	const char *detail;
} Template;

static const Template begin[] = {
	{"stage prepare", "stage", "prepare"},
	{"baseline: source and store are compared", "verify", "full"},
	{NULL}
};

static const Template sweep[] = {
	{"sweep", "push", NULL},
	{"verification of what has changed", "verify", "changed"},
	{NULL}
};

static const Template rehearsal[] = {
	{"rehearsal: how long a sweep takes", "estimate", NULL},
	{"rehearsal: some rows are rolled back", "rollback", NULL},
	{"rehearsal: they are pushed again", "push", NULL},
	{NULL}
};

static const Template freeze[] = {
	{"stage freeze", "stage", "freeze"},
	{"sweep after the freeze", "push", NULL},
	{"verification after the freeze", "verify", "changed"},
	{NULL}
};

static const Template decide[] = {
	{"what speaks against going live", "check", NULL},
	{"go() opens the new shop", "go", NULL},
	{"final sweep", "push", NULL},
	{"final verification", "verify", "changed"},
	{NULL}
};

static const Template live[] = {
	{"stage live", "stage", "live"},
	{NULL}
};

static const Template watch[] = {
	{"stage watch", "stage", "watch"},
	{NULL}
};

static const Template end[] = {
	{"stage closed", "stage", "closed"},
	{NULL}
};

/* Returns an interval as people write it, such as "7 days" or "90 minutes". */
char *
bcd_interval_words(const Interval *interval)
{
	static const struct
	{
		int64		us;
		const char *name;
	}			units[] = {{USECS_PER_DAY, "day"}, {USECS_PER_HOUR, "hour"}, {USECS_PER_MINUTE, "minute"}, {USECS_PER_SEC, "second"}};
	int64		us = bcd_period_us(interval);
	int			i = 0;

	us = us < 0 ? -us : us;
	while (i < lengthof(units) - 1 && us % units[i].us != 0)
		i++;
	if (us == USECS_PER_DAY && interval->day == 0)
		return pstrdup("24 hours");
	return psprintf(INT64_FORMAT " %s%s", us / units[i].us, units[i].name, us / units[i].us == 1 ? "" : "s");
}

static BcdCutoverStep *
add(List **steps, const Template *template, const Interval *apart)
{
	BcdCutoverStep *s = palloc0(sizeof(BcdCutoverStep));

	s->name = template->name;
	s->kind = template->kind;
	s->detail = template->detail;
	s->apart = *apart;
	*steps = lappend(*steps, s);
	return s;
}

/* Adds steps that begin together; where: "7 days before", or NULL. */
static void
add_all(List **steps, const Template *template, const Interval *apart, const char *where)
{
	for (; template->name; template++)
	{
		BcdCutoverStep *s = add(steps, template, apart);

		if (where)
			s->name = psprintf("%s, %s", s->name, where);
	}
}

static void
add_message(List **steps, const char *event, int days, int64 us)
{
	Template	message = {psprintf("message \"%s\"", event), "message", event};
	Interval	apart = {us, days, 0};

	(void) add(steps, &message, &apart);
}

/* Adds a step that is repeated, from a time on. */
static void
add_every(List **steps, const char *name, const char *kind, const char *mode, const Interval *apart, Interval every)
{
	Template	template = {name, kind, mode};
	BcdCutoverStep *s = add(steps, &template, apart);

	s->every = palloc(sizeof(Interval));
	*s->every = every;
}

static Interval
minus(const Interval *interval)
{
	Interval	opposite = {-interval->time, -interval->day, -interval->month};

	return opposite;
}

/* The sweep with which the rehearsal takes place: the last one that leaves time to mend what it shows */
static const Interval *
rehearsal_at(List *before)
{
	const Interval *best = NULL;
	ListCell   *lc;

	foreach(lc, before)
	{
		const Interval *b = lfirst(lc);
		int64		us = bcd_period_us(b);
		bool		early = us >= REHEARSAL_BEFORE;
		bool		best_early = best && bcd_period_us(best) >= REHEARSAL_BEFORE;

		if (best == NULL || (early && !best_early) || (early == best_early && (us < bcd_period_us(best)) == early))
			best = b;
	}
	return best;
}

static void
add_before(List **steps, const BcdCutover *plan, List *before)
{
	const Interval *rehearsed = rehearsal_at(before);
	Interval	at = minus(plan->freeze_for);
	Interval	decision = {-plan->freeze_for->time / 4 - plan->freeze_for->day * USECS_PER_DAY / 4, 0, 0};
	Interval	sweeps = at;
	Interval	ten_minutes = {HELD_SWEEPS_EVERY, 0, 0};
	ListCell   *lc;

	foreach(lc, before)
	{
		Interval	apart = minus(lfirst(lc));
		char	   *where = psprintf("%s before", bcd_interval_words(lfirst(lc)));

		add_all(steps, sweep, &apart, where);
		if (lfirst(lc) == rehearsed)
			add_all(steps, rehearsal, &apart, NULL);
	}
	add_message(steps, "tomorrow", -1, 0);
	add_all(steps, freeze, &at, NULL);
	sweeps.time += HELD_SWEEPS_EVERY;
	add_every(steps, "sweeps until go() is called", "push", NULL, &sweeps, ten_minutes);
	add_all(steps, decide, &decision, NULL);
}

static void
add_after(List **steps, const BcdCutover *plan, List *after)
{
	Interval	at = {0, 0, 0};
	Interval	day = {0, 1, 0};
	Interval	week = {0, 7, 0};
	ListCell   *lc;

	add_all(steps, live, &at, NULL);
	add_message(steps, "delay", 0, LATE);
	foreach(lc, after)
	{
		at = *(Interval *) lfirst(lc);
		add_all(steps, sweep, &at, psprintf("%s after", bcd_interval_words(&at)));
	}
	add_all(steps, watch, &at, NULL);
	add_message(steps, "day_after", 1, 0);
	add_message(steps, "week_after", 7, 0);
	add_every(steps, "daily verification of a sample", "verify", "sample", &day, day);
	add_every(steps, "weekly verification", "verify", "full", &week, week);
	add_all(steps, end, plan->watch_for, NULL);
}

static int
by_due(const ListCell *a, const ListCell *b)
{
	const BcdCutoverStep *s = lfirst(a);
	const BcdCutoverStep *t = lfirst(b);

	if (s->due != t->due)
		return s->due < t->due ? -1 : 1;
	return s->step - t->step;
}

static void
number(List *steps)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, steps)
		((BcdCutoverStep *) lfirst(lc))->step = ++n;
}

/*
 * Returns the steps of a plan (BcdCutoverStep) in their order. before and after
 * are intervals, the longest and the shortest first.
 */
List *
bcd_plan_steps(const BcdCutover *plan, List *before, List *after, TimestampTz now)
{
	Interval	at_once = {now - plan->go_live, 0, 0};
	List	   *steps = NIL;

	add_all(&steps, begin, &at_once, NULL);
	add_before(&steps, plan, before);
	add_after(&steps, plan, after);
	bcd_steps_place(plan, steps, now);
	number(steps);
	list_sort(steps, by_due);
	number(steps);
	return steps;
}
