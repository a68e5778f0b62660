/*
 * row_diff.h
 *		Compares two versions of a row.
 */
#ifndef BCD_ROW_DIFF_H
#define BCD_ROW_DIFF_H

#include "access/attnum.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"

/* What has to be known of a column to find and to compare its values */
typedef struct BcdColumn
{
	int16		len;
	bool		byval;
	bool		compared;		/* matters to the mapping */
	bool		key;
	Size		align;			/* in bytes */
} BcdColumn;

/* The columns of a table; in the memory context where it was set up */
typedef struct BcdRowDiff
{
	BcdColumn  *columns;
	int			last_key;		/* the key's columns are not behind this one */
	int			last_compared;	/* the compared ones not behind this one */
} BcdRowDiff;

/* How two versions of a row differ */
typedef enum BcdDifference
{
	BCD_SAME,					/* in nothing that matters */
	BCD_DIFFERENT,				/* but not in the key */
	BCD_OTHER_KEY
} BcdDifference;

extern void bcd_rowdiff_init(BcdRowDiff *diff, TupleDesc desc);
extern void bcd_rowdiff_add(BcdRowDiff *diff, AttrNumber attnum, bool key);
extern BcdDifference bcd_rowdiff_slots(const BcdRowDiff *diff, TupleTableSlot *old,
									   TupleTableSlot *new);
extern BcdDifference bcd_rowdiff_minimal(const BcdRowDiff *diff, TupleTableSlot *old,
										 TupleTableSlot *new);

#endif							/* BCD_ROW_DIFF_H */
