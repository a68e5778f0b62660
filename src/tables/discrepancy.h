/*
 * discrepancy.h
 *		bcdelta.discrepancy: differences found by a run.
 */
#ifndef BCD_TABLE_DISCREPANCY_H
#define BCD_TABLE_DISCREPANCY_H

extern void bcd_discrepancy_insert_at(int64 run_id, const char *feed, const char *key, int64 store_id,
									  const char *address, const char *kind, const char *facet,
									  const char *field, const char *source_value,
									  const char *store_value, const char *pushed_value);
extern void bcd_discrepancy_insert(int64 run_id, const char *feed, const char *key, int64 store_id,
								   const char *kind, const char *facet, const char *field,
								   const char *source_value, const char *store_value,
								   const char *pushed_value);

#endif							/* BCD_TABLE_DISCREPANCY_H */
