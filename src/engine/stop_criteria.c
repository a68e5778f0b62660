/*
 * stop_criteria.c
 *		Criteria of a plan that stop a run by itself.
 *
 * They are judged while the run's store has a plan, for pushes and verifies.
 * Numbers that only grow stop a run at once.  Rates are those of the rows, or
 * requests, of a window; a window at the limit is a strike, and so many in a row
 * stop the run.  So a short burst of errors does not end the night, and a
 * steady rate does within two windows.  A window does not end shortly after an
 * error: a burst is in one of them, in whatever order its replies come.
 *
 * Strikes are in memory: after a restart, windows begin anew.  That a run was
 * stopped is in the journal, so it does not go on after a restart.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/db.h"
#include "base/guc.h"
#include "engine/stop_criteria.h"
#include "pacing/estimate.h"
#include "payload/payload.h"
#include "tables/cutover_stop.h"
#include "tables/event.h"
#include "tables/journal.h"
#include "tables/total.h"

typedef enum Action
{
	PAUSE, SLOW, NOTIFY, NO_ACTION
} Action;

static const char *const actions[] = {"pause", "slow", "notify"};

/* When a criterion is judged */
typedef enum Pace
{
	AT_ONCE, PER_ROWS, PER_ROWS_READ, PER_REQUESTS
} Pace;

/* Rows, or requests, since the last window ended */
typedef struct Window
{
	int64		n;
	int64		failed;			/* or in conflict, or throttled */
	int			open;			/* so many more may belong to a burst */
} Window;

#define MAX_CRITERIA	8
#define CALM			5		/* rows in a row that end a burst */

/* What a rollback reads and writes in a request, about: as in the view undoable */
#define READ_AT_ONCE	250
#define WRITTEN_AT_ONCE	10

/* What is judged of a run; NULL where there is no plan */
typedef struct BcdStopWatch
{
	int64		plan_id;
	double		limit[MAX_CRITERIA];	/* below 0: none */
	int			min_rows;
	int			strikes;
	Action		action;
	TimestampTz ends;			/* of the present hours; 0: not in them */
	char		ends_words[BCD_NAME_BYTES];
	Window		rows;
	Window		rows_read;
	Window		requests;
	int64		calls;			/* of the run, at the end of the last window */
	int64		throttled;
	int			struck[MAX_CRITERIA];	/* windows in a row */
	bool		told[MAX_CRITERIA];
	int			hit;			/* a criterion to be told of, or -1 */
	double		hit_value;
	bool		slowed;
} BcdStopWatch;

typedef struct Criterion
{
	const char *name;
	Pace		pace;
	double		most;			/* the greatest limit that makes sense; 0: it
								 * is true or false */
	double		(*value) (const BcdRun *run);
	const char *words;			/* for the value: a number, or a part */
} Criterion;

static double
errors_of(const BcdRun *run)
{
	return run->kind->claims ? run->counts.failed : 0;
}

static double
differences_of(const BcdRun *run)
{
	return run->kind->claims ? 0 : run->counts.conflicts;
}

static double
error_rate(const BcdRun *run)
{
	return (double) run->stop->rows.failed / run->stop->rows.n;
}

static double
conflict_rate(const BcdRun *run)
{
	return (double) run->stop->rows_read.failed / run->stop->rows_read.n;
}

static double
throttled_rate(const BcdRun *run)
{
	return (double) run->stop->requests.failed / run->stop->requests.n;
}

static double
others_share(const BcdRun *run)
{
	return bcd_others_share(&run->store->quota.others, run->store->quota.quota);
}

/* Only if it is sure that the run will not be over in time */
static double
is_late(const BcdRun *run)
{
	return run->stop->ends != 0 && run->progress.ends_after > run->stop->ends;
}

static const Criterion criteria[] = {
	{"errors", AT_ONCE, 1e9, errors_of, "rows have failed"},
	{"error_rate", PER_ROWS, 1, error_rate, "of rows failed"},
	{"conflict_rate", PER_ROWS_READ, 1, conflict_rate, "of rows met conflicts"},
	{"differences", AT_ONCE, 1e9, differences_of, "differences were found"},
	{"throttled_rate", PER_REQUESTS, 1, throttled_rate, "of requests were refused with status 429"},
	{"others_share", PER_REQUESTS, 1, others_share, "of the quota is used by other apps"},
	{"late", PER_ROWS, 0, is_late, NULL},
};

StaticAssertDecl(lengthof(criteria) <= MAX_CRITERIA, "too many criteria");

#define DEFAULTS \
	"{\"errors\": 50, \"error_rate\": 0.02, \"conflict_rate\": 0.05, \"differences\": 20, \"throttled_rate\": 0.05," \
	" \"others_share\": 0.6, \"late\": true, \"min_rows\": 50, \"strikes\": 2, \"action\": \"pause\"}"

static bool
get(const Jsonb *object, const char *name, JsonbValue *v)
{
	JsonbValue	key;
	JsonbValue *found;

	key.type = jbvString;
	key.val.string.val = unconstify(char *, name);
	key.val.string.len = strlen(name);
	found = findJsonbValueFromContainer(unconstify(JsonbContainer *, &object->root), JB_FOBJECT, &key);
	if (found)
		*v = *found;
	return found != NULL;
}

static double
number_of(const JsonbValue *v)
{
	if (v->type != jbvNumeric)
		return -1;
	return DatumGetFloat8(DirectFunctionCall1(numeric_float8, NumericGetDatum(v->val.numeric)));
}

static void
refuse(const char *name, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for \"%s\" in argument \"stop\"", name),
			 errdetail("It must be %s.", what)));
}

static void
check_whole(const JsonbValue *v, const char *name, int least, int most)
{
	double		d = number_of(v);

	if (d < least || d > most || d != (int) d)
		refuse(name, psprintf("a whole number from %d to %d", least, most));
}

static void
check_criterion(const Criterion *c, const JsonbValue *v)
{
	double		d = number_of(v);

	if (v->type == jbvNull)
		return;
	if (c->most == 0 && v->type != jbvBool)
		refuse(c->name, "true or false");
	if (c->most == 1 && (d <= 0 || d > 1))
		refuse(c->name, "a part, more than 0 and at most 1, or null for no limit");
	if (c->most > 1 && (d < 1 || d > c->most))
		refuse(c->name, "a number of at least 1, or null for no limit");
}

static void
check_action(const JsonbValue *v)
{
	int			i;

	for (i = 0; i < NO_ACTION; i++)
		if (v->type == jbvString && v->val.string.len == strlen(actions[i]) &&
			strncmp(v->val.string.val, actions[i], v->val.string.len) == 0)
			return;
	refuse("action", "\"pause\", \"slow\" or \"notify\"");
}

static void
check_key(const char *name, const JsonbValue *v)
{
	int			i;

	for (i = 0; i < lengthof(criteria); i++)
		if (strcmp(criteria[i].name, name) == 0)
		{
			check_criterion(&criteria[i], v);
			return;
		}
	if (strcmp(name, "min_rows") == 0)
		check_whole(v, name, 10, 1000);
	else if (strcmp(name, "strikes") == 0)
		check_whole(v, name, 1, 10);
	else if (strcmp(name, "action") == 0)
		check_action(v);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown key \"%s\" in argument \"stop\"", name),
				 errhint("Keys, with what is used if they are not given: %s.", DEFAULTS)));
}

/*
 * Returns criteria as a plan keeps them: those given (NULL: none), and the usual
 * ones for the rest. Raises an error if they make no sense.
 */
Jsonb *
bcd_stop_criteria(Jsonb *given)
{
	Jsonb	   *usual = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(DEFAULTS)));
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (given == NULL)
		return usual;
	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"stop\" must be a JSON object")));
	it = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY)
		{
			char	   *key = pnstrdup(v.val.string.val, v.val.string.len);

			(void) JsonbIteratorNext(&it, &v, true);
			check_key(key, &v);
		}
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(usual), JsonbPGetDatum(given)));
}

/* Takes over what a plan says; what it lacks, or makes no sense, is as usual. */
static void
take_over(BcdStopWatch *w, Jsonb *stop)
{
	Jsonb	   *usual = bcd_stop_criteria(NULL);
	JsonbValue	v;
	int			i;

	for (i = 0; i < lengthof(criteria); i++)
	{
		if (!get(stop, criteria[i].name, &v) && !get(usual, criteria[i].name, &v))
			continue;
		w->limit[i] = v.type == jbvBool ? (v.val.boolean ? 1 : -1) : number_of(&v);
	}
	w->min_rows = get(stop, "min_rows", &v) ? Max((int) number_of(&v), 1) : 50;
	w->strikes = get(stop, "strikes", &v) ? Max((int) number_of(&v), 1) : 2;
	w->action = PAUSE;
	if (get(stop, "action", &v) && v.type == jbvString)
		for (i = 0; i < NO_ACTION; i++)
			if (v.val.string.len == strlen(actions[i]) && strncmp(v.val.string.val, actions[i], v.val.string.len) == 0)
				w->action = i;
}

/*
 * Reads the plan of a run's store, in a transaction: at the start, and while
 * the run goes on.  A run that was stopped does not go on.
 */
void
bcd_stop_look(BcdRun *run)
{
	const char *server = run->store->options->server;
	BcdStopPlan plan;
	BcdStopWatch *w = run->stop;
	char	   *stopped;

	if (run->kind->writes && !run->kind->claims)
		return;
	if (!bcd_stop_plan(server, &plan))
	{
		if (w)
			pfree(w);
		run->stop = NULL;
		return;
	}
	if (w == NULL)
	{
		stopped = run->kind->writes ? bcd_journal_stopped(server, run->run_id) : NULL;
		if (stopped && run->error == NULL)
			run->error = MemoryContextStrdup(run->cxt, stopped);
		w = run->stop = MemoryContextAllocZero(run->cxt, sizeof(BcdStopWatch));
		w->hit = -1;
		w->calls = run->counts.api_calls;
		w->throttled = run->counts.throttled;
	}
	w->plan_id = plan.plan_id;
	w->ends = plan.ends;
	strlcpy(w->ends_words, plan.ends_words ? plan.ends_words : "", sizeof(w->ends_words));
	take_over(w, plan.stop);
}

/* A criterion that is over its limit is told of once, the first one first. */
static void
hit(BcdStopWatch *w, int i, double value)
{
	if (w->hit >= 0 || w->told[i])
		return;
	w->hit = i;
	w->hit_value = value;
}

static void
judge(BcdRun *run, Pace pace)
{
	BcdStopWatch *w = run->stop;
	int			i;

	for (i = 0; i < lengthof(criteria); i++)
	{
		double		value;

		if (criteria[i].pace != pace || w->limit[i] < 0)
			continue;
		value = criteria[i].value(run);
		w->struck[i] = value >= w->limit[i] ? w->struck[i] + 1 : 0;
		if (w->struck[i] >= (pace == AT_ONCE ? 1 : w->strikes))
			hit(w, i, value);
	}
}

/* Ends a window that is full; returns whether it was. */
static bool
close_window(BcdRun *run, Window *window, Pace pace)
{
	if (window->n < run->stop->min_rows || (window->open > 0 && window->n < 2 * run->stop->min_rows))
		return false;
	judge(run, pace);
	memset(window, 0, sizeof(*window));
	return true;
}

static void
add_row(BcdRun *run, Window *rows, Pace pace, bool failed)
{
	rows->n++;
	rows->failed += failed;
	rows->open = failed ? CALM : Max(rows->open - 1, 0);
	(void) close_window(run, rows, pace);
}

/* A row of the run is done, or given up. */
void
bcd_stop_row(BcdRun *run, bool failed)
{
	if (run->stop)
		add_row(run, &run->stop->rows, PER_ROWS, failed);
}

/*
 * Of rows that are read together, those with conflicts are done first: they are
 * counted when they are compared.
 */
void
bcd_stop_row_read(BcdRun *run, const BcdDecision *d)
{
	if (run->stop && d->judged)
		add_row(run, &run->stop->rows_read, PER_ROWS_READ, d->conflicts > 0);
}

/* What is written while requests that are under way end is not in it. */
static char *
way_back(const BcdRun *run)
{
	const BcdRunCounts *c = &run->counts;
	int64		written = c->created + c->updated + c->hidden;
	int64		calls = (written + c->deleted + READ_AT_ONCE - 1) / READ_AT_ONCE + (written + WRITTEN_AT_ONCE - 1) / WRITTEN_AT_ONCE + c->deleted;

	if (calls == 0 || !run->kind->claims || bcd_undo_retention == 0)
		return "";
	return psprintf(" SELECT bcdelta.rollback(" INT64_FORMAT "); undoes its writes, so far of " INT64_FORMAT " records, in about " INT64_FORMAT " calls, " INT64_FORMAT " seconds.",
					run->run_id, written + c->deleted, calls,
					bcd_quota_estimate(&run->store->quota, bcd_now_ms(), calls, bcd_total_latency(run->store->options->server)));
}

/* What was found, and the limit, in words */
static char *
reason_of(const BcdRun *run)
{
	const BcdStopWatch *w = run->stop;
	const Criterion *c = &criteria[w->hit];

	if (c->most == 0)
		return psprintf("it will be over at least " INT64_FORMAT " minutes after %s, when the hours of the plan end",
						(run->progress.ends_after - w->ends) / USECS_PER_MINUTE + 1, w->ends_words);
	if (c->pace == AT_ONCE)
		return psprintf("%.0f %s, and the limit is %.0f (%s)", w->hit_value, c->words, w->limit[w->hit], c->name);
	return psprintf("%.1f %% %s, and the limit is %.1f %% (%s), %d times in a row", 100 * w->hit_value, c->words,
					100 * w->limit[w->hit], c->name, w->strikes);
}

static char *
outcome_words(const BcdRun *run, Action action)
{
	if (action == NOTIFY)
		return "goes on";
	if (action == SLOW)
		return "goes on with half of its share of the quota";
	return run->kind->writes ? "was stopped, and the plan is held" : "goes on, and the plan is held";
}

/* Tells what was found, and holds the plan; returns the reason in words. */
static char *
tell(BcdRun *run, Action action)
{
	const char *server = run->store->options->server;
	char	   *reason = psprintf("run " INT64_FORMAT " (%s) %s: %s.%s", run->run_id, run->kind->name,
								  outcome_words(run, action), reason_of(run), way_back(run));
	char	   *detail = psprintf("{\"run_id\": " INT64_FORMAT ", \"criterion\": \"%s\", \"action\": \"%s\"}", run->run_id,
								  criteria[run->stop->hit].name, actions[action]);
	BcdJournalEntry entry = {.what = "stop",.server = server,.reason = reason};

	entry.detail = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(detail)));
	(void) bcd_journal(&entry);
	bcd_event_cutover(server, action == PAUSE ? "critical" : "warning", action == PAUSE ? "stopped" : NULL, reason, run->run_id);
	if (action == PAUSE)
		bcd_stop_hold(run->stop->plan_id, reason);
	return reason;
}

/*
 * Judges a run, and does what its plan says, in a transaction of its own.
 * Returns why the run has to stop, or NULL: it goes on.
 */
char *
bcd_stop_judge(BcdRun *run)
{
	BcdStopWatch *w = run->stop;
	Action		action;
	char	   *reason;

	if (w == NULL || run->cancelled || run->error || run->parked)
		return NULL;
	w->requests.n = run->counts.api_calls - w->calls + run->counts.throttled - w->throttled;
	w->requests.failed = run->counts.throttled - w->throttled;
	if (close_window(run, &w->requests, PER_REQUESTS))
	{
		w->calls = run->counts.api_calls;
		w->throttled = run->counts.throttled;
	}
	judge(run, AT_ONCE);
	if (w->hit < 0)
		return NULL;
	action = w->action;
	bcd_tx_begin();
	reason = MemoryContextStrdup(run->cxt, tell(run, action));
	bcd_tx_commit();
	w->told[w->hit] = true;
	w->struck[w->hit] = 0;
	w->hit = -1;
	if (action == SLOW && !w->slowed)
	{
		run->store->quota.share /= 2;
		w->slowed = true;
	}
	return action == PAUSE && run->kind->writes ? reason : NULL;
}
