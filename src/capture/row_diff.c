/*
 * row_diff.c
 *		Compares two versions of a row.
 *
 * This is called for every row of every UPDATE of a source, and most updates
 * of a busy table do not matter to its feeds. So the two tuples of a pair are
 * compared in place, byte by byte from the beginning, and column by column
 * only from the first different byte on.
 *
 * Values are the same if their bytes are the same, once detoasted: two numbers
 * that are equal but print differently are different.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/tupmacs.h"
#include "fmgr.h"

#include "capture/row_diff.h"

static Size
align_bytes(char align)
{
	switch (align)
	{
		case TYPALIGN_DOUBLE:
			return ALIGNOF_DOUBLE;
		case TYPALIGN_INT:
			return ALIGNOF_INT;
		case TYPALIGN_SHORT:
			return ALIGNOF_SHORT;
		default:
			return 1;
	}
}

/* Initializes a comparison for a table, without any column. */
void
bcd_rowdiff_init(BcdRowDiff *diff, TupleDesc desc)
{
	int			i;

	memset(diff, 0, sizeof(*diff));
	diff->columns = palloc0(sizeof(BcdColumn) * Max(desc->natts, 1));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		diff->columns[i].len = att->attlen;
		diff->columns[i].byval = att->attbyval;
		diff->columns[i].align = align_bytes(att->attalign);
	}
}

/* Adds a column to the comparison. */
void
bcd_rowdiff_add(BcdRowDiff *diff, AttrNumber attnum, bool key)
{
	diff->columns[attnum - 1].compared = true;
	diff->last_compared = Max(diff->last_compared, attnum);
	if (key)
	{
		diff->columns[attnum - 1].key = true;
		diff->last_key = Max(diff->last_key, attnum);
	}
}

static bool
varlena_differs(struct varlena *a, struct varlena *b)
{
	struct varlena *plain_a;
	struct varlena *plain_b;
	bool		differs;

	if (VARATT_IS_EXTERNAL(a) && VARATT_IS_EXTERNAL(b) &&
		VARSIZE_EXTERNAL(a) == VARSIZE_EXTERNAL(b) &&
		memcmp(a, b, VARSIZE_EXTERNAL(a)) == 0)
		return false;			/* the same toasted value */
	if (toast_raw_datum_size(PointerGetDatum(a)) != toast_raw_datum_size(PointerGetDatum(b)))
		return true;
	plain_a = PG_DETOAST_DATUM_PACKED(PointerGetDatum(a));
	plain_b = PG_DETOAST_DATUM_PACKED(PointerGetDatum(b));
	differs = memcmp(VARDATA_ANY(plain_a), VARDATA_ANY(plain_b), VARSIZE_ANY_EXHDR(plain_a)) != 0;
	if (plain_a != a)
		pfree(plain_a);
	if (plain_b != b)
		pfree(plain_b);
	return differs;
}

static inline bool
value_differs(const BcdColumn *column, Datum a, Datum b)
{
	if (column->byval)
		return a != b;
	if (column->len > 0)
		return memcmp(DatumGetPointer(a), DatumGetPointer(b), column->len) != 0;
	if (column->len == -1)
		return varlena_differs((struct varlena *) DatumGetPointer(a),
							   (struct varlena *) DatumGetPointer(b));
	return strcmp(DatumGetCString(a), DatumGetCString(b)) != 0;
}

/* Returns how two rows in slots differ. */
BcdDifference
bcd_rowdiff_slots(const BcdRowDiff *diff, TupleTableSlot *old, TupleTableSlot *new)
{
	BcdDifference result = BCD_SAME;
	int			i;

	slot_getsomeattrs(old, diff->last_compared);
	slot_getsomeattrs(new, diff->last_compared);
	for (i = 0; i < diff->last_compared; i++)
	{
		const BcdColumn *column = &diff->columns[i];

		if (!column->compared || (result != BCD_SAME && !column->key))
			continue;
		if (old->tts_isnull[i] != new->tts_isnull[i] ||
			(!old->tts_isnull[i] &&
			 value_differs(column, old->tts_values[i], new->tts_values[i])))
		{
			if (column->key)
				return BCD_OTHER_KEY;
			result = BCD_DIFFERENT;
		}
	}
	return result;
}

/* A position in a tuple: the next value of a column, and its length */
typedef struct BcdCursor
{
	char	   *at;
	Size		len;
} BcdCursor;

static inline void
find_value(BcdCursor *cursor, const BcdColumn *column)
{
	if (column->len > 0)
	{
		cursor->at = (char *) TYPEALIGN(column->align, cursor->at);
		cursor->len = column->len;
	}
	else if (column->len == -1)
	{
		/* a short value is not aligned, and does not begin with a zero */
		if (!VARATT_NOT_PAD_BYTE(cursor->at))
			cursor->at = (char *) TYPEALIGN(column->align, cursor->at);
		cursor->len = VARSIZE_ANY(cursor->at);
	}
	else
	{
		cursor->at = (char *) TYPEALIGN(column->align, cursor->at);
		cursor->len = strlen(cursor->at) + 1;
	}
}

static inline bool
values_differ(const BcdColumn *column, const BcdCursor *a, const BcdCursor *b)
{
	if (a->len == b->len && memcmp(a->at, b->at, a->len) == 0)
		return false;
	/* different bytes may still be the same value, once decompressed */
	return column->len != -1 ||
		varlena_differs((struct varlena *) a->at, (struct varlena *) b->at);
}

/*
 * Returns how many bytes at the beginning of two tuples' data are equal, in
 * whole words.  The data begins at a multiple of MAXIMUM_ALIGNOF.
 */
static inline Size
same_bytes(const char *a, const char *b, Size len)
{
	Size		n = 0;

	while (n + sizeof(uint64) <= len && *(const uint64 *) (a + n) == *(const uint64 *) (b + n))
		n += sizeof(uint64);
	return n;
}

/* One of two tuples that are compared */
typedef struct BcdSide
{
	char	   *data;
	bits8	   *nulls;			/* NULL: no column is null */
	BcdCursor	cursor;
} BcdSide;

static inline void
side_init(BcdSide *side, MinimalTuple tuple)
{
	side->data = (char *) tuple + tuple->t_hoff - MINIMAL_TUPLE_OFFSET;
	side->nulls = (tuple->t_infomask & HEAP_HASNULL) ? tuple->t_bits : NULL;
	side->cursor.at = side->data;
	side->cursor.len = 0;
}

#define side_is_null(side, i)	((side)->nulls && att_isnull(i, (side)->nulls))

/* Returns the end of the value at a position, which is of this column. */
static inline char *
skip_value(char *at, const BcdColumn *column)
{
	BcdCursor	cursor;

	if (column->len > 0)
		return (char *) TYPEALIGN(column->align, at) + column->len;
	if (column->len == -1 && VARATT_IS_1B(at) && !VARATT_IS_1B_E(at))
		return at + VARSIZE_1B(at);
	cursor.at = at;
	find_value(&cursor, column);
	return cursor.at + cursor.len;
}

/*
 * Skips columns that are equal, byte by byte, in both tuples.  Up to there,
 * both have the same layout, so it is enough to go through one of them.
 * Returns the number of the first other column.
 */
static inline int
skip_same(const BcdRowDiff *diff, BcdSide *old, BcdSide *new, Size len)
{
	char	   *end;
	char	   *at = old->data;
	int			last = diff->last_compared;
	int			i;

	if ((old->nulls != NULL || new->nulls != NULL) &&
		(old->nulls == NULL || new->nulls == NULL ||
		 memcmp(old->nulls, new->nulls, BITMAPLEN(last)) != 0))
		return 0;
	end = at + same_bytes(at, new->data, len);
	for (i = 0; i < last; i++)
	{
		char	   *next;

		if (side_is_null(old, i))
			continue;
		next = skip_value(at, &diff->columns[i]);
		if (next > end)
			break;
		at = next;
	}
	old->cursor.at = at;
	new->cursor.at = new->data + (at - old->data);
	return i;
}

/*
 * Like bcd_rowdiff_slots(), but for tuples that have all the columns, and
 * without deforming them.
 */
static BcdDifference
compare_tuples(const BcdRowDiff *diff, MinimalTuple old_tuple, MinimalTuple new_tuple)
{
	BcdDifference result = BCD_SAME;
	BcdSide		old;
	BcdSide		new;
	int			i;

	side_init(&old, old_tuple);
	side_init(&new, new_tuple);
	i = skip_same(diff, &old, &new,
				  Min(old_tuple->t_len - (old.data - (char *) old_tuple),
					  new_tuple->t_len - (new.data - (char *) new_tuple)));
	for (; i < diff->last_compared; i++)
	{
		const BcdColumn *column = &diff->columns[i];
		bool		old_null = side_is_null(&old, i);
		bool		new_null = side_is_null(&new, i);

		if (!old_null)
			find_value(&old.cursor, column);
		if (!new_null)
			find_value(&new.cursor, column);
		if (column->compared && !(old_null && new_null) &&
			(old_null || new_null || values_differ(column, &old.cursor, &new.cursor)))
		{
			if (column->key)
				return BCD_OTHER_KEY;
			result = BCD_DIFFERENT;
			if (i >= diff->last_key)
				return result;
		}
		if (!old_null)
			old.cursor.at += old.cursor.len;
		if (!new_null)
			new.cursor.at += new.cursor.len;
	}
	return result;
}

/*
 * Returns how two rows in slots of minimal tuples differ.
 *
 * A tuple that is older than an added column has fewer columns.
 */
BcdDifference
bcd_rowdiff_minimal(const BcdRowDiff *diff, TupleTableSlot *old, TupleTableSlot *new)
{
	MinimalTuple old_tuple = ((MinimalTupleTableSlot *) old)->mintuple;
	MinimalTuple new_tuple = ((MinimalTupleTableSlot *) new)->mintuple;

	Assert(TTS_IS_MINIMALTUPLE(old) && TTS_IS_MINIMALTUPLE(new));
	if ((old_tuple->t_infomask2 & HEAP_NATTS_MASK) >= diff->last_compared &&
		(new_tuple->t_infomask2 & HEAP_NATTS_MASK) >= diff->last_compared)
		return compare_tuples(diff, old_tuple, new_tuple);
	return bcd_rowdiff_slots(diff, old, new);
}
