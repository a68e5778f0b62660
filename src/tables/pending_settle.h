/*
 * pending_settle.h
 *		bcdelta.pending: what becomes of claimed rows.
 */
#ifndef BCD_TABLE_PENDING_SETTLE_H
#define BCD_TABLE_PENDING_SETTLE_H

/* The next state of a claimed row; NULL means that a value is not set */
typedef struct BcdPendingFate
{
	const char *key;
	const char *state;
	int			attempts;
	int64		delay_ms;		/* for a waiting row */
	const char *error;
	const char *waits_feed;
	const char *waits_key;
	bool		found;			/* the record that it may have created is
								 * accounted for */
	const char *trouble;
	int64		early_ms;
	int64		rest_ms;		/* it is not tried again before, even if it
								 * changes; 0: it may be */
} BcdPendingFate;

extern uint64 bcd_pending_delete_done(const char *feed, Datum keys);
extern bool bcd_pending_delete_one_done(const char *feed, const char *key);
extern void bcd_pending_put_back(const char *feed, const BcdPendingFate *fates, int n);
extern bool bcd_pending_free_deferred(const char *feed, Datum keys);
extern bool bcd_pending_free_given_up(const char *feed, Datum keys);

#endif							/* BCD_TABLE_PENDING_SETTLE_H */
