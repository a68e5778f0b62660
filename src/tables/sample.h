/*
 * sample.h
 *		bcdelta.sample: how many rows were pending, and how many requests were
 *		made, for the charts of a report.
 */
#ifndef BCD_TABLE_SAMPLE_H
#define BCD_TABLE_SAMPLE_H

/* What a run has done since its last sample, or since it began */
typedef struct BcdSample
{
	const char *server;
	int64		run_id;
	double		seconds;
	int64		calls;
	int64		throttled;
	int64		done;			/* rows of bcdelta.pending */
	double		quota;			/* requests per minute; 0: not known */
	double		others;			/* part of it that others use; below 0: not
								 * known */
} BcdSample;

/* Samples of a server without an active run are so many seconds apart */

extern void bcd_sample_insert(const BcdSample *sample);
extern void bcd_samples_idle(void);
extern int64 bcd_samples_prune(int days, int limit);
extern int64 bcd_samples_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_SAMPLE_H */
