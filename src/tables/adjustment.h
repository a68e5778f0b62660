/*
 * adjustment.h
 *		bcdelta.adjustment: values of the store that are meant.
 */
#ifndef BCD_TABLE_ADJUSTMENT_H
#define BCD_TABLE_ADJUSTMENT_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* An adjustment of a field of a row that has not ended */
typedef struct BcdAdjustment
{
	int64		id;				/* 0: the store owns it at the present stage */
	char	   *field;			/* empty: the record as a whole; source_value
								 * is the payload of the row, NULL if it was
								 * gone */
	Jsonb	   *value;			/* declared, a scalar or array as in a record;
								 * NULL: not read yet */
	bool		while_source;	/* ends when the source's value is no longer
								 * source_value */
	Jsonb	   *source_value;	/* when it was made, as in a payload; NULL:
								 * the row had none */
	bool		broken;			/* the store was last seen with another value */
	int64		by_run;			/* the rollback that holds it, or 0 */
	char	   *words;			/* by whom and why, for people */
} BcdAdjustment;

/* An adjustment to be made */
typedef struct BcdNewAdjustment
{
	const char *feed;
	const char *key;
	const char *field;
	Jsonb	   *value;			/* NULL: to be read */
	Jsonb	   *source_value;
	const char *until;			/* always, source changes or time */
	TimestampTz ends_at;		/* of the latter */
	const char *reason;
	const char *by;				/* name of the role */
	int64		by_run;			/* the rollback that holds the field, or 0 */
} BcdNewAdjustment;

/* One that has ended */
typedef struct BcdEndedAdjustment
{
	int64		id;
	int32		feed_id;
	char	   *feed;
	char	   *key;
	char	   *field;
	Jsonb	   *value;
} BcdEndedAdjustment;

/* Rows of a feed whose records are to be read */
typedef struct BcdUnreadRows
{
	char	   *feed;
	char	   *server;
	Oid			owner;
	ArrayType  *keys;			/* text[] */
} BcdUnreadRows;

extern bool bcd_adjustments_any(const char *feed);
extern List *bcd_adjustments_of(const char *feed, const char *key);
extern int64 bcd_adjustment_insert(const BcdNewAdjustment *adjustment);
extern char *bcd_adjustment_words(const char *feed, const char *key, const char *field);
extern bool bcd_adjustment_end(const char *feed, const char *key, const char *field, BcdEndedAdjustment *ended);
extern bool bcd_adjustment_end_id(int64 id);
extern void bcd_holds_end_older(const char *feed, const char *key, const char *field, int64 run_id);
extern List *bcd_holds_feeds(int64 run_id);
extern List *bcd_holds_end(int64 run_id, const char *feed);
extern List *bcd_adjustments_end_due(void);
extern List *bcd_adjustments_to_read(const char *home, int64 limit);
extern void bcd_adjustment_read(int64 id, Jsonb *value);
extern bool bcd_adjustment_set_broken(int64 id, bool broken);
extern uint64 bcd_adjustments_delete(const char *feed, const char *key);
extern void bcd_adjustments_respell(const char *feed, Datum old, Datum new);

#endif							/* BCD_TABLE_ADJUSTMENT_H */
