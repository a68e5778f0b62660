/*
 * count_tree.h
 *		Finds records that were deleted or made, by counting ranges of ids.
 *
 * Pure: plain data and arithmetic.
 */
#ifndef BCD_COUNT_TREE_H
#define BCD_COUNT_TREE_H

/* More than the depth of any tree of ids in memory */
#define BCD_TREE_DEPTH	72

/*
 * A range of ids, both bounds included; "first" and "n" are those of the ids
 * that should be in it, "total" is how many records the store has there.
 */
typedef struct BcdRange
{
	int64		low;			/* 0: no bound */
	int64		high;			/* PG_INT64_MAX: no bound */
	int			first;
	int			n;
	int64		total;
} BcdRange;

typedef struct BcdCountTree
{
	const int64 *ids;			/* sorted */
	bool		ranges;			/* can the store count ranges at all? */
	int			page;			/* records per page of a list */
	BcdRange	waiting[BCD_TREE_DEPTH];	/* the store's count differs; the
											 * next one last */
	int			nwaiting;
	BcdRange	half;			/* is being counted: the lower half of the
								 * last one */
} BcdCountTree;

typedef enum BcdTreeStep
{
	BCD_TREE_COUNT,				/* count "half", then bcd_tree_counted() */
	BCD_TREE_LIST,				/* list the last range, then bcd_tree_listed() */
	BCD_TREE_DONE
} BcdTreeStep;

extern void bcd_tree_begin(BcdCountTree *tree, const int64 *ids, int n, int64 total);
extern BcdTreeStep bcd_tree_next(BcdCountTree *tree);
extern const BcdRange *bcd_tree_range(const BcdCountTree *tree);
extern void bcd_tree_counted(BcdCountTree *tree, int64 total);
extern void bcd_tree_listed(BcdCountTree *tree);
extern int64 bcd_tree_most_calls(int64 n, int64 differing, int page);

#endif							/* BCD_COUNT_TREE_H */
