/*
 * preflight_reply.h
 *		bcdelta.preflight_reply: what a store has answered to a preflight.
 */
#ifndef BCD_TABLE_PREFLIGHT_REPLY_H
#define BCD_TABLE_PREFLIGHT_REPLY_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* What a store tells of itself with every reply */
typedef struct BcdStoreTold
{
	bool		quota_known;
	int64		quota;			/* requests per window; 0: no limit */
	int64		window_ms;
	double		share;			/* of it that is ours */
	double		others;			/* used by others; below 0: not known */
	int64		others_now;		/* at least so many in the present window */
	bool		clock_known;
	int64		offset_ms;		/* theirs minus ours */
	int64		round_trip_ms;
} BcdStoreTold;

/* An answer */
typedef struct BcdPreflightReply
{
	Oid			role;
	char	   *what;
	int			status;
	Jsonb	   *list;			/* or NULL */
} BcdPreflightReply;

extern void bcd_preflight_replied(int64 run_id, Oid role, const char *what, long status, const char *list);
extern void bcd_preflight_store(int64 run_id, const BcdStoreTold *told);
extern List *bcd_preflight_replies(int64 run_id);
extern bool bcd_preflight_told(int64 run_id, BcdStoreTold *told);
extern int64 bcd_preflight_prune(int days, int limit);

#endif							/* BCD_TABLE_PREFLIGHT_REPLY_H */
