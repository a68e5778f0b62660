/*
 * sampling.c
 *		Samples of a run, for the charts of a report: one at its end, and one
 *		every five minutes before that.
 */
#include "postgres.h"

#include "base/guc.h"
#include "engine/engine.h"
#include "engine/sampling.h"
#include "tables/sample.h"

/* A run begins; what it had done before an interruption is told already. */
void
bcd_sampling_begin(BcdRun *run, int64 now)
{
	run->sampled.at = now;
	run->sampled.calls = run->counts.api_calls;
	run->sampled.throttled = run->counts.throttled;
	run->sampled.done = run->progress.done;
}

/* Records what the run has done since its last sample, in the caller's transaction. */
void
bcd_sampling_end(BcdRun *run, int64 now)
{
	const BcdQuota *q = &run->store->quota;
	BcdSampled *last = &run->sampled;
	BcdSample	sample = {.server = run->store->options->server,.run_id = run->run_id};

	sample.seconds = (now - last->at) / 1000.0;
	sample.calls = run->counts.api_calls - last->calls;
	sample.throttled = run->counts.throttled - last->throttled;
	if (run->kind->claims)
		sample.done = run->progress.done - last->done;
	if (q->quota > 0 && q->window_ms > 0)
		sample.quota = q->quota * 60000.0 / q->window_ms;
	sample.others = bcd_others_share(&q->others, q->quota);
	bcd_sample_insert(&sample);
	bcd_sampling_begin(run, now);
}

/* Does so if it is time. */
void
bcd_sampling_look(BcdRun *run, int64 now)
{
	if (now - run->sampled.at >= bcd_sample_seconds * 1000)
		bcd_sampling_end(run, now);
}
