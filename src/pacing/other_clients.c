/*
 * other_clients.c
 *		The use of a store's quota by its other clients, seen and expected.
 *
 * Replies to our requests show their use indirectly, as the part of the quota
 * that is neither left nor ours. Their use in the rest of a window is
 * predicted in two ways, and the larger result is held back for them. By time:
 * their usual use in each remaining part of the window, since many clients
 * wait for it to turn or come at even intervals. By amount: their lowest use
 * in any of the last few windows, minus their use in this one, at whatever
 * time. The lowest is used because quota that is held back for a client that
 * does not come is lost: after a client has gone, its share is held back in
 * one more window only.
 *
 * Quota that we spend at the beginning of a window is not available to others
 * later, and a window in which they find nothing left does not show what they
 * would have used. So we spend at once only what exceeds several times their
 * largest use; and after a window in which they found nothing left, we spread
 * all requests until a window has shown their use.
 *
 * A burst that uses up the quota is noticed one reply late, and requests sent
 * in the meantime are refused. If bursts cannot be predicted, this affects
 * about
 *
 *		their part / our part * latency / window
 *
 * of our calls, regardless of the size and number of the bursts: as many calls
 * go out while less quota is left than the next burst takes as that burst has
 * calls, and each of them meets the burst with probability rate * latency.
 * Only making fewer calls would reduce this.
 */
#include "postgres.h"

#include "pacing/other_clients.h"

#define LAST_WEIGHT		0.5		/* weight of the last window in the usual use */
#define SEEN_WHOLE		0.8		/* fraction of a window: the rest would add
								 * little */
#define ROOM			3		/* times their largest use, left to them
								 * before we spend at once */
#define MARGIN			0.05	/* fraction of their usual use that is still
								 * left for them at the end of the window */

static int
part_at(double position)
{
	return Min((int) (position * BCD_OTHERS_PARTS), BCD_OTHERS_PARTS - 1);
}

/* n requests were not theirs, but ours in flight */
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
 * A reply shows that others have used "used" requests up to this position, and
 * that "left" requests were left. sure: the number if all of our requests in
 * flight had already been counted.
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

/* Their lowest use in any of the last windows */
static int64
least_lately(const BcdOthers *o)
{
	int64		least = o->wanted[0];
	int			i;

	for (i = 1; i < Min(o->windows, BCD_OTHERS_WINDOWS); i++)
		least = Min(least, o->wanted[i]);
	return least;
}

/* A window ends, of which we have seen enough. */
void
bcd_others_end(BcdOthers *o)
{
	o->taken[o->ends++ % BCD_OTHERS_WINDOWS] = o->sure;
}

/*
 * The part of the quota that they have used in each of the last windows at
 * least; -1: not known.  One busy window is no reason to tell anybody.
 */
double
bcd_others_share(const BcdOthers *o, int64 quota)
{
	int64		least = quota;
	int			i;

	if (quota <= 0 || o->ends < BCD_OTHERS_WINDOWS)
		return -1;
	for (i = 0; i < BCD_OTHERS_WINDOWS; i++)
		least = Min(least, o->taken[i]);
	return (double) least / quota;
}

/* The use in the parts from this position on */
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
 * The expected use of others from this position to the end of the window.
 * Until a whole window has been seen, it is extrapolated from their use in
 * this one.
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
 * The quota to leave to others for the rest of the window before we spend
 * anything at once: a multiple of their use if they repeat one of the last
 * windows, or continue as they began.
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
 * A new window. seen: up to which position we know the old one. If others
 * found nothing left, we know only a lower bound of what they wanted.
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
