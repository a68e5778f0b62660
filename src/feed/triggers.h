/*
 * triggers.h
 *		The capture triggers of a table.
 */
#ifndef BCD_TRIGGERS_H
#define BCD_TRIGGERS_H

#include "nodes/pg_list.h"

/* The triggers on a table, and all tables below it, that mark rows of a feed */
typedef struct BcdTriggerSet
{
	int32		feed_id;
	int32		dependency_id;	/* 0: the table is the feed's source */
	Oid			relid;
	const char *capture;		/* as in track() */
	List	   *keys;			/* names of the columns that hold the key of
								 * the row to mark */
	bool		looked_up;		/* they hold parameters of a lookup instead */
	List	   *columns;		/* names of the columns that the mapping
								 * depends on; NIL: all */
} BcdTriggerSet;

extern void bcd_triggers_create(const BcdTriggerSet *set);
extern void bcd_triggers_replace(const BcdTriggerSet *set);
extern bool bcd_triggers_fit(const BcdTriggerSet *set);
extern void bcd_triggers_drop(const BcdTriggerSet *set);
extern void bcd_triggers_drop_all(int32 feed_id);
extern char *bcd_triggers_trouble(const BcdTriggerSet *set);

#endif							/* BCD_TRIGGERS_H */
