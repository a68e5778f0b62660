/*
 * other_clients.c
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
 * What we spend at once at the beginning of a window nobody else can have
 * later, and a window in which they find nothing does not tell what they would
 * have wanted.  So their use at its most is left to them several times over
 * before we do; and after a window in which they found none, all is spread
 * until one has passed that tells.
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

#include "pacing/other_clients.h"

#define LAST_WEIGHT		0.5		/* of the last window in what is usual */
#define SEEN_WHOLE		0.8		/* of a window: the rest tells little more */
#define ROOM			3		/* times the most they may take: left to them
								 * before we spend at once */
#define MARGIN			0.05	/* part of their usual use that they find at
								 * the end of the window */

static int
part_at(double position)
{
	return Min((int) (position * BCD_OTHERS_PARTS), BCD_OTHERS_PARTS - 1);
}

/* So many were not theirs, but requests of ours on their way */
static void
take_back(BcdOthers *o, int part, double n)
{
	for (; part >= 0 && n > 0; part--)
	{
		double		some = Min(n, o->now[part]);

		o->now[part] -= some;
		n -= some;
	}
}

/*
 * A reply tells that others have used so many up to that position, and that so
 * many requests were left.  sure: if all of ours that are on their way were
 * counted before.
 */
void
bcd_others_note(BcdOthers *o, double position, int64 used, int64 sure, int64 left, bool refused)
{
	int			part = part_at(position);

	o->sure = Max(o->sure, sure);
	if (refused || (left == 0 && sure > 0 && part < BCD_OTHERS_PARTS - 1))
		o->found_none = true;
	if (used > o->used)
		o->now[part] += used - o->used;
	else if (used == sure)
		take_back(o, part, o->used - used);
	else
		return;
	o->used = used;
}

/* What they wanted at least in each of the last windows */
static int64
least_lately(const BcdOthers *o)
{
	int64		least = o->wanted[0];
	int			i;

	for (i = 1; i < Min(o->windows, BCD_OTHERS_WINDOWS); i++)
		least = Min(least, o->wanted[i]);
	return least;
}

/* What was or is used in the parts from that position on */
static double
rest_of(const double *parts, double position)
{
	int			part = part_at(position);
	double		rest = parts[part] * (part + 1 - position * BCD_OTHERS_PARTS);
	int			i;

	for (i = part + 1; i < BCD_OTHERS_PARTS; i++)
		rest += parts[i];
	return rest;
}

/*
 * What others take from that position on to the window's end.  As long as no
 * whole window was seen, a part of what they have taken in this one.
 */
double
bcd_others_expected(const BcdOthers *o, double position)
{
	if (o->windows == 0)
		return o->used * (1 - position);
	return Max(rest_of(o->usual, position) + rest_of(o->usual, 0) * MARGIN,
			   least_lately(o) - o->used);
}

/*
 * What is to be left to them for the rest of the window before we spend
 * anything at once: a multiple of what they take if they do as in one of the
 * last windows, or go on as they have begun.
 */
double
bcd_others_room(const BcdOthers *o, double position, int64 quota)
{
	double		most = Max(bcd_others_expected(o, position),
						   o->sure * (1 - position) / (position + 0.5 / BCD_OTHERS_PARTS));
	int			i;

	for (i = 0; i < Min(o->windows, BCD_OTHERS_WINDOWS); i++)
	{
		most = Max(most, rest_of(o->lately[i], position));
		most = Max(most, o->wanted[i] - o->used);
	}
	return o->wanting ? quota : most * ROOM;
}

/*
 * A new window.  seen: up to where we know of the old one.  Where others found
 * nothing left we know only the least of what they wanted.
 */
void
bcd_others_turn(BcdOthers *o, double seen)
{
	double		weight = o->windows > 0 ? LAST_WEIGHT : 1;
	bool		whole = seen >= SEEN_WHOLE && (o->wanting || !o->found_none);
	int			known = whole ? BCD_OTHERS_PARTS : (int) (seen * BCD_OTHERS_PARTS);
	int			slot = o->windows % BCD_OTHERS_WINDOWS;
	int			i;

	for (i = 0; i < known && (whole || o->windows > 0); i++)
		o->usual[i] += (o->now[i] - o->usual[i]) * weight;
	if (whole)
	{
		o->wanted[slot] = o->found_none ? Max(o->used, least_lately(o)) : o->used;
		memcpy(o->lately[slot], o->now, sizeof(o->now));
		o->windows++;
	}
	memset(o->now, 0, sizeof(o->now));
	o->wanting = o->found_none;
	o->used = 0;
	o->sure = 0;
	o->found_none = false;
}
