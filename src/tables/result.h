/*
 * result.h
 *		bcdelta.result: the outcomes of rows in runs.
 */
#ifndef BCD_TABLE_RESULT_H
#define BCD_TABLE_RESULT_H

#include "datatype/timestamp.h"

#include "tables/outcome.h"

/* The result of one row; 0, empty or NULL means that a value is not given */
typedef struct BcdResult
{
	const char *key;
	int64		store_id;
	BcdOutcome	outcome;
	int			status;			/* HTTP status */
	const char *error;
	const char *request_id;
	const char *parts;			/* JSON */
	const char *address;		/* NULL: the id */
	const char *request;		/* that was refused: JSON */
	TimestampTz captured_at;	/* 0 or -infinity: not known */
} BcdResult;

extern void bcd_results_insert(int64 run_id, const char *server, const char *feed, const BcdResult *results, int n);
extern void bcd_results_interrupted(void);
extern int64 bcd_results_prune(int days, int limit);

#endif							/* BCD_TABLE_RESULT_H */
