/*
 * test_quota.c
 *		Pacing: against a simulated store, and case by case.
 *
 * The simulation runs a client that always has work against a store with a
 * window and a quota, with random latencies and with other clients, and
 * counts what was used and what was refused.  Time is an argument, so that
 * minutes pass in milliseconds.
 */
#include "postgres.h"

#include "../../src/quota.c"
#include "tap.h"

#define MAX_FLIGHT	64

/* A deterministic source of randomness in [0,1) */
static uint64 seed;

static double
random01(void)
{
	seed = seed * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (double) (seed >> 33) / (double) (UINT64CONST(1) << 31);
}

typedef struct Flight
{
	double		arrives;		/* at the store */
	double		returns;		/* to us */
	double		started;
	bool		counted;		/* has the store seen it? */
	long		status;
	BcdHttpHeaders headers;
} Flight;

typedef struct Sim
{
	/* the store */
	int			quota;
	double		window;
	bool		lazy;			/* a window begins with its first request,
								 * else on a grid */
	bool		whole_reset;	/* the time left is always the whole window */
	bool		late_headers;	/* computed when the reply leaves, else on
								 * arrival */
	double		window_end;
	int			used;
	double		least_latency;
	double		most_latency;

	/* the other clients */
	double		others;			/* part of the quota they want per window */
	bool		bursts;			/* all at once, else spread */
	double		next_other;
	int			others_wanted;	/* requests still to come in this burst */

	/* ours */
	BcdQuota	q;
	Flight		flights[MAX_FLIGHT];
	int			nflights;

	/* results */
	int			windows;
	int			ours_in_window;
	int			others_in_window;
	int			ours_total;		/* in whole windows after the first two */
	int			least;			/* of ours in one of these windows */
	int			most;
	int			others_total;
	int			refused;		/* our 429s */
	int			others_refused;
	double		longest_gap;
	double		last_sent;
	int			most_in_flight;
} Sim;

static void
sim_init(Sim *sim, int quota, double window, double share, int concurrency)
{
	memset(sim, 0, sizeof(*sim));
	sim->quota = quota;
	sim->window = window;
	sim->window_end = window * 0.26;	/* we come into a window that has
										 * begun */
	sim->least_latency = 20;
	sim->most_latency = 400;
	sim->next_other = 1e18;
	sim->least = PG_INT32_MAX;
	bcd_quota_init(&sim->q, share, concurrency);
}

/* The store's window moves on */
static void
sim_turn(Sim *sim, double now)
{
	while (now >= sim->window_end)
	{
		sim->windows++;
		if (sim->windows > 2)
		{
			sim->ours_total += sim->ours_in_window;
			sim->others_total += sim->others_in_window;
			sim->least = Min(sim->least, sim->ours_in_window);
			sim->most = Max(sim->most, sim->ours_in_window);
		}
		sim->ours_in_window = 0;
		sim->others_in_window = 0;
		sim->used = 0;
		if (sim->lazy)
			sim->window_end = now + sim->window;
		else
			sim->window_end += sim->window;
	}
}

static void
sim_headers(Sim *sim, Flight *flight, double now)
{
	BcdHttpHeaders *h = &flight->headers;

	h->rate_quota = sim->quota;
	h->rate_left = Max(sim->quota - sim->used, 0);
	h->rate_window_ms = (int64) sim->window;
	h->rate_reset_ms = (int64) (sim->whole_reset ? sim->window : sim->window_end - now);
	h->retry_after_ms = flight->status == 429 ? (int64) ceil((sim->window_end - now) / 1000) * 1000 : -1;
}

static void
sim_arrive(Sim *sim, Flight *flight)
{
	sim_turn(sim, flight->arrives);
	flight->counted = true;
	flight->status = 200;
	if (sim->used >= sim->quota)
	{
		flight->status = 429;
		sim->refused++;
	}
	else
	{
		sim->used++;
		sim->ours_in_window++;
	}
	sim_headers(sim, flight, flight->arrives);
}

static void
sim_other(Sim *sim, double now)
{
	double		per_window = sim->quota * sim->others;

	sim_turn(sim, now);
	if (sim->used >= sim->quota)
		sim->others_refused++;
	else
	{
		sim->used++;
		sim->others_in_window++;
	}
	if (!sim->bursts)
		sim->next_other = now + sim->window / per_window;
	else if (--sim->others_wanted > 0)
		sim->next_other = now + 10;
	else
	{
		/* three bursts in a window, at any time */
		sim->others_wanted = (int) (per_window / 3);
		sim->next_other = now + sim->window / 3 * 2 * random01();
	}
}

static void
sim_send(Sim *sim, double now)
{
	Flight	   *flight = &sim->flights[sim->nflights++];
	double		latency = sim->least_latency +
	(sim->most_latency - sim->least_latency) * random01();
	double		way = random01();

	memset(flight, 0, sizeof(*flight));
	flight->started = now;
	flight->arrives = now + latency * way * 0.5;
	flight->returns = now + latency;
	if (sim->windows > 2)
		sim->longest_gap = Max(sim->longest_gap, now - sim->last_sent);
	sim->last_sent = now;
	bcd_quota_sent(&sim->q, (int64) now);
	sim->most_in_flight = Max(sim->most_in_flight, sim->q.in_flight);
}

/* Run until the time is over, with endless work */
static void
sim_run(Sim *sim, double from, double until)
{
	double		now = from;

	while (now < until)
	{
		double		next = until;
		int			event = -1;
		int			i;
		int64		delay = bcd_quota_delay(&sim->q, (int64) now);

		if (delay == 0)
		{
			sim_send(sim, now);
			continue;
		}
		if (delay < BCD_QUOTA_WAIT_REPLY && floor(now) + delay < next)
			next = floor(now) + delay;
		for (i = 0; i < sim->nflights; i++)
		{
			double		at = sim->flights[i].counted ? sim->flights[i].returns : sim->flights[i].arrives;

			if (at <= next)
			{
				next = at;
				event = i;
			}
		}
		if (sim->next_other <= next)
		{
			now = sim->next_other;
			sim_other(sim, now);
			continue;
		}
		now = next;
		if (event < 0)
			continue;
		if (!sim->flights[event].counted)
			sim_arrive(sim, &sim->flights[event]);
		else
		{
			Flight		flight = sim->flights[event];

			if (sim->late_headers && flight.status != 429)
			{
				sim_turn(sim, now);
				sim_headers(sim, &flight, now - random01() * 10);
			}
			flight.headers.elapsed_ms = (int64) (now - flight.started);
			sim->flights[event] = sim->flights[--sim->nflights];
			bcd_quota_done(&sim->q, (int64) now, flight.status, &flight.headers, random01());
		}
	}
}

/* What we used of our share in the whole windows */
static double
sim_use(const Sim *sim)
{
	return sim->ours_total /
		(floor(sim->quota * sim->q.share) * Max(sim->windows - 2, 1));
}

/* Alone, with work to do: all of our share, and never a 429 */
static void
test_alone(void)
{
	static const int quotas[] = {150, 450};
	static const double shares[] = {0.9, 1.0};
	static const double latencies[][2] = {{20, 400}, {5, 30}, {300, 400}};
	int			i,
				j,
				k,
				l;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			for (k = 0; k < 3; k++)
				for (l = 0; l < 4; l++)
				{
					Sim			sim;

					seed = 17 + i * 100 + j * 10 + k;
					sim_init(&sim, quotas[i], 30000, shares[j], 8);
					sim.least_latency = latencies[k][0];
					sim.most_latency = latencies[k][1];
					sim.lazy = (l & 1) != 0;
					sim.late_headers = (l & 2) != 0;
					sim_run(&sim, 0, 30000.0 * 62);
					ok(sim.refused == 0 && sim_use(&sim) >= 0.98 &&
					   sim.most <= floor(quotas[i] * shares[j]) && sim.most_in_flight <= 8,
					   "quota %d, share %.1f, latency %.0f to %.0f ms, %s window, headers %s: "
					   "%.1f%% used, %d to %d in a window, %d refused, gap %.0f ms",
					   quotas[i], shares[j], latencies[k][0], latencies[k][1],
					   sim.lazy ? "lazy" : "fixed", sim.late_headers ? "late" : "early",
					   100 * sim_use(&sim), sim.least, sim.most, sim.refused, sim.longest_gap);
				}
}

/* With others: few 429s, and what they leave is used */
static void
test_others(void)
{
	static const int quotas[] = {150, 450};
	int			i,
				j,
				k;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			for (k = 0; k < 2; k++)
			{
				Sim			sim;
				double		total;

				seed = 4711;
				sim_init(&sim, quotas[i], 30000, j ? 1.0 : 0.9, 8);
				sim.others = 0.4;
				sim.bursts = k != 0;
				sim.next_other = 100;
				sim.others_wanted = (int) (sim.quota * sim.others / 3);
				sim_run(&sim, 0, 30000.0 * 62);
				total = (double) (sim.ours_total + sim.others_total) / (sim.quota * (sim.windows - 2));
				ok(total >= 0.97 && sim.refused <= sim.windows / (k ? 1 : 10),
				   "quota %d, share %.1f, others 40%% %s: %.1f%% used by all, %d to %d of ours in a "
				   "window, %d refused of ours in %d windows, %d of theirs",
				   quotas[i], sim.q.share, k ? "in bursts" : "spread", 100 * total, sim.least,
				   sim.most, sim.refused, sim.windows, sim.others_refused);
			}
}

/* Stores and ways to them that are out of the common */
static void
test_odd_stores(void)
{
	static const struct
	{
		const char *name;
		int			quota;
		double		window;
		double		least_latency;
		double		most_latency;
		int			concurrency;
		bool		whole_reset;
		double		use;		/* at least */
	}			stores[] = {
		{"slow replies", 150, 30000, 200, 4000, 40, false, 0.98},
		{"very slow replies", 60, 30000, 5000, 25000, 60, false, 0.70},
		{"window of 2 s", 20, 2000, 2, 30, 8, false, 0.98},
		{"window of 500 ms", 5, 500, 1, 10, 8, false, 0.98},
		{"quota of 1", 1, 1000, 2, 30, 8, false, 0.98},
		{"huge quota", 100000000, 30000, 20, 40, 8, false, 0},
		{"reset header that never counts down", 150, 30000, 20, 400, 8, true, 0.50},
	};
	int			i;

	for (i = 0; i < lengthof(stores); i++)
	{
		Sim			sim;

		seed = 99;
		sim_init(&sim, stores[i].quota, stores[i].window, 1.0, stores[i].concurrency);
		sim.least_latency = stores[i].least_latency;
		sim.most_latency = stores[i].most_latency;
		sim.whole_reset = stores[i].whole_reset;
		sim_run(&sim, 0, stores[i].quota > 1000000 ? 60000 : stores[i].window * 62);
		ok(sim.refused == 0 && sim_use(&sim) >= stores[i].use,
		   "%s: %.1f%% used, %d to %d in a window, %d refused",
		   stores[i].name, 100 * sim_use(&sim), sim.least, sim.most, sim.refused);
	}
}

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
	int			i;

	bcd_quota_init(&q, 0.9, 8);
	is_int(bcd_quota_left(&q, 0), -1, "nothing is known of the quota at first");
	is_int(bcd_quota_delay(&q, 0), 0, "the first request may go at once");
	bcd_quota_sent(&q, 0);
	is_int(bcd_quota_delay(&q, 1), BCD_QUOTA_WAIT_REPLY, "the second waits for its reply");
	bcd_quota_done(&q, 50, 500, no_headers(), 0.5);
	is_int(bcd_quota_delay(&q, 50), 0, "a failure without headers teaches nothing");
	bcd_quota_sent(&q, 50);
	is_int(bcd_quota_delay(&q, 51), BCD_QUOTA_WAIT_REPLY, "so one request again");
	bcd_quota_done(&q, 100, 200, headers(150, 3, 1000, -1), 0.5);
	is_int(bcd_quota_left(&q, 100), 3, "the first reply tells what is left");
	is_int(q.others, 146, "the rest was used by others, or by us before a restart");
	is_int(bcd_quota_left(&q, 1100), 150, "and the window's end refills it");

	/* no quota told: only the concurrency limits */
	bcd_quota_init(&q, 0.9, 3);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 50, 200, no_headers(), 0.5);
	for (i = 0; i < 3; i++)
	{
		is_int(bcd_quota_delay(&q, 50), 0, "a store without a quota: more at once");
		bcd_quota_sent(&q, 50);
	}
	is_int(bcd_quota_delay(&q, 50), BCD_QUOTA_WAIT_REPLY, "up to the concurrency");
	is_int(bcd_quota_left(&q, 50), -1, "and none is shown");

	/* after a pause somebody else may have used everything */
	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 50, 200, headers(150, 149, 20000, -1), 0.5);
	bcd_quota_delay(&q, 60000);
	is_int(bcd_quota_delay(&q, 60000), 0, "after a pause one request goes");
	bcd_quota_sent(&q, 60000);
	is_int(bcd_quota_delay(&q, 60000), BCD_QUOTA_WAIT_REPLY, "and tells how things stand");
}

static void
test_throttled(void)
{
	BcdQuota	q;
	int			i;
	int64		last = 0;

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 100, 429, headers(150, 0, 5000, 7000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 7000 && bcd_quota_delay(&q, 100) < 7100,
	   "429 with headers: Retry-After when it is longer than the reset");
	is_int(q.throttled, 1, "and it is counted");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 100, 429, headers(150, 0, 9000, 7000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 9000 && bcd_quota_delay(&q, 100) < 9100,
	   "429 with headers: the reset when it is longer");
	bcd_quota_sent(&q, 100);
	bcd_quota_done(&q, 200, 200, headers(150, 100, 8800, -1), 0.5);
	ok(bcd_quota_delay(&q, 200) > 8000, "a good reply meanwhile does not end the wait");
	is_int(bcd_quota_delay(&q, 9200), 0, "but the time does");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 100, 429, headers(-1, -1, -1, 3000), 0.5);
	ok(bcd_quota_delay(&q, 100) >= 3000 && bcd_quota_delay(&q, 100) < 3100,
	   "429 with Retry-After alone");
	is_int(q.strikes, 0, "which is no reason to back off more");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 100, 429, headers(-1, -1, -1, PG_INT64_MAX), 0.5);
	is_int(bcd_quota_delay(&q, 100), 3600000 + RESET_GUARD_MS, "no header stops us for more than an hour");

	/* without headers: a back-off that doubles, one request at a time */
	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 10; i++)
	{
		int64		now = i * 100000;

		bcd_quota_sent(&q, now);
		bcd_quota_done(&q, now, 429, no_headers(), 0.5);
		last = bcd_quota_delay(&q, now);
		if (i < 6)
			is_int(last, 1000 << i, "429 without headers: twice as long");
	}
	is_int(last, 60000, "up to a minute");
	is_int(q.concurrency, 1, "the concurrency is down to one");
	bcd_quota_sent(&q, 2000000);
	bcd_quota_done(&q, 2000000, 200, no_headers(), 0.5);
	is_int(q.strikes, 0, "the first success ends it");
	for (i = 0; i < 7 * CALM_REPLIES; i++)
	{
		bcd_quota_sent(&q, 2000000);
		bcd_quota_done(&q, 2000000, 200, no_headers(), 0.5);
	}
	is_int(q.concurrency, 8, "and the concurrency comes back step by step");

	/* several in flight are refused together: that is one strike */
	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 8; i++)
		bcd_quota_sent(&q, 0);
	for (i = 0; i < 8; i++)
		bcd_quota_done(&q, 10 + i, 429, no_headers(), 0.5);
	is_int(q.strikes, 1, "requests refused together are one strike");
	is_int(q.throttled, 8, "though all are counted");
	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, 0, 429, no_headers(), 0.0);
	is_int(bcd_quota_delay(&q, 0), 800, "the back-off is spread: least");
	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, 0, 429, headers(150, 0, 0, -1), 0.999999);
	is_int(bcd_quota_delay(&q, 0), 1199, "most; and a reset of 0 tells nothing");
}

static void
test_trouble(void)
{
	static const long statuses[] = {0, 500, 502, 503, 504};
	BcdQuota	q;
	int			i;
	int64		now = 0;

	bcd_quota_init(&q, 1.0, 8);
	q.learned = true;
	for (i = 0; i < 2; i++)
	{
		bcd_quota_sent(&q, now);
		bcd_quota_done(&q, now, 503, NULL, 0.5);
		is_int(bcd_quota_delay(&q, now), 0, "a failure now and then changes nothing");
	}
	bcd_quota_sent(&q, now);
	bcd_quota_done(&q, now, 200, no_headers(), 0.5);
	for (i = 0; i < lengthof(statuses); i++)
	{
		now += 100000;
		bcd_quota_sent(&q, now);
		bcd_quota_done(&q, now, statuses[i], NULL, 0.5);
		is_int(bcd_quota_delay(&q, now), i < 2 ? 0 : 1000 << (i - 2), "failures in a row: probing");
	}
	now += 100000;
	is_int(bcd_quota_delay(&q, now), 0, "a probe goes");
	bcd_quota_sent(&q, now);
	is_int(bcd_quota_delay(&q, now), BCD_QUOTA_WAIT_REPLY, "alone");
	bcd_quota_done(&q, now, 404, no_headers(), 0.5);
	is_int(bcd_quota_delay(&q, now), 0, "any sensible reply ends it");
	bcd_quota_sent(&q, now);
	is_int(bcd_quota_delay(&q, now), 0, "and others may go beside it");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 0, 503, headers(-1, -1, -1, 30000), 0.5);
	is_int(bcd_quota_delay(&q, 0), 30000, "a 503 may say how long");

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_done(&q, 0, 0, NULL, 0.5);
	bcd_quota_abandoned(&q);
	is_int(q.in_flight, 0, "nothing in flight is never less than nothing");
}

/* Replies that come late, early or out of order */
static void
test_windows(void)
{
	BcdQuota	q;
	int			i;

	bcd_quota_init(&q, 0.5, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 100, 200, headers(10, 9, 20000, -1), 0.5);
	for (i = 0; i < 3; i++)
		bcd_quota_sent(&q, 200);
	bcd_quota_done(&q, 300, 200, headers(10, 6, 19800, -1), 0.5);
	bcd_quota_done(&q, 310, 200, headers(10, 8, 19800, -1), 0.5);
	is_int(bcd_quota_left(&q, 310), 6, "the least of what replies say is left");
	is_int(q.sent_in_window, 3, "replies are counted in their window");
	bcd_quota_sent(&q, 400);
	ok(bcd_quota_delay(&q, 19000) > 0, "our share is used up, with those in flight");
	is_int(q.reset_at, 20100, "the earliest end of the window holds");

	/* the window turns while two are in flight */
	ok(bcd_quota_delay(&q, 20100 + RESET_GUARD_MS) == 0, "the window turns by the clock");
	is_int(q.sent_in_window + q.in_flight, 2, "those in flight count in the new one");
	bcd_quota_done(&q, 20110, 200, headers(10, 5, 0, -1), 0.5);
	is_int(q.sent_in_window + q.in_flight, 1, "until their reply tells of the old one");
	is_int(bcd_quota_left(&q, 20110), 10, "which says nothing of what is left now");
	bcd_quota_done(&q, 20200, 200, headers(10, 7, 29950, -1), 0.5);
	is_int(q.sent_in_window, 1, "or of the new one");
	is_int(q.reset_at, 50150, "whose end is known then");
	is_int(q.others, 2, "and so is what others used of it");

	/* the store turns before we think so */
	bcd_quota_sent(&q, 50000);
	bcd_quota_done(&q, 50050, 200, headers(10, 9, 30000, -1), 0.5);
	is_int(q.reset_at, 80050, "a reply may open the next window");
	is_int(q.sent_in_window, 1, "with what it used");
	is_int(bcd_quota_left(&q, 50050), 9, "and what it left");

	/* a slow reply, whose headers were made long before it came */
	bcd_quota_sent(&q, 51000);
	{
		BcdHttpHeaders h = *headers(10, 8, 29000, -1);

		h.elapsed_ms = 20000;
		bcd_quota_done(&q, 71000, 200, &h, 0.5);
	}
	is_int(q.reset_at, 80050, "a slow reply does not open a window");

	/* the plan changes */
	bcd_quota_sent(&q, 72000);
	bcd_quota_done(&q, 72100, 200, headers(450, 440, 7900, -1), 0.5);
	is_int(bcd_quota_left(&q, 72100), 440, "another quota is taken over at once");

	/* headers that make no sense */
	bcd_quota_sent(&q, 73000);
	bcd_quota_done(&q, 73100, 200, headers(0, 5, -7, -1), 0.5);
	bcd_quota_sent(&q, 73000);
	bcd_quota_done(&q, 73100, 200, headers(450, 9000, PG_INT64_MAX, PG_INT64_MAX), 0.5);
	ok(bcd_quota_left(&q, 73100) <= 450, "nonsense in headers does no harm");

	bcd_quota_sent(&q, 74000);
	bcd_quota_abandoned(&q);
	is_int(q.in_flight, 0, "an abandoned request is not in flight");
	is_int(q.strikes, 0, "and no fault of the store");
}

/* Little work is not held up, much work is spread */
static void
test_pace(void)
{
	BcdQuota	q;
	int			i;
	int64		now = 10000;
	int			sent = 0;

	bcd_quota_init(&q, 1.0, 8);
	bcd_quota_sent(&q, 0);
	bcd_quota_done(&q, 50, 200, headers(150, 149, 29950, -1), 0.5);
	for (i = 0; i < 5; i++)
	{
		is_int(bcd_quota_delay(&q, now), 0, "a few requests after a pause go at once");
		bcd_quota_sent(&q, now);
		bcd_quota_done(&q, now, 200, headers(150, 148 - i, 30000 - now, -1), 0.5);
	}
	while (now < 20000)
	{
		int64		delay = bcd_quota_delay(&q, now);

		if (delay > 0)
			now += delay;
		else
		{
			bcd_quota_sent(&q, now);
			sent++;
			bcd_quota_done(&q, now, 200, headers(150, 144 - sent, 30000 - now, -1), 0.5);
		}
	}
	ok(sent > 70 && sent < 90, "the rest is spread: %d of 144 in half the time left", sent);
}

int
main(void)
{
	test_alone();
	test_others();
	test_odd_stores();
	test_learning();
	test_throttled();
	test_trouble();
	test_windows();
	test_pace();
	return tap_done();
}
