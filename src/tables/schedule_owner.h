/*
 * schedule_owner.h
 *		To whom schedules belong after REASSIGN OWNED, and their server after it is renamed.
 */
#ifndef BCD_SCHEDULE_OWNER_H
#define BCD_SCHEDULE_OWNER_H

extern int64 bcd_schedules_reassign(Oid from, Oid to);
extern int64 bcd_schedules_rename_server(const char *from, const char *to);

#endif							/* BCD_SCHEDULE_OWNER_H */
