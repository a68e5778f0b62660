/*
 * plan.h
 *		Plans scans of foreign tables.
 */
#ifndef BCD_FOREIGN_PLAN_H
#define BCD_FOREIGN_PLAN_H

#include "foreign/fdwapi.h"
#include "optimizer/pathnode.h"

#include "foreign/conditions.h"

/* What is known of a table while a query is planned: RelOptInfo.fdw_private */
typedef struct BcdRelation
{
	BcdTable   *table;
	Index		rti;			/* in the query */
	double		total;			/* records of the list */
	Bitmapset  *columns;		/* attribute numbers that are needed */
	int			limit;			/* records of a reply that shows them */
	List	   *conditions;		/* BcdConditions, of the table alone */
	bool		all_exact;		/* the list has exactly the rows that are
								 * wanted */
} BcdRelation;

/* plan.c */
extern void bcd_plan_size(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void bcd_plan_paths(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern void bcd_plan_count(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input,
						   RelOptInfo *output, void *extra);

/* plan_cost.c */
typedef struct BcdCost
{
	double		rows;
	double		calls;
	Cost		startup;
	Cost		total;
} BcdCost;

#define BCD_CALL_COST	1000.0	/* in pages that are read sequentially */

extern double bcd_cost_total(const BcdTable *table, const RelOptInfo *rel);
extern double bcd_cost_of_count(PlannerInfo *root, const BcdRelation *relation);
extern void bcd_cost(PlannerInfo *root, RelOptInfo *rel, const BcdRelation *relation,
					 List *conditions, ParamPathInfo *param, BcdCost *cost);

/* plan_scan.c */
extern ForeignScan *bcd_plan_scan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path,
								  List *tlist, List *clauses, Plan *outer_plan);

#endif							/* BCD_FOREIGN_PLAN_H */
