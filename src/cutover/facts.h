/*
 * facts.h
 *		What a preflight has found: one fact after the other, in words.
 */
#ifndef BCD_FACTS_H
#define BCD_FACTS_H

#include "nodes/pg_list.h"

typedef enum BcdFactVerdict
{
	BCD_FACT_OK,
	BCD_FACT_WARNING,
	BCD_FACT_PROBLEM,
	BCD_FACT_UNKNOWN
} BcdFactVerdict;

/* Takes a fact; next: what to do, or NULL */
typedef struct BcdFacts
{
	void		(*put) (void *arg, const char *fact, const char *verdict, const char *found, const char *next);
	void	   *arg;
} BcdFacts;

extern void bcd_fact(const BcdFacts *facts, const char *fact, BcdFactVerdict verdict, const char *found, const char *next);
extern char *bcd_count(int64 n, const char *one, const char *several);
extern void bcd_preflight_answers(const BcdFacts *facts, List *feeds, int64 run_id);
extern void bcd_preflight_source(const BcdFacts *facts, const char *feed);

#endif							/* BCD_FACTS_H */
