/*
 * cutover_stop.h
 *		bcdelta.cutover: what stops a run of a plan, and a plan that was stopped.
 */
#ifndef BCD_TABLE_CUTOVER_STOP_H
#define BCD_TABLE_CUTOVER_STOP_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

typedef struct BcdStopPlan
{
	int64		plan_id;
	Jsonb	   *stop;
	TimestampTz ends;			/* when the present hours of the plan end; 0:
								 * it is outside of them */
	char	   *ends_words;		/* or NULL */
} BcdStopPlan;

extern bool bcd_stop_plan(const char *server, BcdStopPlan *plan);
extern void bcd_stop_hold(int64 plan_id, const char *reason);

#endif							/* BCD_TABLE_CUTOVER_STOP_H */
