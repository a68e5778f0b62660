/*
 * test_quota.c
 *		Pacing, case by case; test_pacing.c has whole runs.
 */
#include "postgres.h"

#include "../../src/pacing/other_clients.c"
#include "../../src/pacing/quota.c"
#include "../../src/pacing/pace.c"
#include "../../src/pacing/store_pause.c"
#include "tap.h"

/* Headers as a store in a window of 30 s would send them; -1: left out */
static const BcdHttpHeaders *
headers(int64 quota, int64 left, int64 reset, int64 retry_after)
{
	static BcdHttpHeaders h;

	memset(&h, 0, sizeof(h));
	h.rate_quota = quota;
	h.rate_left = left;
	h.rate_window_ms = quota > 0 ? 30000 : -1;
	h.rate_reset_ms = reset;
	h.retry_after_ms = retry_after;
	return &h;
}

static const BcdHttpHeaders *
no_headers(void)
{
	return headers(-1, -1, -1, -1);
}

static void
test_learning(void)
{
	BcdQuota	q;
	BcdTicket	t = {0};
	int			i;

	bcd_quota_init(&q, 0.9, 8);
	is_int(bcd_quota_left(&q, 0), -1, "nothing is known of the quota at first");
	is_int(bcd_quota_delay(&q, 0), 0, "the first request may go at once");
	t = bcd_quota_sent(&q, 0);
	is_int(bcd_quota_delay(&q, 1), BCD_QUOTA_WAIT_REPLY, "the second waits for its reply");
	bcd_quota_done(&q, t, 50, 500, no_headers(), 0.5);
	is_int(bcd_quota_delay(&q, 50), 0, "a failure without headers teaches nothing");
	t = bcd_quota_sent(&q, 50);
	is_int(bcd_quota_delay(&q, 51), BCD_QUOTA_WAIT_REPLY, "so one request again");
	bcd_quota_done(&q, t, 100, 200, headers(150, 3, 1000, -1), 0.5);
	is_int(bcd_quota_left(&q, 100), 3, "the first reply tells what is left");
	is_int(q.others.used, 146, "the rest was used by others, or by us before a restart");
	is_int(bcd_quota_left(&q, 1100 + 3 * BCD_TURN_GUARD_MS), 150, "and the window's end refills it");

	/* no quota told: only the concurrency limits */
	bcd_quota_init(&q, 0.9, 3);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, no_headers(), 0.5);
	for (i = 0; i < 3; i++)
	{
		is_int(bcd_quota_delay(&q, 50), 0, "a store without a quota: more at once");
		t = bcd_quota_sent(&q, 50);
	}
	is_int(bcd_quota_delay(&q, 50), BCD_QUOTA_WAIT_REPLY, "up to the concurrency");
	is_int(bcd_quota_left(&q, 50), -1, "and none is shown");

	/* after a pause somebody else may have used everything */
	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, headers(150, 149, 20000, -1), 0.5);
	bcd_quota_delay(&q, 60000);
	is_int(bcd_quota_delay(&q, 60000), 0, "after a pause one request goes");
	t = bcd_quota_sent(&q, 60000);
	is_int(bcd_quota_delay(&q, 60000), BCD_QUOTA_WAIT_REPLY, "and tells how things stand");
}

static void
test_other_windows(void)
{
	BcdQuota	q;
	BcdTicket	t = {0};
	BcdHttpHeaders h;

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, headers(150, 149, 29950, -1), 0.5);
	t = bcd_quota_sent(&q, 2000);
	h = *headers(100, 30, 900, -1);
	h.rate_window_ms = 1000;
	bcd_quota_done(&q, t, 2050, 200, &h, 0.5);
	is_int(bcd_quota_left(&q, 2060), 30, "windows of another length: this one has what the reply says");
	is_int(bcd_quota_left(&q, 3100), 100, "and ends when it says");
}

static void
test_throttled(void)
{
	BcdQuota	q;
	BcdTicket	t = {0};
	int			i;
	int64		last = 0;

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 100, 429, headers(150, 0, 5000, 7000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 7000 && bcd_quota_delay(&q, 100) < 7100,
	   "429 with headers: Retry-After when it is longer than the reset");
	is_int(q.throttled, 1, "and it is counted");

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 100, 429, headers(150, 0, 9000, 7000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 9000 && bcd_quota_delay(&q, 100) < 9100,
	   "429 with headers: the reset when it is longer");
	t = bcd_quota_sent(&q, 100);
	bcd_quota_done(&q, t, 200, 200, headers(150, 100, 8800, -1), 0.5);
	ok(bcd_quota_delay(&q, 200) > 8000, "a good reply meanwhile does not end the wait");
	is_int(bcd_quota_delay(&q, 9200), 0, "but the time does");

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 100, 429, headers(-1, -1, -1, 3000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 3000 && bcd_quota_delay(&q, 100) < 3100,
	   "429 with Retry-After alone");
	is_int(q.strikes, 0, "which is no reason to back off more");

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 100, 429, headers(-1, -1, -1, PG_INT64_MAX), 0.5);
	is_int(bcd_quota_delay(&q, 100), BCD_QUOTA_MAX_BLOCK_MS + BCD_TURN_GUARD_MS, "no header stops us for longer");

	/* without headers: a back-off that doubles, one request at a time */
	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 10; i++)
	{
		int64		now = i * 100000;

		t = bcd_quota_sent(&q, now);
		bcd_quota_done(&q, t, now, 429, no_headers(), 0.5);
		last = bcd_quota_delay(&q, now);
		if (i < 6)
			is_int(last, 1000 << i, "429 without headers: twice as long");
	}
	is_int(last, 60000, "up to a minute");
	is_int(q.concurrency, 1, "the concurrency is down to one");
	t = bcd_quota_sent(&q, 2000000);
	bcd_quota_done(&q, t, 2000000, 200, no_headers(), 0.5);
	is_int(q.strikes, 0, "the first success ends it");
	for (i = 0; i < 7 * CALM_REPLIES; i++)
	{
		t = bcd_quota_sent(&q, 2000000);
		bcd_quota_done(&q, t, 2000000, 200, no_headers(), 0.5);
	}
	is_int(q.concurrency, 8, "and the concurrency comes back step by step");

	/* several in flight are refused together: that is one strike */
	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 8; i++)
		t = bcd_quota_sent(&q, 0);
	for (i = 0; i < 8; i++)
		bcd_quota_done(&q, t, 10 + i, 429, no_headers(), 0.5);
	is_int(q.strikes, 1, "requests refused together are one strike");
	is_int(q.throttled, 8, "though all are counted");
	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, t, 0, 429, no_headers(), 0.0);
	is_int(bcd_quota_delay(&q, 0), 800, "the back-off is spread: least");
	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, t, 0, 429, headers(150, 0, 0, -1), 0.999999);
	is_int(bcd_quota_delay(&q, 0), 1199, "most; and a reset of 0 tells nothing");
}

static void
test_trouble(void)
{
	static const long statuses[] = {0, 500, 502, 503, 504};
	BcdQuota	q;
	BcdTicket	t = {0};
	int			i;
	int64		now = 0;

	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 2; i++)
	{
		t = bcd_quota_sent(&q, now);
		bcd_quota_done(&q, t, now, 503, NULL, 0.5);
		is_int(bcd_quota_delay(&q, now), 0, "a failure now and then changes nothing");
	}
	t = bcd_quota_sent(&q, now);
	bcd_quota_done(&q, t, now, 200, no_headers(), 0.5);
	for (i = 0; i < lengthof(statuses); i++)
	{
		now += 100000;
		t = bcd_quota_sent(&q, now);
		bcd_quota_done(&q, t, now, statuses[i], NULL, 0.5);
		is_int(bcd_quota_delay(&q, now), i < 2 ? 0 : 1000 << (i - 2), "failures in a row: probing");
	}
	now += 100000;
	is_int(bcd_quota_delay(&q, now), 0, "a probe goes");
	t = bcd_quota_sent(&q, now);
	is_int(bcd_quota_delay(&q, now), BCD_QUOTA_WAIT_REPLY, "alone");
	bcd_quota_done(&q, t, now, 404, no_headers(), 0.5);
	is_int(bcd_quota_delay(&q, now), 0, "any sensible reply ends it");
	t = bcd_quota_sent(&q, now);
	is_int(bcd_quota_delay(&q, now), 0, "and others may go beside it");

	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 0, 503, headers(-1, -1, -1, 30000), 0.5);
	is_int(bcd_quota_delay(&q, 0), 30000, "a 503 may say how long");

	/* somebody waits */
	bcd_quota_init(&q, 1.0, 8);
	for (i = 0; i < 8; i++)
	{
		t = bcd_quota_sent(&q, i * 100000);
		bcd_quota_done(&q, t, i * 100000, 0, NULL, 0.5);
	}
	is_int(bcd_quota_delay(&q, 700000), 32000, "a store that is down is tried seldom");
	is_int(bcd_quota_blocked_until(&q), 732000, "which is shown");
	bcd_quota_probe_now(&q);
	is_int(bcd_quota_delay(&q, 700000), 0, "but at once when somebody waits");
	t = bcd_quota_sent(&q, 700000);
	is_int(bcd_quota_delay(&q, 700000), BCD_QUOTA_WAIT_REPLY, "with a single request");
	bcd_quota_done(&q, t, 700000, 0, NULL, 0.5);
	is_int(bcd_quota_delay(&q, 700000), 60000, "after which the wait goes on");
	t = bcd_quota_sent(&q, 800000);
	bcd_quota_done(&q, t, 800000, 503, headers(-1, -1, -1, 90000), 0.5);
	bcd_quota_probe_now(&q);
	is_int(bcd_quota_delay(&q, 800000), 90000, "a wait that the store asks for is kept");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, t, 0, 0, NULL, 0.5);
	bcd_quota_abandoned(&q);
	is_int(q.in_flight, 0, "nothing in flight is never less than nothing");
}

/* Replies that come late, early or out of order */
static void
test_windows(void)
{
	BcdQuota	q;
	BcdTicket	t;
	BcdTicket	three[3];
	BcdTicket	last;
	int			i;

	bcd_quota_init(&q, 0.5, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 100, 200, headers(10, 9, 20000, -1), 0.5);
	for (i = 0; i < 3; i++)
		three[i] = bcd_quota_sent(&q, 200);
	bcd_quota_done(&q, three[1], 300, 200, headers(10, 6, 19850, -1), 0.5);
	bcd_quota_done(&q, three[0], 310, 200, headers(10, 8, 19850, -1), 0.5);
	is_int(bcd_quota_left(&q, 310), 6, "the least of what replies say is left");
	is_int(q.counted, 3, "replies are counted in their window");
	last = bcd_quota_sent(&q, 400);
	ok(bcd_quota_delay(&q, 19000) > 0, "our share is used up, with those in flight");
	is_int(q.end_by_start, 20050, "the latest end counted from a start holds");
	is_int(q.end_by_reply, 20100, "and the earliest counted from a reply");

	/* the window turns while two are in flight */
	(void) bcd_quota_delay(&q, 20100 + 3 * BCD_TURN_GUARD_MS);
	is_int(q.counted + q.in_flight, 2, "those in flight count in the new one");
	bcd_quota_done(&q, three[2], 20120, 200, headers(10, 5, 0, -1), 0.5);
	is_int(q.counted + q.in_flight, 1, "until their reply tells of the old one");
	is_int(bcd_quota_left(&q, 20120), 10, "which says nothing of what is left now");
	bcd_quota_done(&q, last, 20200, 200, headers(10, 7, 29950, -1), 0.5);
	is_int(q.counted, 1, "or of the new one");
	is_int(q.end_by_reply, 50150, "whose end is known then");
	is_int(q.others.used, 2, "and so is what others used of it");

	/* the store turns before we think so */
	t = bcd_quota_sent(&q, 50000);
	bcd_quota_done(&q, t, 50050, 200, headers(10, 9, 30000, -1), 0.5);
	is_int(q.end_by_start, 80000, "a reply may open the next window");
	is_int(q.counted, 1, "with what it used");
	is_int(bcd_quota_left(&q, 50050), 9, "and what it left");

	/* a slow reply, whose headers were made long before it came */
	t = bcd_quota_sent(&q, 51000);
	bcd_quota_done(&q, t, 71000, 200, headers(10, 8, 28990, -1), 0.5);
	is_int(q.window, 3, "a slow reply does not open a window");

	/* the plan changes */
	t = bcd_quota_sent(&q, 72000);
	bcd_quota_done(&q, t, 72100, 200, headers(450, 440, 7900, -1), 0.5);
	is_int(bcd_quota_left(&q, 72100), 440, "another quota is taken over at once");

	/* headers that make no sense */
	t = bcd_quota_sent(&q, 73000);
	bcd_quota_done(&q, t, 73100, 200, headers(0, 5, -7, -1), 0.5);
	t = bcd_quota_sent(&q, 73000);
	bcd_quota_done(&q, t, 73100, 200, headers(450, 9000, PG_INT64_MAX, PG_INT64_MAX), 0.5);
	ok(bcd_quota_left(&q, 73100) <= 450, "nonsense in headers does no harm");

	t = bcd_quota_sent(&q, 74000);
	bcd_quota_abandoned(&q);
	is_int(q.in_flight, 0, "an abandoned request is not in flight");
	is_int(q.strikes, 0, "and no fault of the store");
}

/* A window is used up but for a scout, which finds the next one */
static void
test_scouts(void)
{
	BcdQuota	q;
	BcdTicket	t;
	int			i;
	int64		now;

	bcd_quota_init(&q, 1.0, 200);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 600, 200, headers(150, 149, 30000, -1), 0.5);
	for (i = 0, now = 1000; now < 29000; now += 100)
	{
		if (bcd_quota_delay(&q, now) > 0)
			continue;
		t = bcd_quota_sent(&q, now);
		bcd_quota_done(&q, t, now + 600, 200, headers(150, 148 - i, 30000 - now, -1), 0.5);
		i++;
	}
	is_int(i, 148, "a window of requests, but for one");
	ok(bcd_quota_delay(&q, 29990) > 0, "which waits");
	is_int(bcd_quota_delay(&q, 30000 + BCD_TURN_GUARD_MS), 0, "for the moment at which the window may turn");
	t = bcd_quota_sent(&q, 30000 + BCD_TURN_GUARD_MS);
	ok(bcd_quota_delay(&q, 30300) > 0, "the others wait for its reply");
	bcd_quota_done(&q, t, 30605, 200, headers(150, 149, 30000, -1), 0.5);
	is_int(q.window, 2, "it has opened the next window");
	is_int(q.scouts, 0, "and from now on none is kept");
	is_int(bcd_quota_turned(&q), 60005 + BCD_TURN_GUARD_MS, "because it is known when windows turn");
	(void) bcd_quota_delay(&q, 60010);
	t = bcd_quota_sent(&q, 60010);
	bcd_quota_done(&q, t, 60610, 200, headers(150, 140, 100, -1), 0.5);
	is_int(q.scouts, BCD_MAX_SCOUTS, "until one proves too early");
}

/* One endpoint is crowded: the others need not wait */
static void
test_crowded(void)
{
	BcdQuota	q;
	BcdTicket	t[2];

	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	t[0] = bcd_quota_sent(&q, 0);
	t[1] = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t[0], 100, 429, headers(150, 100, 20000, -1), 0.5);
	ok(bcd_quota_crowded(429, headers(150, 100, 20000, -1)), "429 with quota left: an endpoint is crowded");
	ok(!bcd_quota_crowded(429, headers(150, 0, 20000, -1)), "without any, it is the window");
	ok(!bcd_quota_crowded(429, no_headers()), "and without headers nobody knows");
	ok(bcd_quota_delay(&q, 100) < 1000, "elsewhere it goes on");
	is_int(q.concurrency, 8, "as many at a time");
	is_int(q.counted, 0, "and a refused request is not counted");
	bcd_quota_done(&q, t[1], 110, 429, headers(150, 100, 19990, -1), 0.5);
	is_int(bcd_quota_delay(&q, 110), 1000, "alone and refused all the same: back off");

	bcd_quota_init(&q, 1.0, 8);
	t[0] = bcd_quota_sent(&q, 0);
	t[1] = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t[0], 100, 429, headers(150, 100, 20000, 2000), 0.5);
	ok(q.blocked_until >= 2100 && q.blocked_until < 2200, "a wait that is told is kept");
}

/* Sends what may be sent from one instant to another; others take so many meanwhile */
static int
spend(BcdQuota *q, int64 from, int64 until, int64 *left, int taken)
{
	int64		now = from;
	int			sent = 0;

	*left -= taken;
	while (now < until)
	{
		int64		delay = bcd_quota_delay(q, now);
		BcdTicket	t;

		if (delay > 0)
		{
			now += delay;
			continue;
		}
		t = bcd_quota_sent(q, now);
		sent++;
		bcd_quota_done(q, t, now, 200, headers(150, --*left, 30000 - now, -1), 0.5);
	}
	return sent;
}

/* All goes at once but what others may want, and one request that looks for them */
static void
test_early(void)
{
	BcdQuota	q;
	BcdTicket	t = {0};
	int64		left = 149;
	int			sent;

	bcd_quota_init(&q, 0.9, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, headers(150, 149, 29950, -1), 0.5);
	is_int(spend(&q, 100, 101, &left, 0), 133, "nobody else is there: our share goes at once");
	is_int(spend(&q, 101, 28000, &left, 0), 0, "but for one");
	q.work = 1;
	is_int(bcd_quota_delay(&q, 28000), 0, "unless there is no more to do");
	q.work = PG_INT64_MAX;
	is_int(spend(&q, 28000, 29000, &left, 0), 1, "which goes at the end of the window");
	is_int(spend(&q, 29000, 30000, &left, 0), 0, "no more than our share");

	/* others have shown that they are there */
	bcd_quota_init(&q, 1.0, 8);
	left = 149;
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, headers(150, left, 29950, -1), 0.5);
	sent = spend(&q, 3000, 3001, &left, 12);
	ok(sent < 30, "somebody took 12 in a tenth of the window: %d at once", sent);
	sent += spend(&q, 3001, 15000, &left, 0);
	ok(sent > 40 && sent < 110, "the rest is spread: %d in half of it", sent);

	/* a burst does not follow the clock, but a reply, into the next window */
	bcd_quota_init(&q, 1.0, 8);
	t = bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, t, 50, 200, headers(150, 149, 29950, -1), 0.5);
	is_int(bcd_quota_delay(&q, 30100), 0, "the window has turned by the clock: one goes");
	t = bcd_quota_sent(&q, 30100);
	ok(bcd_quota_delay(&q, 30101) > 100, "and not many more");
	bcd_quota_done(&q, t, 30150, 200, headers(150, 149, 29950, -1), 0.5);
	is_int(bcd_quota_delay(&q, 30151), 0, "until its reply has said so");
}

/* One reply with a window of an hour, and nothing left */
static void
test_patience(void)
{
	static const struct
	{
		long		status;
		int64		left;
		int64		reset;
		int64		retry_after;
		const char *words;		/* NULL: nothing special */
	}			cases[] = {
		{200, 0, 3600000, -1, "60 minutes"}, {429, 0, 3600000, -1, "60 minutes"},
		{429, -1, -1, 3 * 86400000LL, "3 days"}, {503, -1, -1, 7200000, "2 hours"},
		{429, -1, -1, PG_INT64_MAX / 1000, "3650 days"}, {429, 50, 100, 86400000, "24 hours"},
		{429, -1, -1, 125000, "2 minutes"}, {429, -1, -1, 120000, NULL}, {200, 0, 30000, -1, NULL},
		{200, 5, 3600000, -1, NULL}, {429, -1, -1, 0, NULL}, {429, -1, -1, -1, NULL}, {200, -1, -1, 86400000, NULL}
	};
	BcdQuota	q;
	BcdTicket	t;
	BcdTicket	old;
	int			i;

	for (i = 0; i < lengthof(cases); i++)
	{
		const BcdHttpHeaders *h;
		char		words[256] = "";
		bool		told;

		bcd_quota_init(&q, 1.0, 8);
		t = bcd_quota_sent(&q, 0);
		bcd_quota_done(&q, t, 50, 200, headers(150, 100, 29000, -1), 0.5);
		old = bcd_quota_sent(&q, 60);
		t = bcd_quota_sent(&q, 60);
		h = headers(cases[i].left < 0 ? -1 : 150, cases[i].left, cases[i].reset, cases[i].retry_after);
		bcd_quota_done(&q, t, 100, cases[i].status, h, 0.5);
		bcd_patience_note(&q, t, cases[i].status, h, 100);
		told = bcd_patience_words(&q, 100, words, sizeof(words));
		ok(told == (cases[i].words != NULL) && (!told || strstr(words, cases[i].words)), "status %ld: \"%s\"",
		   cases[i].status, words);
		if (!told)
			continue;
		bcd_quota_done(&q, old, 110, 200, headers(150, 99, 28900, -1), 0.5);
		bcd_patience_note(&q, old, 200, headers(150, 99, 28900, -1), 110);
		ok(bcd_patience_words(&q, 110, words, sizeof(words)), "a reply that was under way by then tells nothing new");
		ok(bcd_quota_delay(&q, 110) <= BCD_QUOTA_MAX_BLOCK_MS, "no wait for longer");
		ok(bcd_quota_delay(&q, 120099) > 0, "two minutes are waited");
		is_int(bcd_quota_delay(&q, 120100), 0, "then one request asks again");
		t = bcd_quota_sent(&q, 120100);
		is_int(bcd_quota_delay(&q, 120101), BCD_QUOTA_WAIT_REPLY, "and only one");
		bcd_quota_done(&q, t, 120200, 200, headers(150, 149, 30000, -1), 0.5);
		bcd_patience_note(&q, t, 200, headers(150, 149, 30000, -1), 120200);
		is_int(bcd_quota_delay(&q, 120200), 0, "whose reply is believed");
		ok(!bcd_patience_words(&q, 120200, words, sizeof(words)), "and nothing is wrong any more");
	}
}

int
main(void)
{
	test_learning();
	test_other_windows();
	test_throttled();
	test_trouble();
	test_windows();
	test_scouts();
	test_crowded();
	test_early();
	test_patience();
	return tap_done();
}
