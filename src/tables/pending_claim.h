/*
 * pending_claim.h
 *		bcdelta.pending: rows from ready to in flight, and back.
 */
#ifndef BCD_TABLE_PENDING_CLAIM_H
#define BCD_TABLE_PENDING_CLAIM_H

#include "datatype/timestamp.h"
#include "storage/itemptr.h"
#include "utils/jsonb.h"

/* A row to claim, with its link if it has one */
typedef struct BcdClaimed
{
	int			attempts;
	Jsonb	   *lost_create;
	int64		store_id;		/* 0: not linked, or the record has no id */
	char	   *address;		/* NULL: not linked */
	Jsonb	   *payload;
	Jsonb	   *remembered;
	Jsonb	   *sent;			/* by an update whose outcome is not known */
	Jsonb	   *found;			/* see bcdelta.link */
	Jsonb	   *aside;
	Jsonb	   *doubt;
	int64		written_ms;		/* time since the last write of its record */
	ItemPointerData tid;
	TimestampTz changed_at;		/* when the row was last seen to change;
								 * -infinity: not known, or not needed */
	TimestampTz captured_at;	/* the oldest change that it has to push */
} BcdClaimed;

extern uint64 bcd_pending_to_claim(const char *feed, int32 feed_id, int32 version, const char *after,
								   int64 limit);
extern char *bcd_pending_claimed_key(uint64 i);
extern void bcd_pending_claimed(uint64 i, BcdClaimed *row);

extern void bcd_pending_take(const ItemPointerData *rows, int n, Jsonb *intents);
extern void bcd_pending_drop(const ItemPointerData *rows, int n);

extern void bcd_pending_release(Datum feeds);
extern void bcd_pending_recover(Datum feeds);
extern void bcd_pending_give_back(Datum feeds);
extern void bcd_pending_delete_orphans(void);

#endif							/* BCD_TABLE_PENDING_CLAIM_H */
