/*
 * others.h
 *		What other clients of a store use of its quota, and are expected to.
 *
 * Plain data and arithmetic; a position is a part of the window, 0 to 1.
 */
#ifndef BCD_OTHERS_H
#define BCD_OTHERS_H

/* Their use is learned for so many parts of the window */
#define BCD_OTHERS_PARTS	10

/* and as a whole, of so many windows */
#define BCD_OTHERS_WINDOWS	3

typedef struct BcdOthers
{
	int64		used;			/* in this window, as far as we know */
	bool		found_none;		/* nothing was left for them before its end */
	double		now[BCD_OTHERS_PARTS];
	double		usual[BCD_OTHERS_PARTS];
	int64		lately[BCD_OTHERS_WINDOWS]; /* used in the last windows */
	int			windows;		/* seen as a whole */
} BcdOthers;

extern void bcd_others_note(BcdOthers *o, double position, int64 used, int64 left);
extern double bcd_others_expected(const BcdOthers *o, double position);
extern void bcd_others_turn(BcdOthers *o, bool seen);

#endif							/* BCD_OTHERS_H */
