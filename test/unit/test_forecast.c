/*
 * test_forecast.c
 *		When a run will be over, over many simulated stores: the true end lies in
 *		the interval that is given at any time of the run.
 */
#include "postgres.h"

#include "../../src/pacing/forecast.c"
#include "../../src/pacing/other_clients.c"
#include "../../src/pacing/pace.c"
#include "../../src/pacing/quota.c"
#include "simstore.h"
#include "tap.h"

#define MARKS	9				/* tenths of a run */

typedef struct Guess
{
	double		at;
	int64		low;
	int64		high;
	bool		known;
} Guess;

static int	guesses = 0;
static int	wrong = 0;
static double width = 0;		/* of the intervals in the middle of runs, by
								 * the time left */
static int	widths = 0;

/* Runs a store until the end, and looks at the interval at each tenth. */
static void
follow(Sim *sim, int calls, bool later, const char *what)
{
	SimClient  *c = &sim->clients[0];
	BcdForecast f = {.noted_at = 0};
	Guess		guess[MARKS] = {{0}};
	double		now = 1000;
	int			next = 0;
	int			outside = 0;
	int			before;
	int			i;

	/* a run before it, so that the quota is known, and windows pass */
	if (later)
	{
		c->work = 40;
		sim_run(sim, now, 1e6);
		now = ceil(sim->ended) + 2.3 * sim->window;
	}
	before = c->done;
	c->work = calls;
	while (!sim_is_over(sim))
	{
		bcd_forecast_note(&f, &c->q, (int64) now, c->done + c->refused, false);
		if (next < MARKS && (c->done - before) * 10 >= calls * (next + 1))
		{
			Guess	   *g = &guess[next++];
			double		left = calls + before - c->done;

			g->at = now;
			g->known = bcd_forecast_end(&f, &c->q, (int64) now, left, left, &g->low, &g->high);
		}
		sim_run(sim, now, now + 20);
		now += 20;
	}
	for (i = 0; i < next; i++)
	{
		double		left = sim->ended - guess[i].at;
		bool		inside = guess[i].known && guess[i].low <= left + 20 && left <= guess[i].high;

		guesses++;
		outside += !inside;
		if (i == 4 && left > 0)
		{
			width += (guess[i].high - guess[i].low) / left;
			widths++;
		}
		if (!inside)
			printf("# %s, %d %%: %.0f ms left, between " INT64_FORMAT " and " INT64_FORMAT "\n",
				   what, (i + 1) * 10, left, guess[i].low, guess[i].high);
	}
	wrong += outside;
}

static void
all_stores(void)
{
	static const int quotas[] = {150, 450, 4000};
	static const double latencies[] = {20, 150, 400};
	static const SimOthers modes[] = {SIM_ALONE, SIM_STEADY, SIM_ONCE, SIM_BURSTS, SIM_POISSON};
	static const char *const names[] = {"alone", "steady", "once", "bursts", "poisson"};
	int			i,
				j,
				m,
				n;

	for (i = 0; i < lengthof(quotas); i++)
		for (j = 0; j < lengthof(latencies); j++)
			for (m = 0; m < lengthof(modes); m++)
				for (n = 2; n <= 20; n += 6)
				{
					Sim			sim;
					char		what[100];

					sim_seed = 4711 + n;
					sim_init(&sim, quotas[i], 3000, 1.0, 8, latencies[j]);
					sim.mode = modes[m];
					sim.part = 0.3;
					sprintf(what, "quota %d, latency %.0f, %s, %d windows", quotas[i], latencies[j], names[m], n);
					follow(&sim, Min(quotas[i], 1000) * n, n % 4 == 0, what);
				}
}

/* Without a quota, only what was achieved says anything. */
static void
no_quota(void)
{
	BcdQuota	q;
	BcdForecast f = {.noted_at = 0};
	int64		low;
	int64		high;
	int64		now;

	bcd_quota_init(&q, 1, 4);
	bcd_forecast_note(&f, &q, 1000, 0, false);
	ok(!bcd_forecast_end(&f, &q, 1000, 10, 10, &low, &high), "without a quota, nothing is known at the start");
	for (now = 1100; now <= 21000; now += 100)
		bcd_forecast_note(&f, &q, now, (now - 1000) / 10, false);
	ok(bcd_forecast_end(&f, &q, 21000, 1000, 1000, &low, &high), "later it is");
	ok(low > 7000 && low <= 10000 && high >= 10000 && high < 15000, "1,000 calls at 100 in a second: between %d and %d ms", (int) low, (int) high);
	/* a pause that the store asked for does not count */
	bcd_forecast_note(&f, &q, 81000, 2000, true);
	ok(bcd_forecast_end(&f, &q, 81000, 1000, 1000, &low, &high) && high < 15000, "a pause is no slow slice: %d ms", (int) high);
	ok(bcd_forecast_end(&f, &q, 81000, 500, 2000, &low, &high) && low < 6000 && high > 20000, "an unknown number of calls: between %d and %d ms", (int) low, (int) high);
}

int
main(void)
{
	all_stores();
	ok(wrong * 100 <= guesses, "%d of %d ends lie outside of their interval", wrong, guesses);
	ok(width / widths < 1.5, "half-way, the interval is %.2f times the time that is left", width / widths);
	no_quota();
	return tap_done();
}
