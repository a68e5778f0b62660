/*
 * cutover.h
 *		bcdelta.cutover: plans of cutovers.
 */
#ifndef BCD_TABLE_CUTOVER_H
#define BCD_TABLE_CUTOVER_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A plan; in the current memory context */
typedef struct BcdCutover
{
	int64		plan_id;
	char	   *server;
	TimestampTz go_live;
	char	   *hours;
	char	   *zone;
	Interval   *freeze_for;
	Interval   *watch_for;
	char	   *state;
	bool		held;
	char	   *held_reason;	/* NULL: nobody has called go() yet */
	TimestampTz went_live;		/* DT_NOBEGIN: not yet */
	bool		overridden;		/* go() goes on whatever is found */
	Oid			owner;
	char	   *home;
} BcdCutover;

extern int64 bcd_cutover_insert(const BcdCutover *plan, Jsonb *stop);
extern BcdCutover *bcd_cutover_active(const char *server);
extern List *bcd_cutovers_at(const char *home);
extern void bcd_cutover_hold(int64 plan_id, const char *reason);
extern void bcd_cutover_release(int64 plan_id, const char *override_note);
extern void bcd_cutover_set_time(int64 plan_id, TimestampTz go_live);
extern void bcd_cutover_set_state(int64 plan_id, const char *state);
extern void bcd_cutovers_hold_copies(const char *home);
extern void bcd_cutovers_adopt(const char *feed, const char *home);
extern void bcd_cutovers_move_home(const char *from, const char *to);
extern void bcd_cutovers_disown(void);
extern List *bcd_cutovers_orphans(void);
extern int64 bcd_cutovers_reassign(Oid from, Oid to);
extern int64 bcd_cutovers_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_CUTOVER_H */
