/*
 * cutover_place.c
 *		When the steps of a cutover are due.
 *
 * A step knows how far from go-live it is. When that moves, so do all steps
 * that have not begun.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "worker/cutover_place.h"
#include "worker/wallclock.h"

/* Steps that are nearer to go-live are not moved into the hours of the plan */
#define NEAR	USECS_PER_DAY

#define MESSAGE_PATIENCE	(12 * USECS_PER_HOUR)

/* Does it neither wait for the steps before it, nor they for it? */
bool
bcd_step_is_free(const BcdCutoverStep *s)
{
	return s->every != NULL || strcmp(s->kind, "message") == 0;
}

static TimestampTz
before(const BcdCutover *plan, const Interval *apart)
{
	Interval	back = {-apart->time, -apart->day, -apart->month};

	return bcd_wallclock_add(plan->go_live, &back, plan->zone);
}

TimestampTz
bcd_freeze_time(const BcdCutover *plan)
{
	return before(plan, plan->freeze_for);
}

TimestampTz
bcd_watch_end(const BcdCutover *plan)
{
	return bcd_wallclock_add(plan->go_live, plan->watch_for, plan->zone);
}

static bool
works_on_rows(const BcdCutoverStep *s)
{
	return strcmp(s->kind, "push") == 0 || strcmp(s->kind, "verify") == 0 ||
		strcmp(s->kind, "estimate") == 0 || strcmp(s->kind, "rollback") == 0;
}

/* Is a step moved into the hours of the plan?  Stage watch follows the last sweep. */
static bool
keeps_hours(const BcdCutoverStep *s)
{
	int64		apart = bcd_period_us(&s->apart);

	return (works_on_rows(s) || (s->detail && strcmp(s->detail, "watch") == 0)) && (apart <= -NEAR || apart >= NEAR);
}

/* Returns a time in the hours of the plan, from now on: the nearest one. */
static TimestampTz
in_hours(const BcdCutover *plan, TimestampTz at, TimestampTz now)
{
	Interval	day_back = {0, -1, 0};
	TimestampTz next;
	TimestampTz last;
	BcdHours	hours;

	bcd_hours_read(plan->hours, &hours);
	next = bcd_hours_next(at, &hours, plan->zone);
	if (next == at)
		return at;
	last = bcd_hours_next(bcd_wallclock_add(at, &day_back, plan->zone), &hours, plan->zone);
	return last >= now && at - last < next - at ? last : next;
}

/* Returns when a step is due: in hours with little traffic, unless go-live is near. */
static TimestampTz
due(const BcdCutover *plan, const BcdCutoverStep *s, TimestampTz now)
{
	TimestampTz at = bcd_wallclock_add(plan->go_live, &s->apart, plan->zone);
	TimestampTz freeze = bcd_freeze_time(plan);
	TimestampTz moved;

	if (!keeps_hours(s))
		return at;
	moved = in_hours(plan, at, now);
	return at < freeze && moved >= freeze ? at : moved;
}

/* Returns when the next sweep after a step is due, or the freeze. */
static TimestampTz
next_sweep(const BcdCutoverStep *s, const List *steps, TimestampTz freeze)
{
	TimestampTz next = freeze;
	ListCell   *lc;

	foreach(lc, steps)
	{
		const BcdCutoverStep *other = lfirst(lc);

		if (strcmp(other->kind, "push") == 0 && other->due > s->due)
			next = Min(next, other->due);
	}
	return next;
}

/* Returns when it is too late for a step. */
static TimestampTz
not_after(const BcdCutover *plan, const BcdCutoverStep *s, const List *steps)
{
	TimestampTz freeze = bcd_freeze_time(plan);
	Interval	last = {0, BCD_LAST_SWEEP_DAYS, 0};

	if (strcmp(s->kind, "message") == 0)
		return s->due + MESSAGE_PATIENCE;
	/* sweeps are repeated until go() is called, however late that is */
	if (!works_on_rows(s) || (s->every && strcmp(s->kind, "push") == 0))
		return DT_NOEND;
	if (s->due < freeze)
		return next_sweep(s, steps, freeze);
	if (s->due <= plan->go_live)
		return DT_NOEND;
	return strcmp(s->kind, "push") == 0 ? bcd_wallclock_add(plan->go_live, &last, plan->zone) : bcd_watch_end(plan);
}

/* Does the plan make sense without a step? */
static bool
is_dispensable(const BcdCutover *plan, const BcdCutoverStep *s)
{
	return s->every == NULL && (bcd_step_is_free(s) || (works_on_rows(s) && s->due < bcd_freeze_time(plan)));
}

/* Is a step just about to begin, and may it do so whenever go-live is? */
static bool
stays_due(const BcdCutover *plan, const BcdCutoverStep *s, TimestampTz now)
{
	return s->state && strcmp(s->state, "planned") == 0 && s->due <= now && is_dispensable(plan, s);
}

/*
 * Sets when steps that have not begun are due, and how late they may be. What
 * would have been due by now does not fit any more, unless the plan makes no
 * sense without it; what was due already begins as soon as it can.
 */
void
bcd_steps_place(const BcdCutover *plan, List *steps, TimestampTz now)
{
	ListCell   *lc;

	foreach(lc, steps)
	{
		BcdCutoverStep *s = lfirst(lc);

		s->state = stays_due(plan, s, now) ? "planned" : NULL;
		if (s->state == NULL)
			s->due = due(plan, s, now);
	}
	foreach(lc, steps)
	{
		BcdCutoverStep *s = lfirst(lc);
		bool		fits = s->state || s->due >= now || !is_dispensable(plan, s);

		s->due = fits ? Max(s->due, now) : s->due;
		s->not_after = not_after(plan, s, steps);
		s->state = fits ? "planned" : "skipped";
		s->note = fits ? NULL : "there was no time left for it";
	}
}
