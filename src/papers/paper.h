/*
 * paper.h
 *		What papers tell of: the plan of a server, and what it is now.
 */
#ifndef BCD_PAPER_H
#define BCD_PAPER_H

#include "nodes/pg_list.h"

#include "papers/criteria.h"
#include "papers/tongue.h"
#include "tables/cutover_report.h"
#include "tables/report_scope.h"
#include "tables/run_undoable.h"

/* What a paper is made from; what costs time is read when it is needed first */
typedef struct BcdPaper
{
	BcdScope	scope;			/* since: when the plan was made */
	const BcdTongue *tongue;
	bool		has_plan;
	BcdPlanShown plan;
	List	   *steps;			/* BcdStepShown */
	List	   *decisions;		/* BcdDecisionShown, the newest first */
	List	   *rules;			/* BcdStageRule */
	char	   *stage;			/* NULL: none */

	bool		has_criteria;
	BcdCriteria criteria;
	bool		has_estimate;
	BcdEffort	effort;
	bool		has_undo;
	List	   *undo;			/* BcdUndoCost, the last run first */
} BcdPaper;

extern void bcd_paper_read(BcdPaper *paper, const BcdTongue *tongue);
extern const BcdCriteria *bcd_paper_criteria(BcdPaper *paper);
extern const BcdEffort *bcd_paper_effort(BcdPaper *paper);
extern List *bcd_paper_undo(BcdPaper *paper);
extern double bcd_paper_seconds(const BcdPaper *paper, int64 calls);

#endif							/* BCD_PAPER_H */
