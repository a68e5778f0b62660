/*
 * share.c
 *		When a request of a session may go, beside those of a run.
 *
 * A run and the sessions share the quota of their store. While a run is active,
 * sessions get at most read_share of what bcdelta may use of each window, and of
 * the requests under way; otherwise all of it. Within that, they go first:
 * a run takes whatever it can get, and would leave them nothing.
 */
#include "postgres.h"

#include <math.h>

#include "base/clock.h"
#include "pacing/pace.h"
#include "scan/share.h"
#include "store/store.h"

/* How long sessions leave the only place to the run */
#define TURN_MS		500

/* The most requests of sessions in a window beside a run */
static int64
most_reads(const BcdStore *store)
{
	double		share = store->quota.quota * store->quota.share * store->options->read_share;

	return Max((int64) floor(share + 1e-6), 1);
}

/* The most of them that are under way at the same time beside a run */
static int
most_reading(const BcdStore *store)
{
	return Max((int) floor(store->quota.concurrency * store->options->read_share), 1);
}

/*
 * Returns 0 if a request of a session may go now, of so many that wait, else
 * the milliseconds after which to ask again: BCD_QUOTA_WAIT_REPLY, when a reply
 * has come.
 */
int64
bcd_share_delay(BcdStore *store, int waiting, int64 now)
{
	BcdQuota   *q = &store->quota;
	int64		delay;

	if (store->run && store->reading >= most_reading(store))
		return BCD_QUOTA_WAIT_REPLY;
	/* the only place is not passed on from session to session */
	if (store->run && q->concurrency <= most_reading(store) && now < store->read_at + TURN_MS)
		return store->read_at + TURN_MS - now;
	if (store->run == NULL)
		q->work = waiting;
	delay = bcd_quota_delay(q, now);
	q->work = PG_INT64_MAX;
	if (delay > 0 || store->run == NULL || q->quota == 0)
		return delay;
	if (store->read_window != q->window)
	{
		store->read_window = q->window;
		store->reads = 0;
	}
	if (store->reads < most_reads(store))
		return 0;
	return Max(bcd_quota_turned(q) - now, 1);
}

/* A request of a session starts. */
BcdTicket
bcd_share_take(BcdStore *store, int64 now)
{
	store->reads++;
	store->reading++;
	return bcd_quota_sent(&store->quota, now);
}

/* It has ended, or was given up. */
void
bcd_share_done(BcdStore *store)
{
	store->reading--;
	store->read_at = bcd_now_ms();
}
