/*
 * discrepancy.h
 *		bcdelta.discrepancy: differences found by a run.
 */
#ifndef BCD_TABLE_DISCREPANCY_H
#define BCD_TABLE_DISCREPANCY_H

#include "nodes/pg_list.h"

/* A difference; 0 and NULL mean that a value is not given */
typedef struct BcdDiscrepancy
{
	const char *key;
	int64		store_id;
	const char *address;		/* NULL: the id */
	const char *kind;
	const char *facet;
	const char *field;
	const char *source_value;
	const char *store_value;
	const char *pushed_value;
	const char *natural_key;
	const char *row_state;
	const char *store_modified; /* an instant, as text */
	const char *decided;		/* why it is meant, in words */
} BcdDiscrepancy;

extern void bcd_discrepancy_insert(int64 run_id, const char *feed, const BcdDiscrepancy *d);
extern List *bcd_discrepancy_feeds(int64 run_id, bool decided);
extern Datum bcd_discrepancies_by_field(int64 run_id, Oid *type);
extern List *bcd_discrepancy_keys(int64 run_id, const char *feed);
extern List *bcd_discrepancy_in_doubt(int64 run_id, const char *feed);
extern int64 *bcd_discrepancy_strangers(int64 run_id, const char *server, const char *resource, int *n);
extern int64 bcd_discrepancy_copy_strangers(int64 from, int64 to, const char *server, const char *resource,
											const int64 *but, int nbut);
extern void bcd_discrepancies_forget(int64 run_id);
extern int64 bcd_discrepancies_prune(int days, int limit);

#endif							/* BCD_TABLE_DISCREPANCY_H */
