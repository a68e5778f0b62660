/*
 * request.h
 *		The requests that read the records a query wants.
 */
#ifndef BCD_FOREIGN_REQUEST_H
#define BCD_FOREIGN_REQUEST_H

#include "nodes/bitmapset.h"

#include "foreign/table.h"
#include "store/paging.h"

#define BCD_MAX_PARAMETERS	24

/* A filter with its values */
typedef struct BcdParameter
{
	const BcdFilter *filter;
	char	  **values;
	int			n;
} BcdParameter;

typedef struct BcdRequests
{
	const BcdTable *table;
	const char *shown;			/* parameters that say which fields to show */
	int			limit;			/* records of a reply */
	bool		counts;			/* only how many records there are is read */

	BcdParameter parameters[BCD_MAX_PARAMETERS];
	int			nparameters;
	int			spread;			/* the one whose values are spread over
								 * several requests; -1: none */
	int			from;			/* those of the present request */
	int			to;
	int64		after;			/* id, or number of a page, that was read */
	BcdPaging	paging;
	bool		over;
} BcdRequests;

extern char *bcd_requests_shown(const BcdTable *table, const Bitmapset *attnums, int *limit);
extern void bcd_requests_begin(BcdRequests *requests, const BcdTable *table, const char *shown, int limit);
extern bool bcd_requests_limit_to(BcdRequests *requests, const BcdFilter *filter, char **values, int n);
extern void bcd_requests_ready(BcdRequests *requests);
extern char *bcd_requests_path(const BcdRequests *requests);
extern bool bcd_requests_took(BcdRequests *requests, const BcdPage *page, bool ascends, char *why, Size size);
extern double bcd_requests_least(const BcdRequests *requests);
extern double bcd_requests_left(const BcdRequests *requests);

#endif							/* BCD_FOREIGN_REQUEST_H */
