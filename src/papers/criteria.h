/*
 * criteria.h
 *		What bcdelta.go_live_check() and bcdelta.estimate() tell the caller.
 */
#ifndef BCD_CRITERIA_H
#define BCD_CRITERIA_H

#include "nodes/pg_list.h"

/* A row of go_live_check(); NULL stands for null */
typedef struct BcdCheckRow
{
	int32		no;
	char	   *criterion;
	char	   *severity;		/* must, should */
	char	   *verdict;		/* go, no-go, unknown, waived, signed */
	char	   *found;
	char	   *required;
	char	   *why;
	char	   *next_step;
	bool		met;
} BcdCheckRow;

/* What a push of all feeds would take */
typedef struct BcdEffort
{
	int64		rows;
	int64		calls;
	int64		seconds;
	char	   *unknown;		/* why nothing is known; NULL: it is */
} BcdEffort;

/* Rows of go_live_check(), as BcdCheckRow structs */
typedef struct BcdCriteria
{
	List	   *rows;
	char	   *unknown;		/* why there are none; NULL: there are */
} BcdCriteria;

extern void bcd_criteria_read(const char *server, BcdCriteria *criteria);
extern int	bcd_criteria_count_met(const List *criteria);
extern void bcd_effort_read(const char *server, BcdEffort *effort);

#endif							/* BCD_CRITERIA_H */
