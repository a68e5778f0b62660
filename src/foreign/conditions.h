/*
 * conditions.h
 *		Which conditions of a query the store can evaluate.
 */
#ifndef BCD_CONDITIONS_H
#define BCD_CONDITIONS_H

#include "nodes/pathnodes.h"

#include "foreign/table.h"

/* A condition that becomes a parameter of the request */
typedef struct BcdCondition
{
	const BcdFilter *filter;
	Expr	   *clause;
	Expr	   *value;
	bool		array;			/* equal to one of the elements of the value */
	bool		exact;			/* the list has exactly the rows for which it
								 * is true */
} BcdCondition;

extern bool bcd_condition(PlannerInfo *root, const BcdTable *table, Index rti, Expr *clause, BcdCondition *condition);
extern bool bcd_conditions_are_exact(const BcdTable *table, List *conditions);
extern bool bcd_column_is_looked_up(const BcdTable *table, int attnum);

#endif							/* BCD_CONDITIONS_H */
