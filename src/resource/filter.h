/*
 * filter.h
 *		What lists of records can be limited by, and what they have to be asked
 *		for.
 */
#ifndef BCD_FILTER_H
#define BCD_FILTER_H

#include <stdbool.h>

/* How a parameter of a list compares a field with its value, or values */
typedef enum BcdFilterBy
{
	BCD_BY_EQUAL,
	BCD_BY_IN,					/* values, separated by commas: there is no
								 * way to write a comma inside of one */
	BCD_BY_MIN,					/* >= */
	BCD_BY_MAX,					/* <= */
	BCD_BY_GREATER,
	BCD_BY_LESS
} BcdFilterBy;

/*
 * A parameter that limits the list. The store may show more records than those
 * for which the same condition is true in SQL, as it ignores the case of many
 * texts, but never fewer. Where that is not certain, there is no filter: none
 * for decimals, which the store may round, nor for quantities of which the
 * catalog shows the sum of several.
 *
 * Whether the bounds of dates belong to the range is not documented, and
 * dates have whole seconds, so bounds have to be moved outwards by a second.
 * A value of which the store would say that the field cannot have it (see
 * BcdField.values), or an empty text, is an error there rather than a
 * condition that is never true.
 */
typedef struct BcdFilter
{
	const char *field;			/* of fields or shown, or the id; NULL marks
								 * the end of the list */
	BcdFilterBy by;
	const char *parameter;
	bool		exact;			/* the list has exactly those records for
								 * which the condition is true */
	bool		not_zero;		/* not for 0, which stands for no reference:
								 * whether the store finds records without one
								 * is not documented */
} BcdFilter;

/* A field that lists show only if their parameter "include" asks for it */
typedef struct BcdIncluded
{
	const char *field;			/* NULL marks the end of the list */
	const char *include;
	int			page;			/* most records of a page then; 0: as many as
								 * of others */
} BcdIncluded;

#endif							/* BCD_FILTER_H */
