/*
 * preview.h
 *		What a push would do with a row.
 */
#ifndef BCD_PREVIEW_H
#define BCD_PREVIEW_H

#include "feed/feed.h"

typedef struct BcdPreview
{
	const char *action;
	bool		linked;			/* to a record */
	List	   *tasks;			/* one request for each (BcdTask) */
	char	   *error;
	Jsonb	   *known;			/* the record's contents; NULL: unknown */
	int			nth_key;		/* natural key that a new record is looked for
								 * by */
	const char *waits_feed;		/* feed of the row that it waits for, or NULL */
} BcdPreview;

extern int	bcd_preview_begin(void);
extern List *bcd_preview_pending(const BcdFeed *feed, int max_rows);
extern void bcd_preview_row(BcdFeed *feed, char *key, BcdPreview *p);
extern void bcd_preview_end(int guc_level);

#endif							/* BCD_PREVIEW_H */
