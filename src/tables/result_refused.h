/*
 * result_refused.h
 *		Rows that were refused, put together by what was said of them.
 */
#ifndef BCD_TABLE_RESULT_REFUSED_H
#define BCD_TABLE_RESULT_REFUSED_H

#include "tables/report_scope.h"

/* Rows shown of each kind of refusal */
#define BCD_REFUSED_KEYS	3

/* Refusals that say the same, but for numbers and quoted values */
typedef struct BcdRefused
{
	int64		rows;
	int64		still;			/* those of them that are given up now */
	bool		invalid;		/* refused before any write */
	int			status;			/* of the reply; 0: none */
	char	   *message;		/* of one of them */
	char	   *feed;
	int64		feeds;
	char	   *keys[BCD_REFUSED_KEYS]; /* NULL: there are not so many */
	int64		kinds;			/* of refusals, those not returned included */
	bool		more;			/* there are more rows than were looked at */
} BcdRefused;

extern uint64 bcd_refused_in_runs(const BcdScope *scope);
extern void bcd_refused_row(uint64 i, BcdRefused *refused);

#endif							/* BCD_TABLE_RESULT_REFUSED_H */
