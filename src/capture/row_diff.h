/*
 * row_diff.h
 *		Compares two versions of a row.
 */
#ifndef BCD_ROW_DIFF_H
#define BCD_ROW_DIFF_H

#include "access/attnum.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"

/* What is needed to find and to compare the values of a column */
typedef struct BcdColumn
{
	int16		len;
	bool		byval;
	bool		compared;		/* matters to the mapping */
	bool		key;
	Size		align;			/* in bytes */
} BcdColumn;

/*
 * The columns of a table; in the memory context that was current at
 * initialization
 */
typedef struct BcdRowDiff
{
	BcdColumn  *columns;
	int			last_key;		/* number of the last key column */
	int			last_compared;	/* number of the last compared column */
} BcdRowDiff;

/* How two versions of a row differ */
typedef enum BcdDifference
{
	BCD_SAME,					/* in no compared column */
	BCD_DIFFERENT,				/* but with the same key */
	BCD_OTHER_KEY
} BcdDifference;

extern void bcd_rowdiff_init(BcdRowDiff *diff, TupleDesc desc);
extern void bcd_rowdiff_add(BcdRowDiff *diff, AttrNumber attnum, bool key);
extern BcdDifference bcd_rowdiff_slots(const BcdRowDiff *diff, TupleTableSlot *old,
									   TupleTableSlot *new);
extern BcdDifference bcd_rowdiff_minimal(const BcdRowDiff *diff, TupleTableSlot *old,
										 TupleTableSlot *new);

#endif							/* BCD_ROW_DIFF_H */
