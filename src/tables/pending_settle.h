/*
 * pending_settle.h
 *		bcdelta.pending: what becomes of rows that were claimed.
 */
#ifndef BCD_TABLE_PENDING_SETTLE_H
#define BCD_TABLE_PENDING_SETTLE_H

/* What a claimed row is from now on; NULL: nothing */
typedef struct BcdPendingFate
{
	const char *state;
	int			attempts;
	int64		delay_ms;		/* of a waiting row */
	const char *error;
	const char *waits_feed;
	const char *waits_key;
	bool		found;			/* what it sought is accounted for */
	const char *trouble;
	int64		early_ms;
} BcdPendingFate;

extern uint64 bcd_pending_delete_done(const char *feed, Datum keys);
extern void bcd_pending_put_back(const char *feed, const char *key, const BcdPendingFate *fate);
extern bool bcd_pending_free_deferred(const char *feed, Datum keys);
extern bool bcd_pending_free_given_up(const char *feed, Datum keys);

#endif							/* BCD_TABLE_PENDING_SETTLE_H */
