/*
 * schedule_owner.h
 *		To whom schedules belong after REASSIGN OWNED.
 */
#ifndef BCD_SCHEDULE_OWNER_H
#define BCD_SCHEDULE_OWNER_H

extern int64 bcd_schedules_reassign(Oid from, Oid to);

#endif							/* BCD_SCHEDULE_OWNER_H */
