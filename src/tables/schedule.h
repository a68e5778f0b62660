/*
 * schedule.h
 *		bcdelta.schedule: runs that the worker starts by itself.
 */
#ifndef BCD_TABLE_SCHEDULE_H
#define BCD_TABLE_SCHEDULE_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A schedule that is due */
typedef struct BcdScheduleRow
{
	char	   *name;
	char	   *kind;
	char	   *feed;			/* NULL: all feeds of the server */
	char	   *server;
	Oid			owner;
	Interval   *every;			/* NULL: run once */
	char	   *hours;
	char	   *zone;
	TimestampTz first;
	TimestampTz next;
	bool		busy;			/* its last run has not ended */
	char	   *mode;			/* of a verify; NULL: full */
} BcdScheduleRow;

/* A schedule to be created; NULL means that a value is not given */
typedef struct BcdNewSchedule
{
	const char *name;
	const char *feed;
	const char *server;
	const Interval *every;
	const TimestampTz *at;
	const char *kind;
	const char *hours;
	const char *zone;
	Oid			owner;
	const char *home;
	TimestampTz due;
	const char *mode;
	const char *alert;
} BcdNewSchedule;

extern bool bcd_schedule_lock(const char *name, Oid *owner);
extern bool bcd_schedule_put(const BcdNewSchedule *schedule, Oid owner);
extern Jsonb *bcd_schedule_definition(const char *name, char **server, char **feed);
extern void bcd_schedule_delete(const char *name);

extern List *bcd_schedules_now_due(const char *home, TimestampTz now);
extern void bcd_schedule_started(const char *name, TimestampTz next, int64 run_id, const char *error);
extern void bcd_schedules_realign(const char *home, TimestampTz now);
extern TimestampTz bcd_schedules_next(const char *home, TimestampTz now);
extern void bcd_schedules_record_ends(const char *home);

extern void bcd_schedules_adopt(const char *feed, const char *home);
extern void bcd_schedules_move_home(const char *from, const char *to);
extern void bcd_schedules_disown(void);

#endif							/* BCD_TABLE_SCHEDULE_H */
