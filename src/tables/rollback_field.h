/*
 * rollback_field.h
 *		bcdelta.rollback_field: what a rollback found and decided.
 */
#ifndef BCD_TABLE_ROLLBACK_FIELD_H
#define BCD_TABLE_ROLLBACK_FIELD_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A field of a record; NULL, or 0, means that there is none */
typedef struct BcdRollbackField
{
	const char *key;
	int64		store_id;
	const char *address;		/* NULL: the id */
	const char *field;
	Jsonb	   *now;
	Jsonb	   *becomes;
	const char *verdict;		/* undone, same, edited, forced, impossible or
								 * total */
	const char *reason;
} BcdRollbackField;

/* Records of a feed in which a rollback writes the same fields */
typedef struct BcdRollbackWrites
{
	char	   *feed;
	List	   *fields;			/* their names; "+": the record is made, "-":
								 * it is removed */
	int64		records;
} BcdRollbackWrites;

/* Called with a row's columns, from feed on */
typedef void (*BcdRollbackReader) (Datum *values, bool *nulls, void *arg);

#define BCD_ROLLBACK_COLUMNS	8

extern void bcd_rollback_fields(int64 run_id, int limit, BcdRollbackReader reader, void *arg);
extern List *bcd_rollback_fields_written(int64 run_id);
extern int64 bcd_rollback_fields_prune(int days, int limit);
extern void bcd_rollback_field_insert(int64 run_id, const char *feed, const BcdRollbackField *field);

#endif							/* BCD_TABLE_ROLLBACK_FIELD_H */
