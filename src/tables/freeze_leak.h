/*
 * freeze_leak.h
 *		bcdelta.freeze_leak: changes that were made during a freeze.
 */
#ifndef BCD_TABLE_FREEZE_LEAK_H
#define BCD_TABLE_FREEZE_LEAK_H

/* freeze_leak.dependency_id of changes that do not tell who made them */
#define BCD_NOT_TOLD	(-1)

/* Changes, as arrays of their columns */
typedef struct BcdLeaks
{
	int			n;
	Datum	   *feed_ids;
	Datum	   *dependency_ids;
	Datum	   *changed_ats;
	Datum	   *by_roles;
	bool	   *no_role;
	Datum	   *applications;
	bool	   *no_application;
} BcdLeaks;

extern void bcd_freeze_leaks_add(const BcdLeaks *leaks);
extern void bcd_freeze_leaks_delete(int32 feed_id);

#endif							/* BCD_TABLE_FREEZE_LEAK_H */
