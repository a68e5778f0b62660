/*
 * test_pacing.c
 *		Pacing, over many windows of simulated stores: how much of the quota
 *		is used, and how many requests are refused.
 */
#include "postgres.h"

#include "../../src/pacing/other_clients.c"
#include "../../src/pacing/quota.c"
#include "../../src/pacing/pace.c"
#include "simstore.h"
#include "tap.h"

/* What was used of the whole windows from a certain one on */
typedef struct Use
{
	int			windows;
	int			ours;
	int			others;
	int			least;			/* of ours in one window */
	int			most;
} Use;

static Use
use_of(const Sim *sim, int first)
{
	Use			use = {0, 0, 0, PG_INT32_MAX, 0};
	int			i;

	for (i = first; i < sim->nwindows - 1; i++)
	{
		use.windows++;
		use.ours += sim->windows[i].ours;
		use.others += sim->windows[i].others;
		use.least = Min(use.least, sim->windows[i].ours);
		use.most = Max(use.most, sim->windows[i].ours);
	}
	return use;
}

static int
refused_from(const Sim *sim, int first)
{
	int			refused = 0;
	int			i;

	for (i = first; i < sim->nwindows; i++)
		refused += sim->windows[i].refused;
	return refused;
}

/* Enough for twice the rate at this latency, see test/bench/push */
static int
concurrency(int quota, double window, double latency)
{
	return Min(Max(8, (int) ceil(quota * latency * 2 / window)), SIM_FLIGHTS);
}

typedef enum Ways
{
	REPLY_IS_SLOW,
	REQUEST_IS_SLOW,
	BOTH_WAYS,
	HEADERS_ARE_LATE,
	JITTER,						/* 30 % both ways */
	WAYS
} Ways;

static const char *const ways_name[] = {"reply slow", "request slow", "both ways", "headers late",
"jitter"};

static void
set_ways(Sim *sim, Ways ways, double latency)
{
	int			i;

	for (i = 0; i < 2; i++)
	{
		double	   *way = sim->way[i];

		if (ways == JITTER)
		{
			way[0] *= 0.7;
			way[1] *= 1.3;
		}
		else if (ways != BOTH_WAYS)
			way[0] = way[1] = (ways == REQUEST_IS_SLOW) == (i == 0) ? latency : 0.3;
	}
	sim->late_headers = ways == HEADERS_ARE_LATE;
}

/*
 * A backlog of ten windows, alone on the store: time taken by the least time
 * there is, calls / quota.  The windows of the test are a tenth of a real
 * store's, so what is lost per window weighs ten times as much.
 */
static void
test_drain(void)
{
	static const int quotas[] = {150, 450};
	static const double latencies[] = {20, 150, 400};

	/* what latency that varies and headers that are late cost, at 400 ms */
	static const double most[WAYS] = {1.02, 1.02, 1.02, 1.08, 1.07};
	int			i,
				j,
				kind,
				ways;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 3; j++)
			for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
				for (ways = 0; ways < WAYS; ways++)
				{
					Sim			sim;
					double		ratio;

					sim_seed = 4711;
					sim_init(&sim, quotas[i], 3000, 1.0, concurrency(quotas[i], 3000, latencies[j]),
							 latencies[j]);
					sim.kind = kind;
					set_ways(&sim, ways, latencies[j]);
					sim.clients[0].work = quotas[i] * 10;
					sim_run(&sim, 1000, 1e7);
					ratio = (sim.ended - 1000) / 30000;
					ok(sim.refused == 0 && ratio <= most[ways],
					   "drain: quota %d, latency %.0f ms, %s, %s windows: ratio %.4f, %d refused",
					   quotas[i], latencies[j], ways_name[ways],
					   kind == SIM_LAZY ? "lazy" : "aligned", ratio, sim.refused);
				}
}

/*
 * Alone on the store with little work: it is over as soon as latency and
 * concurrency allow.  A backlog takes the windows that have to pass, and no
 * more than it needs of the last one.
 */
static void
test_early(void)
{
	static const double latencies[] = {20, 150, 400};
	static const struct
	{
		int			calls;
		double		share;
		int			full;		/* windows that have to pass */
		int			last;		/* calls of the last one */
	}			works[] = {{1, 0.9, 0, 1}, {20, 0.9, 0, 20}, {100, 0.9, 0, 100}, {135, 0.9, 0, 135},
	{150, 1.0, 0, 150}, {600, 1.0, 3, 150}, {600, 0.9, 4, 60}, {601, 1.0, 4, 1}};
	int			i,
				j,
				kind,
				ways;

	for (i = 0; i < lengthof(works); i++)
		for (j = 0; j < lengthof(latencies); j++)
			for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
				for (ways = 0; ways < WAYS; ways++)
				{
					Sim			sim;
					double		latency = latencies[j];
					double		most = latency * works[i].last / 8 + latency;

					sim_seed = 4711;
					sim_init(&sim, 150, 30000, works[i].share, 8, latency);
					sim.kind = kind;
					set_ways(&sim, ways, latency);
					sim.clients[0].work = works[i].calls;
					sim_run(&sim, 1000, 1e7);
					most = works[i].full > 0 ? 1.03 * (works[i].full * 30000 + most) : 1.3 * most;
					ok(sim.refused == 0 && sim.ended - 1000 <= most,
					   "%d calls, share %.1f, latency %.0f ms, %s, %s windows: %.0f of %.0f ms, %d refused",
					   works[i].calls, works[i].share, latency, ways_name[ways],
					   kind == SIM_LAZY ? "lazy" : "aligned", sim.ended - 1000, most, sim.refused);
				}
}

/*
 * Runs of any size at any time, alone on the store: at the end of one window
 * and the beginning of the next, in the midst of one, after a pause.
 */
static void
test_runs(void)
{
	static const double latencies[] = {20, 150, 400};
	int			i,
				kind,
				ways;

	for (i = 0; i < lengthof(latencies); i++)
		for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
			for (ways = 0; ways < WAYS; ways++)
			{
				Sim			sim;
				double		now = 1000;
				int			run;
				int			calls = 0;
				int			late = 0;

				sim_seed = 17 + ways;
				sim_init(&sim, 150, 30000, ways % 2 ? 0.9 : 1.0, 8, latencies[i]);
				sim.kind = kind;
				set_ways(&sim, ways, latencies[i]);
				/* some other call has begun the store's window at any time */
				sim.end = sim.kind == SIM_ALIGNED ? 1000 + 30000 * sim_random() : 0;
				sim.nwindows = sim.kind == SIM_ALIGNED ? 1 : 0;
				for (run = 0; run < 200; run++)
				{
					int			work = sim_random() < 0.5 ? 1 + 20 * sim_random() : 1 + 200 * sim_random();

					calls += sim.clients[0].work = work;
					sim_run(&sim, now, 1e9);
					/* a window may be in its way, two in that of the largest */
					late += sim.ended - now > 30000 * (1 + work / 134) + latencies[i] * (work / 8 + 4);
					now = floor(sim.ended + (sim_random() < 0.5 ? 2000 : 60000) * sim_random());
				}
				ok(sim.refused == 0 && late == 0,
				   "200 runs, %d calls, latency %.0f ms, %s, %s windows: %d refused, %d late", calls,
				   latencies[i], ways_name[ways], kind == SIM_LAZY ? "lazy" : "aligned", sim.refused, late);
			}
}

/*
 * Two workers on one store, of which neither knows the other: none is refused,
 * and all is used.  Who comes first takes what it can; where that is to be
 * otherwise, each is given its share.
 */
static void
test_two(void)
{
	static const double latencies[] = {20, 150, 400};
	static const double shares[] = {0.45, 0.9, 1.0};
	int			i,
				j,
				kind;

	for (i = 0; i < lengthof(latencies); i++)
		for (j = 0; j < lengthof(shares); j++)
			for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
			{
				Sim			sim;
				Use			use;
				double		first;
				double		second;

				sim_seed = 4711;
				sim_init(&sim, 150, 30000, shares[j], 8, latencies[i]);
				sim_add_client(&sim, shares[j], 8);
				sim.kind = kind;
				set_ways(&sim, JITTER, latencies[i]);
				sim_run(&sim, 1000, 1000 + 30000 * 60);
				use = use_of(&sim, 0);
				first = (double) sim.clients[0].done / (150 * use.windows);
				second = (double) sim.clients[1].done / (150 * use.windows);
				ok(sim.refused <= 0.001 * use.ours && first + second >= Min(2 * shares[j], 1) * 0.95 &&
				   Min(first, second) >= (j == 0 ? 0.43 : 0.03),
				   "two workers with %.2f each, latency %.0f ms, %s windows: %.0f%% and %.0f%% used, %.2f%% refused",
				   shares[j], latencies[i], kind == SIM_LAZY ? "lazy" : "aligned", 100 * first, 100 * second,
				   100.0 * sim.refused / use.ours);
			}
}

/* Alone, with endless work: all of our share, never more, and never a 429 */
static void
test_share(void)
{
	static const int quotas[] = {150, 450};
	static const double shares[] = {0.9, 1.0};
	static const double latencies[][2] = {{20, 400}, {5, 30}, {300, 400}};
	int			i,
				j,
				k,
				kind;

	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			for (k = 0; k < 3; k++)
				for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
				{
					Sim			sim;
					Use			use;
					int			share = (int) floor(quotas[i] * shares[j] + 1e-6);
					int			w;

					sim_seed = 17 + i * 100 + j * 10 + k;
					sim_init(&sim, quotas[i], 30000, shares[j], 8, 0);
					sim.kind = kind;
					for (w = 0; w < 2; w++)
					{
						sim.way[w][0] = latencies[k][0] / 2;
						sim.way[w][1] = latencies[k][1] / 2;
					}
					sim_run(&sim, 0, 30000.0 * 62);
					use = use_of(&sim, 0);
					ok(sim.refused == 0 && use.ours >= 0.98 * share * use.windows &&
					   use.most <= share && sim.most_in_flight <= 8,
					   "share %.1f of %d, latency %.0f to %.0f ms, %s windows: %d to %d used, %d refused",
					   shares[j], quotas[i], latencies[k][0], latencies[k][1],
					   kind == SIM_LAZY ? "lazy" : "aligned", use.least, use.most, sim.refused);
				}
}

/* With others on the store for so many windows: what is refused, what is used */
typedef struct Shared
{
	Use			use;
	double		refused;		/* parts: of our calls, */
	double		used;			/* of what others left, */
	double		others_refused; /* of what they wanted */
} Shared;

static Shared
share_with_others(SimOthers mode, SimKind kind, int quota, double window, double latency, int windows)
{
	Sim			sim;
	Shared		result;

	sim_seed = 4711;
	sim_init(&sim, quota, window, 1.0, concurrency(quota, window, latency), latency);
	set_ways(&sim, REPLY_IS_SLOW, latency);
	sim.kind = kind;
	sim.mode = mode;
	sim.part = 0.4;
	sim_run(&sim, 1000, 1000 + window * windows);
	result.use = use_of(&sim, 0);
	result.refused = (double) refused_from(&sim, 0) / result.use.ours;
	result.used = result.use.ours / ((double) quota * result.use.windows - result.use.others);
	result.others_refused = sim.others_refused / (sim.part * quota * result.use.windows);
	return result;
}

static const char *const modes[] = {"nothing", "steadily", "in bursts at thirds", "in bursts at a period",
	"in one burst at random", "in three bursts at random", "in bursts at pauses at random",
"in bursts at random"};

/*
 * Others take 40 %: few 429s, and what they leave is used.  Bursts that cannot
 * be foretold meet what is in flight: their part by ours, times latency by
 * window, which windows of 3 s bring above 0.5 % (see other_clients.c).  In the first
 * window nobody knows of them.
 */
static void
test_others(void)
{
	static const struct
	{
		double		window;
		double		latency;
		SimOthers	mode;
		double		refused;	/* at most; parts */
		double		others_refused;
	}			cases[] = {
		{3000, 20, SIM_STEADY, 0.005, 0.10}, {3000, 150, SIM_STEADY, 0.005, 0.10},
		{3000, 400, SIM_STEADY, 0.005, 0.13},
		{3000, 20, SIM_THIRDS, 0, 0}, {3000, 150, SIM_THIRDS, 0, 0}, {3000, 400, SIM_THIRDS, 0.0015, 0.006},
		{3000, 20, SIM_PERIOD, 0.008, 0.15}, {3000, 20, SIM_ONCE, 0.005, 0.13},
		{3000, 20, SIM_THREE, 0.005, 0.12}, {3000, 20, SIM_BURSTS, 0.005, 0.12},
		{3000, 20, SIM_POISSON, 0.005, 0.22},
		{3000, 150, SIM_PERIOD, 0.045, 0.15}, {3000, 150, SIM_ONCE, 0.018, 0.12},
		{3000, 150, SIM_THREE, 0.018, 0.10}, {3000, 150, SIM_BURSTS, 0.025, 0.12},
		{3000, 150, SIM_POISSON, 0.02, 0.20},
		{30000, 150, SIM_STEADY, 0.001, 0.07}, {30000, 150, SIM_THIRDS, 0, 0}, {30000, 400, SIM_THIRDS, 0, 0},
		{30000, 20, SIM_PERIOD, 0.005, 0.12}, {30000, 20, SIM_ONCE, 0.005, 0.08},
		{30000, 20, SIM_THREE, 0.005, 0.06}, {30000, 20, SIM_BURSTS, 0.005, 0.10},
		{30000, 150, SIM_PERIOD, 0.005, 0.12}, {30000, 150, SIM_ONCE, 0.005, 0.08},
		{30000, 150, SIM_THREE, 0.005, 0.05}, {30000, 150, SIM_BURSTS, 0.005, 0.10},
		{30000, 150, SIM_POISSON, 0.005, 0.20},
		{30000, 400, SIM_ONCE, 0.005, 0.08}, {30000, 400, SIM_THREE, 0.005, 0.05},
	};
	int			i,
				quota,
				kind;

	for (i = 0; i < lengthof(cases); i++)
		for (quota = 150; quota <= 450; quota += 300)
			for (kind = SIM_LAZY; kind <= SIM_ALIGNED; kind++)
			{
				/* what comes at random takes many windows to tell */
				int			windows = cases[i].mode <= SIM_THIRDS ? 12 : 300;
				Shared		shared = share_with_others(cases[i].mode, kind, quota, cases[i].window,
													   cases[i].latency, windows);

				ok(shared.refused <= cases[i].refused && shared.others_refused <= cases[i].others_refused &&
				   shared.used >= (cases[i].mode == SIM_POISSON ? 0.93 : 0.95),
				   "others take 40%% of %d per %.0f s %s, latency %.0f ms, %s windows: "
				   "%.1f%% of the rest used, %d to %d; %.2f%% refused, %.1f%% of theirs",
				   quota, cases[i].window / 1000, modes[cases[i].mode], cases[i].latency,
				   kind == SIM_LAZY ? "lazy" : "aligned", 100 * shared.used, shared.use.least,
				   shared.use.most, 100 * shared.refused, 100 * shared.others_refused);
			}
}

/* Others come and go: what they need is there, and taken back, in a window or two */
static void
test_adapts(void)
{
	Sim			sim;
	int			came;
	int			went;
	int			i;
	int			least = PG_INT32_MAX;
	int			most = 0;

	sim_seed = 1;
	sim_init(&sim, 450, 30000, 1.0, 8, 150);
	sim.kind = SIM_ALIGNED;
	sim_run(&sim, 1000, 1000 + 30000 * 5);
	came = sim.nwindows;
	sim.mode = SIM_STEADY;
	sim.part = 0.4;
	sim_run(&sim, 1000 + 30000 * 5, 1000 + 30000 * 40);
	went = sim.nwindows;
	sim.mode = SIM_ALONE;
	sim.next_other = SIM_NEVER;
	sim_run(&sim, 1000 + 30000 * 40, 1000 + 30000 * 50);
	is_int(sim.windows[came - 2].ours, 450, "alone, all is ours");
	for (i = came + 2; i < went - 1; i++)
	{
		least = Min(least, sim.windows[i].ours);
		most = Max(most, sim.windows[i].ours);
	}
	ok(least >= 260 && most <= 285, "somebody takes 180: %d to %d from the third window on", least, most);
	ok(refused_from(&sim, 0) <= 20, "few are refused: %d", refused_from(&sim, 0));
	ok(sim.windows[went + 1].ours >= 440, "and when they are gone: %d", sim.windows[went + 1].ours);
}

/* Stores and ways to them that are out of the common */
static void
test_odd_stores(void)
{
	static const struct
	{
		const char *name;
		SimKind		kind;
		int			quota;
		double		window;
		double		least_latency;
		double		most_latency;
		int			concurrency;
		bool		whole_reset;
		double		reset_unit;
		bool		reset_down;
		double		use;		/* at least */
		int			extra;		/* calls that a call counts for, more than one */
		double		lost;
	}			stores[] = {
		{"slow replies", SIM_ALIGNED, 150, 30000, 200, 4000, 40, false, 1, false, 0.97},
		{"very slow replies", SIM_ALIGNED, 60, 30000, 5000, 25000, 60, false, 1, false, 0.60},
		{"every call counts twice", SIM_ALIGNED, 150, 30000, 20, 400, 8, false, 1, false, 0.45, 1},
		{"a tenth of the replies is lost", SIM_ALIGNED, 150, 30000, 20, 400, 8, false, 1, false, 0.95, 0, 0.1},
		{"the same, lazy windows", SIM_LAZY, 150, 30000, 20, 400, 8, false, 1, false, 0.95, 0, 0.1},
		{"window of 2 s", SIM_ALIGNED, 20, 2000, 2, 30, 8, false, 1, false, 0.97},
		{"window of 500 ms", SIM_ALIGNED, 5, 500, 1, 10, 8, false, 1, false, 0.98},
		{"quota of 1", SIM_ALIGNED, 1, 1000, 2, 30, 8, false, 1, false, 0.98},
		{"huge quota", SIM_ALIGNED, 100000000, 30000, 20, 40, 8, false, 1, false, 0},
		{"reset in whole seconds, up", SIM_ALIGNED, 450, 30000, 20, 400, 8, false, 1000, false, 0.98},
		{"reset in whole seconds, down", SIM_ALIGNED, 450, 30000, 20, 400, 8, false, 1000, true, 0.98},
		{"the same, lazy windows", SIM_LAZY, 450, 30000, 20, 400, 8, false, 1000, true, 0.98},
		{"no windows, 30 s", SIM_REFILL, 150, 30000, 20, 400, 8, false, 1, false, 0.95},
		{"no windows, 3 s", SIM_REFILL, 450, 3000, 20, 150, 60, false, 1, false, 0.95},
		{"reset header that never counts down", SIM_ALIGNED, 150, 30000, 20, 400, 8, true, 1, false, 0.50},
	};
	int			i;

	for (i = 0; i < lengthof(stores); i++)
	{
		Sim			sim;
		Use			use;
		double		used;
		int			w;

		sim_seed = 99;
		sim_init(&sim, stores[i].quota, stores[i].window, 1.0, stores[i].concurrency, 0);
		sim.kind = stores[i].kind;
		for (w = 0; w < 2; w++)
		{
			sim.way[w][0] = stores[i].least_latency / 2;
			sim.way[w][1] = stores[i].most_latency / 2;
		}
		sim.whole_reset = stores[i].whole_reset;
		sim.reset_unit = stores[i].reset_unit;
		sim.reset_down = stores[i].reset_down;
		sim.extra = stores[i].extra;
		sim.lost = stores[i].lost;
		sim_run(&sim, 0, stores[i].quota > 1000000 ? 60000 : stores[i].window * 62);
		use = use_of(&sim, 2);
		used = use.ours / ((double) sim.quota * Max(use.windows, 1));
		ok(sim.refused == 0 && used >= stores[i].use, "%s: %.1f%% used, %d to %d in a window, %d refused",
		   stores[i].name, 100 * used, use.least, use.most, sim.refused);
	}
}

int
main(void)
{
	test_drain();
	test_early();
	test_runs();
	test_share();
	test_two();
	test_others();
	test_adapts();
	test_odd_stores();
	return tap_done();
}
