/*
 * exchange_rivals.h
 *		Items that are about to write natural keys, and the records that have
 *		these keys.
 */
#ifndef BCD_EXCHANGE_RIVALS_H
#define BCD_EXCHANGE_RIVALS_H

#include "engine/engine.h"
#include "engine/key_holders.h"

typedef enum BcdFate
{
	UNDECIDED,
	GOES,						/* it is written next */
	GIVES_WAY,					/* it gives up what others wait for */
	COMES_BACK,					/* it makes room for the row it waits for */
	STAYS,						/* until something else has been written */
	WAITS,						/* for a row that is not in the job */
	FAILS						/* that row was given up, or waits itself */
} BcdFate;

/* A natural key that an item is about to write */
typedef struct BcdWant
{
	BcdUnique	key;
	BcdRecord  *record;			/* that has it, if its row gives it up */
	struct BcdUnit *behind;		/* the item that has to go first, perhaps
								 * through rows that are not here; or NULL */
} BcdWant;

/* An item, and what it waits for */
typedef struct BcdUnit
{
	BcdItem    *item;
	int64		had;			/* the record that it had at first */
	BcdFate		fate;
	bool		displaced;		/* another row has taken its record */
	bool		stuck;			/* it waits for a row outside the job, or for
								 * an item that does */
	bool		blocked;		/* by a row that there is no room for */
	BcdRecord  *elsewhere;		/* of a row that is pushed with another token,
								 * and that it waits for; or NULL */
	bool		doomed;			/* it waits, in the end, for something that is
								 * not going to be written now */
	bool		in_circle;		/* that leads through rows pushed with other
								 * tokens */
	int			segment;		/* in the order of writing */
	bool		follows;		/* it goes with the item before it */
	bool		asks;			/* the record of a row that is gone must give
								 * up what it wants */
	const char *waits_for;		/* the key of that row */
	const char *waits_feed;		/* its feed */
	const char *why;			/* what that row is doing, in words */
	const BcdUnique *waits_key; /* what that row has to give up */
	const char *held_up;		/* why that row cannot be read now, or NULL */
	int			nwants;
	BcdWant		wants[BCD_MAX_KEYS];
	BcdWant		same;			/* the record that its row needs, if the row
								 * of that is under way */
	struct BcdUnit *visited;	/* the search for a circle that found it */
} BcdUnit;

typedef struct BcdMoveOf
{
	BcdLane    *lane;
	char	   *key;
	int64		store_id;
} BcdMoveOf;

typedef struct BcdTurns
{
	BcdLane    *lane;			/* at whose gates the items wait; their rows
								 * may be of other feeds */
	bool		last;			/* nothing else is under way in the lane */
	bool		more;			/* ready rows have not been claimed yet */
	bool		full;			/* there is no room for them */
	bool		asked_below;	/* is it known whether the records may be */
	bool		has_below;		/* parents of those of other feeds? */
	int			n;
	BcdUnit    *units;
	BcdUnit   **by_key;
	int			nholders;
	BcdHolder  *holders;
	BcdMoveOf  *moves;			/* records of rows that are not in the job */
	int			nmoves;
	BcdUnit   **order;			/* units that are to be written, in order */
	int			norder;
	int			segments;
	struct BcdTwin *twins;		/* items that may be created, by hash; NULL:
								 * not collected yet */
	int			ntwins;
	BcdFeed    *identity;		/* of a feed, for rows that cannot be sent */
	const BcdLane *identity_of;
} BcdTurns;

extern int	bcd_wanted_keys(const BcdItem *item, BcdUnique *keys);
extern bool bcd_item_lacks_same(const BcdItem *item, BcdUnique *key);
extern void bcd_rivals_find(BcdTurns *t);
extern BcdUnit *bcd_rivals_unit(const BcdTurns *t, const BcdLane *lane, const char *key);
extern BcdRecord *bcd_rival_of(const BcdTurns *t, const BcdItem *item, const BcdUnique *key);
extern BcdRecord *bcd_rivals_record(const BcdTurns *t, const BcdItem *item);
extern const BcdRow *bcd_rival_row(BcdTurns *t, BcdRecord *record);
extern Jsonb *bcd_rival_wants(BcdTurns *t, BcdRecord *record);
extern const char *bcd_rival_held_up(BcdTurns *t, BcdRecord *record);
extern bool bcd_rival_is(const BcdRecord *record, const char *state);
extern bool bcd_rival_keeps(BcdTurns *t, BcdRecord *record, const BcdUnique *key);
extern bool bcd_rival_has_left(BcdTurns *t, BcdRecord *record, const BcdUnique *key);
extern bool bcd_is_sure(const BcdItem *item);

#endif							/* BCD_EXCHANGE_RIVALS_H */
