/*
 * other_clients.h
 *		The use of a store's quota by its other clients, seen and expected.
 *
 * Plain data and arithmetic; a position is a fraction of the window, 0 to 1.
 */
#ifndef BCD_OTHER_CLIENTS_H
#define BCD_OTHER_CLIENTS_H

/* Number of parts of the window by which their use is learned */
#define BCD_OTHERS_PARTS	10

/* and number of windows for which the total is kept */
#define BCD_OTHERS_WINDOWS	3

typedef struct BcdOthers
{
	int64		used;			/* in this window, if known */
	int64		sure;			/* lower bound of that number */
	bool		found_none;		/* nothing was left for them before its end */
	bool		wanting;		/* the same for the last window */
	double		now[BCD_OTHERS_PARTS];
	double		usual[BCD_OTHERS_PARTS];
	double		lately[BCD_OTHERS_WINDOWS][BCD_OTHERS_PARTS];	/* the last windows */
	int64		wanted[BCD_OTHERS_WINDOWS]; /* at least, in each of them */
	int			windows;		/* seen as a whole */
	int64		taken[BCD_OTHERS_WINDOWS];	/* at least, in the last windows
											 * of which we saw the end */
	int			ends;			/* the number of those */
} BcdOthers;

extern void bcd_others_note(BcdOthers *o, double position, int64 used, int64 sure,
							int64 left, bool refused);
extern double bcd_others_expected(const BcdOthers *o, double position);
extern double bcd_others_room(const BcdOthers *o, double position, int64 quota);
extern void bcd_others_end(BcdOthers *o);
extern double bcd_others_share(const BcdOthers *o, int64 quota);
extern void bcd_others_turn(BcdOthers *o, double seen);

#endif							/* BCD_OTHER_CLIENTS_H */
