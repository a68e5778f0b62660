/*
 * go_live.h
 *		What speaks for and against going live.
 */
#ifndef BCD_GO_LIVE_H
#define BCD_GO_LIVE_H

#include "nodes/pg_list.h"

/* A criterion, and what is known of it now */
typedef struct BcdCriterion
{
	const char *name;
	const char *severity;		/* must or should */
	const char *verdict;		/* go, no-go, unknown, waived or signed */
	const char *found;			/* or NULL */
	const char *required;
	const char *why;
	const char *next_step;		/* a statement to copy, or NULL */
	const char *lapses;			/* what ends its signature from now on, or
								 * NULL */
	bool		asked;			/* a person answers it */
	bool		passing;		/* it comes and goes: no answer rests on it */
} BcdCriterion;

/* SPI must not be connected; results are in the current memory context */
extern List *bcd_go_live(const char *server);
extern void bcd_go_live_note_lapses(const char *server, List *criteria);
extern List *bcd_go_live_unmet(const char *server);
extern int	bcd_go_live_blockers(const char *server);
extern const BcdCriterion *bcd_criterion_find(List *criteria, const char *name);
extern List *bcd_criteria_met(List *criteria);
extern bool bcd_is_measured(const char *name);
extern bool bcd_is_proposed(const char *name);

#endif							/* BCD_GO_LIVE_H */
