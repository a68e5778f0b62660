/*
 * link_sum.h
 *		bcdelta.link: whether two sets of keys are the same.
 */
#ifndef BCD_LINK_SUM_H
#define BCD_LINK_SUM_H

/* A set of keys: their number, and sums of both halves of their hashes */
typedef struct BcdKeySum
{
	int64		n;
	uint64		low;
	uint64		high;
} BcdKeySum;

extern void bcd_keysum_add(BcdKeySum *sum, const char *key);
extern bool bcd_keysum_same(const BcdKeySum *a, const BcdKeySum *b);
extern char *bcd_links_sum(const char *feed, const char *after, int64 limit, BcdKeySum *sum);

#endif							/* BCD_LINK_SUM_H */
