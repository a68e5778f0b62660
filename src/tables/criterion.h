/*
 * criterion.h
 *		bcdelta.criterion: what people want to know before a store goes live.
 */
#ifndef BCD_TABLE_CRITERION_H
#define BCD_TABLE_CRITERION_H

#include "nodes/pg_list.h"

/* What bcdelta measures: a row of the view go_live_fact */
typedef struct BcdFact
{
	bool		known;
	bool		met;
	char	   *found;			/* in words; NULL: nothing */
	char	   *unknown;		/* why it is not known, or NULL */
	char	   *next_step;
} BcdFact;

/* What somebody has added */
typedef struct BcdOwnCriterion
{
	char	   *name;
	char	   *question;		/* NULL: it has none */
	char	   *query;			/* NULL: it has none */
	char	   *severity;
	Oid			owner;
} BcdOwnCriterion;

extern bool bcd_fact_read(const char *server, const char *criterion, BcdFact *fact);
extern List *bcd_criteria_of(const char *server);
extern void bcd_criterion_put(const char *server, const BcdOwnCriterion *criterion);
extern bool bcd_criterion_remove(const char *server, const char *name);
extern int64 bcd_criteria_reassign(Oid from, Oid to);
extern int64 bcd_criteria_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_CRITERION_H */
