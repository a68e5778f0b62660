/*
 * count_tree.c
 *		Finds records that were deleted or made, by counting ranges of ids.
 *
 * The number of records that a list has is known from a page of one record. If
 * it is not the number of ids that should be there, the range is halved by the
 * ids: the lower half is counted, and the count of the other follows. A range is
 * listed as soon as that takes no more calls than halving it further, so the
 * total never exceeds that of a sweep by much, and if many records differ, it is
 * a sweep from the start.
 *
 * One record deleted and one made in the same range cancel each other. So the
 * ids of records that were made have to be known before, from their dates.
 */
#include "postgres.h"

#include "store/count_tree.h"

/* Halvings until a range of n ids fits on a page */
static int
halvings(int64 n, int page)
{
	int			depth = 0;

	for (; n > page; n = (n + 1) / 2)
		depth++;
	return depth;
}

/* The most calls for finding so many records among n, after the first count */
int64
bcd_tree_most_calls(int64 n, int64 differing, int page)
{
	int64		sweep = Max(1, (n + differing + page - 1) / page);

	if (differing == 0)
		return 0;
	return Min(sweep, differing * (halvings(n, page) + 1));
}

static void
push(BcdCountTree *tree, BcdRange range)
{
	if (range.total != range.n && tree->nwaiting < BCD_TREE_DEPTH)
		tree->waiting[tree->nwaiting++] = range;
}

/* Begins with the number of all records.  page and ranges are set by the caller. */
void
bcd_tree_begin(BcdCountTree *tree, const int64 *ids, int n, int64 total)
{
	BcdRange	all = {0, PG_INT64_MAX, 0, n, total};

	tree->ids = ids;
	tree->nwaiting = 0;
	push(tree, all);
}

/* Says what to ask the store next. */
BcdTreeStep
bcd_tree_next(BcdCountTree *tree)
{
	const BcdRange *range;
	int64		differing;
	int64		pages;

	if (tree->nwaiting == 0)
		return BCD_TREE_DONE;
	range = &tree->waiting[tree->nwaiting - 1];
	differing = range->total > range->n ? range->total - range->n : range->n - range->total;
	pages = Max(1, (range->total + tree->page - 1) / tree->page);
	if (!tree->ranges || range->n < 2 || pages <= differing * halvings(range->n, tree->page) ||
		halvings(range->n, tree->page) == 0)
		return BCD_TREE_LIST;
	tree->half = *range;
	tree->half.n = range->n / 2;
	tree->half.high = tree->ids[range->first + tree->half.n - 1];
	return BCD_TREE_COUNT;
}

/* The range that bcd_tree_next() was about */
const BcdRange *
bcd_tree_range(const BcdCountTree *tree)
{
	return &tree->waiting[tree->nwaiting - 1];
}

/* The store has so many records in the lower half. */
void
bcd_tree_counted(BcdCountTree *tree, int64 total)
{
	BcdRange	upper = tree->waiting[--tree->nwaiting];
	BcdRange	lower = tree->half;

	lower.total = total;
	upper.low = lower.high + 1;
	upper.first += lower.n;
	upper.n -= lower.n;
	/* records may have come or gone between the two counts */
	upper.total = Max(0, upper.total - total);
	push(tree, upper);
	push(tree, lower);
}

/* The last range was listed. */
void
bcd_tree_listed(BcdCountTree *tree)
{
	tree->nwaiting--;
}
