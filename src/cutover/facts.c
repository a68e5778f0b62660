/*
 * facts.c
 *		What a preflight has found: one fact after the other, in words.
 */
#include "postgres.h"

#include "cutover/facts.h"

void
bcd_fact(const BcdFacts *facts, const char *fact, BcdFactVerdict verdict, const char *found, const char *next)
{
	static const char *const words[] = {"ok", "warning", "problem", "unknown"};

	facts->put(facts->arg, fact, words[verdict], found, next);
}

/* Returns a number and the words for one or for several; palloc'd. */
char *
bcd_count(int64 n, const char *one, const char *several)
{
	return psprintf(INT64_FORMAT " %s", n, n == 1 ? one : several);
}
