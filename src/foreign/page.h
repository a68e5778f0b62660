/*
 * page.h
 *		The records of a reply.
 */
#ifndef BCD_FOREIGN_PAGE_H
#define BCD_FOREIGN_PAGE_H

#include "utils/jsonb.h"

#include "foreign/table.h"
#include "store/paging.h"

typedef struct BcdRecordPage
{
	JsonbContainer *records;	/* an array; NULL: there are none */
	int			n;
	int			next;			/* the next record to be read */
	BcdPage		page;
	bool		ascends;		/* each id is greater than the one before */
	bool		told_total;		/* it says how many records the list has */
} BcdRecordPage;

extern void bcd_record_page_read(BcdRecordPage *page, const BcdTable *table, const char *path,
								 int status, char *body, Size len);
extern JsonbValue *bcd_record_at(const BcdRecordPage *page, int n);
extern JsonbValue *bcd_record_field(JsonbContainer *record, const BcdResource *r, const char *name);
extern bool bcd_record_id(JsonbContainer *record, const BcdResource *r, int64 *id);

#endif							/* BCD_FOREIGN_PAGE_H */
