/*
 * paging.h
 *		Lists that are read page by page, and whether they advance.
 *
 * Pure: plain data and arithmetic.
 */
#ifndef BCD_PAGING_H
#define BCD_PAGING_H

#include <cjson/cJSON.h>

/* The progress of a list; all zero at its beginning */
typedef struct BcdPaging
{
	int64		total;			/* as reported by the first page, or 0 */
	int64		listed;			/* records so far */
	int64		first;			/* id on the last page */
} BcdPaging;

typedef struct BcdPage
{
	int64		records;
	int64		first;			/* id; 0 if no record has a usable one */
	int64		last;			/* greatest id */
	int64		total;			/* of the list */
	int64		pages;
	bool		counted;		/* it tells the total */
	bool		bare;			/* it says nothing about the list, as in V2 */
} BcdPage;

/* The records of a page, sorted by their ids */
typedef struct BcdPageRecord
{
	int64		id;
	const cJSON *record;
} BcdPageRecord;

typedef struct BcdPageRecords
{
	BcdPageRecord *of;
	int			n;
} BcdPageRecords;

extern void bcd_page_sort(BcdPageRecords *records, const cJSON *data, const char *id_field);
extern const cJSON *bcd_page_record(const BcdPageRecords *records, int64 id);
extern void bcd_page_read(BcdPage *page, const cJSON *reply, const char *id);
extern bool bcd_page_moves_on(const BcdPaging *paging, const BcdPage *page, int64 after,
							  char *why, size_t size);
extern bool bcd_page_is_cut(const BcdPage *page);
extern bool bcd_page_is_last(const BcdPage *page, int64 nth, int limit);
extern void bcd_page_taken(BcdPaging *paging, const BcdPage *page);

#endif							/* BCD_PAGING_H */
