/*
 * own_query.h
 *		Queries of people that say whether a criterion is met.
 */
#ifndef BCD_OWN_QUERY_H
#define BCD_OWN_QUERY_H

/* What it answers */
typedef struct BcdAnswer
{
	bool		known;
	bool		met;
	char	   *found;			/* in words, or NULL */
	char	   *trouble;		/* why it is not known, or NULL */
} BcdAnswer;

extern void bcd_own_query(Oid role, const char *query, BcdAnswer *answer);
extern void bcd_own_query_check(const char *query);

#endif							/* BCD_OWN_QUERY_H */
