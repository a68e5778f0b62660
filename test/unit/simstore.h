/*
 * simstore.h
 *		A store with a quota, other clients, and a client that bcd_quota paces.
 *
 * A simulation by events with a clock of its own: minutes pass in
 * milliseconds, and the same seed gives the same counts.  quota.c is to be
 * included before.
 */
#ifndef BCD_SIMSTORE_H
#define BCD_SIMSTORE_H

#include "postgres.h"

#include <math.h>

#define SIM_FLIGHTS		256
#define SIM_WINDOWS		400
#define SIM_CLIENTS		2
#define SIM_NEVER		1e18

typedef enum SimKind
{
	SIM_LAZY,					/* a window begins with the first call after
								 * the last one's end */
	SIM_ALIGNED,				/* windows follow each other */
	SIM_REFILL					/* no windows: what was used comes back bit by
								 * bit */
} SimKind;

typedef enum SimOthers
{
	SIM_ALONE,
	SIM_STEADY,
	SIM_THIRDS,					/* bursts at thirds of each window */
	SIM_PERIOD,					/* bursts at a period that is no part of the
								 * window */
	SIM_ONCE,					/* one burst at a random instant of each
								 * window */
	SIM_THREE,					/* three at random instants of each window */
	SIM_BURSTS,					/* bursts at pauses of random length */
	SIM_POISSON					/* bursts of one size that know nothing of
								 * each other */
} SimOthers;

#define SIM_MOST_BURSTS	3		/* in a window, when their number is fixed */

typedef struct SimFlight
{
	double		arrives;		/* at the store */
	double		returns;		/* to us */
	bool		counted;		/* has the store seen it? */
	long		status;
	int			client;			/* which of ours */
	BcdTicket	ticket;
	BcdHttpHeaders headers;
} SimFlight;

/* One that is paced: a worker */
typedef struct SimClient
{
	BcdQuota	q;
	int			work;			/* calls still to be made */
	int			done;
	int			refused;
	double		ended;
} SimClient;

typedef struct SimWindow
{
	int			ours;
	int			others;
	int			refused;
} SimWindow;

typedef struct Sim
{
	/* the store */
	SimKind		kind;
	int			quota;
	double		window;
	double		way[2][2];		/* least and most ms to the store, and back */
	bool		late_headers;	/* made when the reply leaves, which is when
								 * it comes: all of the way back is the
								 * store's own time */
	bool		whole_reset;	/* the time left is always the whole window */
	double		reset_unit;		/* time left in multiples of this, */
	bool		reset_down;		/* rounded down, else up */
	bool		no_retry_after;
	double		lost;			/* part of the replies that do not come */
	int			extra;			/* a call of ours counts for so many more */
	double		end;			/* of the window */
	int			used;
	double		level;			/* SIM_REFILL */
	double		level_at;

	/* the other clients: what part of the quota they want */
	SimOthers	mode;
	double		part;
	double		next_other;
	double		instants[SIM_MOST_BURSTS];	/* of this window's bursts */
	int			burst;			/* the next one of them */

	/* ours */
	SimClient	clients[SIM_CLIENTS];
	int			nclients;
	SimFlight	flights[SIM_FLIGHTS];
	int			nflights;

	/* results */
	SimWindow	windows[SIM_WINDOWS];
	int			nwindows;		/* the last one is not over */
	int			refused;
	int			others_refused;
	int			most_in_flight;
	double		ended;
} Sim;

/* A deterministic source of randomness in [0,1) */
static uint64 sim_seed;

static double
sim_random(void)
{
	sim_seed = sim_seed * UINT64CONST(6364136223846793005) + UINT64CONST(1442695040888963407);
	return (double) (sim_seed >> 33) / (double) (UINT64CONST(1) << 31);
}

static double
sim_between(const double *range)
{
	return range[0] + (range[1] - range[0]) * sim_random();
}

/* One more of ours, with endless work */
static void
sim_add_client(Sim *sim, double share, int concurrency)
{
	SimClient  *client = &sim->clients[sim->nclients++];

	client->work = PG_INT32_MAX;
	bcd_quota_init(&client->q, share, concurrency);
}

/* Half of the latency each way; no jitter */
static void
sim_init(Sim *sim, int quota, double window, double share, int concurrency, double latency)
{
	memset(sim, 0, sizeof(*sim));
	sim->quota = quota;
	sim->window = window;
	sim->way[0][0] = sim->way[0][1] = sim->way[1][0] = sim->way[1][1] = latency / 2;
	sim->reset_unit = 1;
	sim->level = quota;
	sim->next_other = SIM_NEVER;
	sim_add_client(sim, share, concurrency);
}

static SimWindow *
sim_window(Sim *sim)
{
	return &sim->windows[sim->nwindows - 1];
}

static int
sim_compare(const void *a, const void *b)
{
	double		x = *(const double *) a;
	double		y = *(const double *) b;

	return (x > y) - (x < y);
}

/* Of modes with so many bursts in each window: a new one begins */
static int
sim_bursts(const Sim *sim)
{
	return sim->mode == SIM_ONCE ? 1 : sim->mode == SIM_THIRDS || sim->mode == SIM_THREE ? 3 : 0;
}

static void
sim_plan_bursts(Sim *sim)
{
	int			n = sim_bursts(sim);
	int			i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		sim->instants[i] = sim->end - sim->window *
			(sim->mode == SIM_THIRDS ? (n - i) / (double) n : 1 - sim_random());
	qsort(sim->instants, n, sizeof(double), sim_compare);
	sim->burst = 0;
	sim->next_other = sim->instants[0];
}

/* The store's window moves on, because of a call if there is one */
static void
sim_turn(Sim *sim, double now)
{
	if (sim->kind == SIM_REFILL)
	{
		sim->level = Min(sim->level + (now - sim->level_at) * sim->quota / sim->window, sim->quota);
		sim->level_at = now;
	}
	while (now >= sim->end)
	{
		if (sim->nwindows == SIM_WINDOWS)
			exit(2);
		sim->nwindows++;
		sim->used = 0;
		sim->end = sim->kind == SIM_LAZY || sim->nwindows == 1 ? now + sim->window :
			sim->end + sim->window;
		sim_plan_bursts(sim);
	}
}

static bool
sim_admit(Sim *sim)
{
	if (sim->kind == SIM_REFILL ? sim->level < 1 : sim->used >= sim->quota)
		return false;
	sim->level -= 1;
	sim->used++;
	return true;
}

static void
sim_headers(Sim *sim, SimFlight *flight, double now)
{
	BcdHttpHeaders *h = &flight->headers;
	double		reset = Max(sim->end - now, 0);

	memset(h, 0, sizeof(*h));
	h->rate_quota = sim->quota;
	h->rate_window_ms = (int64) sim->window;
	h->rate_left = sim->quota - sim->used;
	if (sim->kind == SIM_REFILL)
	{
		h->rate_left = (int64) floor(sim->level);
		reset = (sim->quota - sim->level) * sim->window / sim->quota;
	}
	if (sim->whole_reset)
		reset = sim->window;
	reset /= sim->reset_unit;
	h->rate_reset_ms = (int64) ((sim->reset_down ? floor(reset) : ceil(reset)) * sim->reset_unit);
	h->retry_after_ms = -1;
	if (flight->status == 429 && !sim->no_retry_after)
		h->retry_after_ms = (int64) Max(ceil(h->rate_reset_ms / 1000.0), 1) * 1000;
}

static void
sim_arrive(Sim *sim, SimFlight *flight)
{
	SimClient  *client = &sim->clients[flight->client];

	sim_turn(sim, flight->arrives);
	flight->counted = true;
	flight->status = sim_admit(sim) ? 200 : 429;
	if (flight->status == 429)
	{
		sim->refused++;
		client->refused++;
		client->work++;
		sim_window(sim)->refused++;
	}
	else
	{
		sim->used = Min(sim->used + sim->extra, sim->quota);
		client->done++;
		sim_window(sim)->ours++;
	}
	sim_headers(sim, flight, flight->arrives);
}

/* Calls of others arrive; what the store refuses them is gone */
static void
sim_others(Sim *sim, double now)
{
	double		wanted = sim->quota * sim->part;
	double		pause;
	int			calls;
	int			n = sim_bursts(sim);

	if (sim->mode == SIM_STEADY)
		pause = sim->window / wanted;
	else if (sim->mode == SIM_PERIOD)
		pause = sim->window * 0.37;
	else if (sim->mode == SIM_BURSTS)
		pause = sim->window / 3 * (0.4 + 1.2 * sim_random());
	else
		pause = sim->window / 3 * -log(1 - sim_random());
	if (n > 0)
		calls = (int) (wanted / n);
	else if (sim->mode == SIM_POISSON)
		calls = (int) (wanted / 3);
	else
		calls = (int) rint(wanted * pause / sim->window);
	sim_turn(sim, now);
	while (calls-- > 0)
	{
		if (sim_admit(sim))
			sim_window(sim)->others++;
		else
			sim->others_refused++;
	}
	if (n == 0)
		sim->next_other = now + pause;
	else
		sim->next_other = ++sim->burst < n ? sim->instants[sim->burst] : SIM_NEVER;
}

static void
sim_send(Sim *sim, int i, double now)
{
	SimFlight  *flight = &sim->flights[sim->nflights++];
	SimClient  *client = &sim->clients[i];

	memset(flight, 0, sizeof(*flight));
	flight->arrives = now + sim_between(sim->way[0]);
	flight->returns = flight->arrives + sim_between(sim->way[1]);
	flight->client = i;
	flight->ticket = bcd_quota_sent(&client->q, (int64) now);
	client->work--;
	sim->most_in_flight = Max(sim->most_in_flight, client->q.in_flight);
}

static void
sim_reply(Sim *sim, int i, double now)
{
	SimFlight	flight = sim->flights[i];
	SimClient  *client = &sim->clients[flight.client];

	if (sim->late_headers)
		sim_headers(sim, &flight, now);
	sim->flights[i] = sim->flights[--sim->nflights];
	flight.headers.elapsed_ms = (int64) now - flight.ticket.at;
	if (sim->lost > 0 && sim_random() < sim->lost)
		bcd_quota_done(&client->q, flight.ticket, (int64) now, 0, NULL, sim_random());
	else
		bcd_quota_done(&client->q, flight.ticket, (int64) now, flight.status, &flight.headers,
					   sim_random());
	client->ended = sim->ended = now;
}

/* The next event of a flight, not after *next; -1: none */
static int
sim_next_flight(Sim *sim, double *next)
{
	int			event = -1;
	int			i;

	for (i = 0; i < sim->nflights; i++)
	{
		SimFlight  *f = &sim->flights[i];
		double		at = f->counted ? f->returns : f->arrives;

		if (at <= *next)
		{
			*next = at;
			event = i;
		}
	}
	return event;
}

/* Which client may send now?  -1: none, *next is when one may. */
static int
sim_next_client(Sim *sim, double now, double *next)
{
	int			i;

	for (i = 0; i < sim->nclients; i++)
	{
		SimClient  *client = &sim->clients[i];
		int64		delay;

		client->q.work = client->work;
		if (client->work == 0)
			continue;
		delay = bcd_quota_delay(&client->q, (int64) now);
		if (delay == 0)
			return i;
		if (delay < BCD_QUOTA_WAIT_REPLY)
			*next = Min(*next, floor(now) + delay);
	}
	return -1;
}

static bool
sim_is_over(const Sim *sim)
{
	int			i;

	for (i = 0; i < sim->nclients; i++)
		if (sim->clients[i].work > 0)
			return false;
	return sim->nflights == 0;
}

/* Run for so many ms, or until the work is done */
static void
sim_run(Sim *sim, double from, double until)
{
	double		now = from;

	if (sim->mode != SIM_ALONE && sim_bursts(sim) == 0)
		sim->next_other = from + 100;
	while (now < until && !sim_is_over(sim))
	{
		double		next = until;
		int			client = sim_next_client(sim, now, &next);
		int			event;

		if (client >= 0)
		{
			sim_send(sim, client, now);
			continue;
		}
		event = sim_next_flight(sim, &next);
		if (sim->next_other <= next)
		{
			now = sim->next_other;
			sim_others(sim, now);
			continue;
		}
		now = next;
		if (event >= 0 && !sim->flights[event].counted)
			sim_arrive(sim, &sim->flights[event]);
		else if (event >= 0)
			sim_reply(sim, event, now);
	}
}

#endif							/* BCD_SIMSTORE_H */
