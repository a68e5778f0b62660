/*
 * others.c
 *		What other clients of a store use of its quota, and are expected to.
 *
 * Their use is seen only in replies to us, as what is neither left nor ours.
 * What they will take in the rest of a window is told by two things, and the
 * larger one is kept for them.  By when: what they usually take in each part
 * of the window that is to come, since many wait for its turn or come at even
 * intervals.  By how much: what they took at least in each of the last
 * windows, less what they have taken in this one, whenever it was.  The least
 * of a few windows, because what is kept for somebody who does not come is
 * lost: those who are gone are waited for in one window only.
 *
 * A burst that takes all there is shows one reply's way late, and what we
 * send meanwhile is refused.  When bursts cannot be foretold, about
 *
 *		their part / our part * latency / window
 *
 * of our calls is, however large or many they are: the calls that go out while
 * less is left than the next burst takes are as many as that burst has, and
 * each of them meets it with its rate * latency.  Only calls that are not made
 * make it less.
 */
#include "postgres.h"

#include "others.h"

#define LAST_WEIGHT		0.5		/* of the last window in what is usual */
#define MARGIN			0.05	/* part of their usual use that they find at
								 * the end of the window */

static int
part_at(double position)
{
	return Min((int) (position * BCD_OTHERS_PARTS), BCD_OTHERS_PARTS - 1);
}

/*
 * A reply tells that others have used so many up to that position, and that so
 * many requests were left.
 */
void
bcd_others_note(BcdOthers *o, double position, int64 used, int64 left)
{
	int			part = part_at(position);

	if (left == 0 && part < BCD_OTHERS_PARTS - 1)
		o->found_none = true;
	if (used <= o->used)
		return;
	o->now[part] += used - o->used;
	o->used = used;
}

/* What they took at least in each of the last windows */
static int64
least_lately(const BcdOthers *o)
{
	int64		least = o->lately[0];
	int			i;

	for (i = 1; i < Min(o->windows, BCD_OTHERS_WINDOWS); i++)
		least = Min(least, o->lately[i]);
	return least;
}

/*
 * What others take from that position on to the window's end.  As long as no
 * whole window was seen, a part of what they have taken in this one.
 */
double
bcd_others_expected(const BcdOthers *o, double position)
{
	int			part = part_at(position);
	double		rest = o->usual[part] * (part + 1 - position * BCD_OTHERS_PARTS);
	double		whole = 0;
	int			i;

	if (o->windows == 0)
		return o->used * (1 - position);
	for (i = 0; i < BCD_OTHERS_PARTS; i++)
	{
		whole += o->usual[i];
		if (i > part)
			rest += o->usual[i];
	}
	return Max(rest + whole * MARGIN, least_lately(o) - o->used);
}

/*
 * A new window.  seen: we know of all of the old one.  Where others found
 * nothing left we know only the least of what they wanted.
 */
void
bcd_others_turn(BcdOthers *o, bool seen)
{
	double		weight = o->windows > 0 ? LAST_WEIGHT : 1;
	int64		wanted = o->found_none ? Max(o->used, least_lately(o)) : o->used;
	int			i;

	for (i = 0; i < BCD_OTHERS_PARTS; i++)
	{
		if (seen)
			o->usual[i] += (o->now[i] - o->usual[i]) * weight;
		o->now[i] = 0;
	}
	if (seen)
		o->lately[o->windows++ % BCD_OTHERS_WINDOWS] = wanted;
	o->used = 0;
	o->found_none = false;
}
