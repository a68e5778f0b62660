/*
 * event.h
 *		bcdelta.event: what a person should know of.
 */
#ifndef BCD_TABLE_EVENT_H
#define BCD_TABLE_EVENT_H

#include "nodes/pg_list.h"

/* What has begun, or is over */
typedef struct BcdEvent
{
	char	   *event;			/* the kind, as in the table */
	char	   *severity;
	char	   *message;
	bool		over;
} BcdEvent;

/* Set by what may be the beginning or the end of a problem; see worker/events.c */
extern bool bcd_events_expected;

extern List *bcd_events_compare(void);
extern bool bcd_event_worker_back(const char *message);
extern void bcd_event_rolled_back(const char *server, int64 run_id);
extern void bcd_event_cutover(const char *server, const char *severity, const char *detail, const char *message, int64 run_id);
extern void bcd_events_ended(const char *home);
extern int64 bcd_events_prune(int days, int limit);
extern int64 bcd_events_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_EVENT_H */
