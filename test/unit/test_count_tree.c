/*
 * test_count_tree.c
 *		Records that were deleted or made are found by counting ranges of ids.
 */
#include "postgres.h"

#include "../../src/store/count_tree.c"
#include "tap.h"

#define PAGE	250

static int
compare(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

static int
count(const int64 *ids, int n, const BcdRange *range)
{
	int			found = 0;
	int			i;

	for (i = 0; i < n; i++)
		found += ids[i] >= range->low && ids[i] <= range->high;
	return found;
}

/*
 * Plays a tree against a store with these ids; returns the calls, and the
 * number of differences found in listed ranges.
 */
static int
play(const int64 *ids, int n, const int64 *store, int nstore, bool ranges, int *found)
{
	BcdCountTree tree = {.ranges = ranges,.page = PAGE};
	BcdTreeStep step;
	int			calls = 0;

	*found = 0;
	bcd_tree_begin(&tree, ids, n, nstore);
	while ((step = bcd_tree_next(&tree)) != BCD_TREE_DONE)
	{
		const BcdRange *range = bcd_tree_range(&tree);

		if (step == BCD_TREE_COUNT)
		{
			calls++;
			bcd_tree_counted(&tree, count(store, nstore, &tree.half));
			continue;
		}
		calls += Max(1, (count(store, nstore, range) + PAGE - 1) / PAGE);
		*found += abs(count(store, nstore, range) - count(ids, n, range));
		bcd_tree_listed(&tree);
	}
	return calls;
}

static void
sizes(void)
{
	static const int ns[] = {1, 2, 249, 250, 251, 5000, 40000, 300000};
	static const int differing[] = {0, 1, 3, 10, 1000};
	int64	   *ids = palloc(sizeof(int64) * 300000);
	int64	   *store = palloc(sizeof(int64) * 310000);
	int			i;
	int			j;
	int			k;

	for (i = 0; i < 300000; i++)
		ids[i] = 77 + 3 * (int64) i;
	for (i = 0; i < lengthof(ns); i++)
		for (j = 0; j < lengthof(differing); j++)
		{
			int			gone = Min(differing[j], ns[i]);
			int			nstore = 0;
			int			found;
			int			calls;

			srandom(i * 100 + j);
			memcpy(store, ids, sizeof(int64) * ns[i]);
			for (k = 0; k < gone; k++)
			{
				int			victim;

				do
					victim = random() % ns[i];
				while (store[victim] == PG_INT64_MAX);
				store[victim] = PG_INT64_MAX;
			}
			qsort(store, ns[i], sizeof(int64), compare);
			nstore = ns[i] - gone;
			calls = play(ids, ns[i], store, nstore, true, &found);
			ok(found == gone && calls <= bcd_tree_most_calls(ns[i], gone, PAGE), "%d deleted of %d: %d calls, at most " INT64_FORMAT, gone,
			   ns[i], calls, bcd_tree_most_calls(ns[i], gone, PAGE));
			calls = play(ids, ns[i], store, nstore, false, &found);
			ok(found == gone && calls <= Max(1, (nstore + PAGE - 1) / PAGE), "without ranges: a sweep of %d calls", calls);
		}
}

static void
made(void)
{
	int64		ids[600];
	int64		store[900];
	int			i;
	int			found;

	for (i = 0; i < 600; i++)
		ids[i] = store[i] = i + 1;
	for (; i < 900; i++)
		store[i] = 5000 + i;
	(void) play(ids, 600, store, 900, true, &found);
	ok(found == 300, "records made behind the last id are in the last range");
	(void) play(ids, 0, store, 900, true, &found);
	ok(found == 900, "nothing should be there, but is");
	(void) play(ids, 600, store, 0, true, &found);
	ok(found == 600, "nothing is left");
}

int
main(void)
{
	sizes();
	made();
	return tap_done();
}
