/*
 * job.h
 *		Jobs: one request and the items it is for.
 */
#ifndef BCD_JOB_H
#define BCD_JOB_H

#include "engine/engine.h"

extern BcdJob *bcd_job_create(BcdLane *lane, BcdStage stage, const char *method,
							  const char *path, const char *body);
extern void bcd_job_take(BcdJob *job, BcdItem *item);
extern void bcd_job_free(BcdJob *job);
extern void bcd_job_count(const BcdJob *job);

#endif							/* BCD_JOB_H */
