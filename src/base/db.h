/*
 * db.h
 *		SPI and transactions, with rights and search_path pinned.
 */
#ifndef BCD_DB_H
#define BCD_DB_H

#include "executor/spi.h"
#include "utils/jsonb.h"

#define BCD_MAX_ARGS	20

/*
 * A statement on our own tables: written as a static variable, prepared at
 * first use and kept for the life of the process.
 */
typedef struct BcdStatement
{
	const char *sql;
	int			nargs;
	Oid			argtypes[BCD_MAX_ARGS];
	SPIPlanPtr	plan;
} BcdStatement;

/* What bcd_become() replaced */
typedef struct BcdRights
{
	Oid			userid;
	int			sec_context;
	int			guc_level;
} BcdRights;

extern void bcd_become(BcdRights *saved, Oid userid, bool restricted);
extern void bcd_become_again(const BcdRights *saved);
extern void bcd_pin_settings(void);
extern void bcd_spi_begin(BcdRights *saved);
extern void bcd_spi_begin_as(BcdRights *saved, Oid userid);
extern void bcd_spi_end(const BcdRights *saved);

extern uint64 bcd_execute(BcdStatement *statement, Datum *values, const char *nulls);
extern uint64 bcd_select(BcdStatement *statement, Datum *values, const char *nulls);
extern uint64 bcd_query(BcdStatement *statement, Datum *values, const char *nulls, long limit);
extern uint64 bcd_query_as_seen(BcdStatement *statement, Datum *values, const char *nulls, long limit);
extern uint64 bcd_query_newest(BcdStatement *statement, Datum *values, const char *nulls, long limit);
extern char *bcd_column_text(uint64 row, int column);
extern int64 bcd_column_int64(uint64 row, int column, bool *isnull);
extern bool bcd_column_bool(uint64 row, int column);
extern TimestampTz bcd_column_time(uint64 row, int column);
extern void bcd_columns(uint64 row, Datum *values, bool *nulls);
extern Datum bcd_column_datum(uint64 row, int column, bool *isnull);
extern Jsonb *bcd_column_jsonb(uint64 row, int column);
extern List *bcd_column_list(uint64 n, int column);
extern int64 *bcd_column_ids(int column, int *n);
extern List *bcd_name_list(Datum names);

extern Datum bcd_text_or_null(const char *text, char *null);
extern Datum bcd_filled_or_null(const char *text, char *null);
extern Datum bcd_jsonb_or_null(Jsonb *jsonb, char *null);
extern Datum bcd_name_datum(const char *name);
extern Datum bcd_text_array(List *texts);
extern void bcd_plans_fit(void);
extern Datum bcd_array(Oid type, Datum *values, bool *nulls, int n);

extern void bcd_tx_use_extension(void);
extern bool bcd_tx_extension_is_new(int max_age_ms);
extern void bcd_tx_begin(void);
extern void bcd_tx_look_again(void);
extern void bcd_tx_commit(void);
extern void bcd_tx_async(void);
extern void bcd_tx_scan(void);
extern void bcd_tx_abort(void);
extern void bcd_tx_report_and_abort(const char *what);

#endif							/* BCD_DB_H */
