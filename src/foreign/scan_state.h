/*
 * scan_state.h
 *		A scan of a foreign table, from its plan to its end.
 */
#ifndef BCD_SCAN_STATE_H
#define BCD_SCAN_STATE_H

#include "nodes/execnodes.h"
#include "utils/hsearch.h"
#include "utils/tuplestore.h"

#include "foreign/channel.h"
#include "foreign/page.h"
#include "foreign/request.h"
#include "foreign/row.h"

/* The members of fdw_private, each of them a list */
typedef enum BcdPrivate
{
	BCD_PRIVATE_FILTERS,		/* their positions in those of the resource;
								 * the values are in fdw_exprs */
	BCD_PRIVATE_ARRAYS,			/* for each, whether its value is an array */
	BCD_PRIVATE_COLUMNS,		/* attribute numbers that are read */
	BCD_PRIVATE_NUMBERS			/* relid, estimated calls, and flags */
} BcdPrivate;

#define BCD_SCAN_COUNTS		0x1 /* it returns the number of records */
#define BCD_SCAN_BOUNDED	0x2 /* it may end long before all is read */

typedef struct BcdForeignScan
{
	/* from the plan */
	BcdTable   *table;
	Oid			userid;
	const BcdFilter **filters;
	bool	   *arrays;
	List	   *values;			/* ExprStates */
	int			nfilters;
	Bitmapset  *columns;
	int			flags;
	int			estimate;		/* calls */
	char	   *shown;
	int			limit;
	BcdRowReader *reader;

	/* reading */
	bool		begun;
	bool		fixed;			/* other tables have no influence on what is
								 * asked for */
	bool		nothing;		/* no row can satisfy the conditions */
	bool		asked;			/* for the next page */
	bool		waits;			/* otherwise, it returns when it would wait
								 * ... */
	bool		starved;		/* ... and says so */
	BcdRequests requests;
	BcdChannel *channel;
	BcdRecordPage page;
	int64		total;			/* of records, if they are counted */
	MemoryContext values_cxt;	/* values of the filters, and what was seen */
	MemoryContext page_cxt;
	MemoryContext row_cxt;
	HTAB	   *seen;			/* ids, where one may come again; or NULL */

	/* lookups by the rows of other tables: gather.c */
	int			key;			/* the filter by which the records are looked
								 * up; -1: none */
	int			key_attnum;
	int			lookups;		/* so far */
	bool		counted;		/* the store was asked how many there are */
	struct BcdGathered *gathered;	/* the whole list instead; or NULL */

	/* what has been read, if it may be wanted again; or NULL */
	Tuplestorestate *kept;
	TupleTableSlot *kept_slot;

	/* for EXPLAIN */
	char	   *first_path;
	int64		calls;
	int64		pages;
	int64		waited_ms;
	int64		quota;
	int64		quota_left;
} BcdForeignScan;

/* scan_values.c */
extern char *bcd_scan_value_text(const BcdFilter *filter, Oid type, Datum value);
extern bool bcd_scan_is_fixed(const BcdForeignScan *scan, int nth);
extern void bcd_scan_evaluate(BcdForeignScan *scan, ExprContext *econtext, bool fixed);

/* scan_pages.c */
extern void bcd_scan_ask_first(ForeignScanState *node);
extern JsonbValue *bcd_scan_record(BcdForeignScan *scan);
extern void bcd_scan_stop(BcdForeignScan *scan);
extern bool bcd_scan_is_ready(BcdForeignScan *scan);

/* gather.c */
extern void bcd_gather_prepare(BcdForeignScan *scan);
extern bool bcd_gather_is_better(ForeignScanState *node);
extern void bcd_gather(ForeignScanState *node);
extern void bcd_gathered_find(ForeignScanState *node);
extern bool bcd_gathered_next(ForeignScanState *node, TupleTableSlot *slot);

/* scan.c */
extern void bcd_scan_open(ForeignScanState *node, int eflags);
extern void bcd_scan_start(ForeignScanState *node);
extern TupleTableSlot *bcd_scan_next(ForeignScanState *node);
extern void bcd_scan_again(ForeignScanState *node);
extern void bcd_scan_close(ForeignScanState *node);

#endif							/* BCD_SCAN_STATE_H */
