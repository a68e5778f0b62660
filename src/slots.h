/*
 * slots.h
 *		How many requests one endpoint takes at a time, as far as it told.
 *
 * Pure.  What the API documents is in resource.c; endpoints have limits that
 * are not documented, and such limits appear without notice.
 */
#ifndef BCD_SLOTS_H
#define BCD_SLOTS_H

typedef struct BcdSlots
{
	int			limit;			/* 0: it has not refused any */
	int			calm;			/* good replies since it was changed */
} BcdSlots;

extern int	bcd_slots_limit(const BcdSlots *slots, int documented, int wanted);
extern void bcd_slots_crowded(BcdSlots *slots, int nth);
extern void bcd_slots_good(BcdSlots *slots);

#endif							/* BCD_SLOTS_H */
