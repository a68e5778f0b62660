/*
 * args.h
 *		Checks that several SQL functions need: arguments, rights, recovery.
 */
#ifndef BCD_ARGS_H
#define BCD_ARGS_H

#include "fmgr.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

#include "feed/feed.h"

/* The rows that a set-returning function returns */
typedef struct BcdRows
{
	Tuplestorestate *store;
	TupleDesc	desc;
} BcdRows;

extern void bcd_check_writable(const char *function);
extern bool bcd_is_reader(const char *view);
extern void bcd_check_reader(const char *view, const char *other, const char *function);
extern void bcd_check_not_null(FunctionCallInfo fcinfo, int n, const char *name);
extern char *bcd_arg_text(FunctionCallInfo fcinfo, int n);
extern char *bcd_arg_name(FunctionCallInfo fcinfo, int n);
extern void bcd_check_word(const char *value, const char *argument, const char *const *allowed);
extern void bcd_check_reason(const char *value, const char *argument);
extern void bcd_check_label(const char *value, const char *argument);
extern char *bcd_target(const char *feed, const char *server);
extern void bcd_rows_begin(FunctionCallInfo fcinfo, BcdRows *rows);
extern void bcd_rows_put(BcdRows *rows, Datum *values, bool *nulls);
extern void bcd_condition_check(const char *condition);

#endif							/* BCD_ARGS_H */
