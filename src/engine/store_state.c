/*
 * store_state.c
 *		What the replies of a store say of it, and what of that is shown.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "engine/another_writer.h"
#include "engine/store_state.h"
#include "pacing/quota.h"
#include "pacing/store_clock.h"
#include "pacing/store_pause.h"
#include "store/verdict.h"
#include "tables/event.h"

/* What is over sooner is not worth telling anybody. */
#define TROUBLE_LASTS_MS	5000

/* A pause at the store's request that is trouble: see the view trouble */
#define LONG_PAUSE_MS		(60 * 1000)

/* From PostgreSQL's timestamps to those of 1970 */
#define TIMESTAMPTZ_EPOCH_US \
	((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Remembers why the last request failed, until one succeeds. */
static void
note_failure(BcdStore *store, const BcdHttpRequest *r)
{
	BcdVerdict	verdict = bcd_retry_verdict(r->fate, r->status);

	if (verdict == BCD_OK || verdict == BCD_PARTIAL)
		store->failure[0] = '\0';
	else if (verdict == BCD_TROUBLE && r->fate == BCD_HTTP_REPLIED)
		snprintf(store->failure, sizeof(store->failure), "status %ld", r->status);
	else if (verdict == BCD_TROUBLE)
		strlcpy(store->failure, r->error, sizeof(store->failure));
}

/* Returns what a status says of a request, as counted in bcdelta.total. */
const char *
bcd_status_class(const BcdHttpRequest *r)
{
	static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

	if (r->fate != BCD_HTTP_REPLIED)
		return classes[0];
	return r->status == 429 ? "429" : r->status / 100 < lengthof(classes) ? classes[r->status / 100] : classes[0];
}

/* A request has ended, with or without a reply. */
void
bcd_engine_store_replied(BcdStore *store, const BcdHttpRequest *r, BcdTicket ticket)
{
	bcd_quota_done(&store->quota, ticket, bcd_now_ms(), r->status, &r->headers,
				   bcd_random());
	bcd_patience_note(&store->quota, ticket, r->status, &r->headers, bcd_now_ms());
	bcd_store_clock_note(&store->clock, r->headers.date_ms, r->headers.elapsed_ms,
						 (GetCurrentTimestamp() + TIMESTAMPTZ_EPOCH_US) / 1000);
	note_failure(store, r);
}

/*
 * Trouble that lasts is told soon, rather than at the next regular look.  Its
 * end is left to that: a store that is up and down is in trouble all the while.
 */
static void
note_trouble(BcdStore *store, bool trouble, int64 now)
{
	bool		lasts = trouble && store->trouble_at != 0 && now - store->trouble_at >= TROUBLE_LASTS_MS;

	if (!trouble)
		store->trouble_at = 0;
	else if (store->trouble_at == 0)
		store->trouble_at = now;
	if (lasts && !store->trouble_lasts)
		bcd_events_expected = true;
	store->trouble_lasts = lasts;
}

/*
 * Shows the state of a store at present: the monotonic clock says now, and
 * until when the store takes no requests.
 */
void
bcd_engine_show_store(BcdStore *store, int64 now, int64 blocked_until)
{
	BcdStoreState s = {0};
	const BcdQuota *q = &store->quota;

	s.dbid = MyDatabaseId;
	s.serverid = store->serverid;
	s.quota = q->quota;
	s.quota_left = bcd_quota_left(q, now);
	s.window_ms = q->window_ms;
	s.in_flight = q->in_flight;
	s.others = bcd_others_share(&q->others, q->quota);
	s.clock_known = store->clock.known;
	s.clock_ms = store->clock.offset_ms;
	if (blocked_until > now)
		s.blocked_until = GetCurrentTimestamp() + (blocked_until - now) * 1000;
	strlcpy(s.trouble, store->trouble, sizeof(s.trouble));
	if (s.trouble[0] == '\0' && store->failure[0] && bcd_quota_failing(q))
		snprintf(s.trouble, sizeof(s.trouble), "the store does not answer, and is tried again from time to time: %s",
				 store->failure);
	if (s.trouble[0] == '\0')
		(void) bcd_patience_words(q, now, s.trouble, sizeof(s.trouble));
	note_trouble(store, s.trouble[0] != '\0' || blocked_until > now + LONG_PAUSE_MS, now);
	bcd_show_twins(store, &s);
	bcd_store_show(&s);
}
