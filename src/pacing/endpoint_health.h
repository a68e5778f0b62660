/*
 * endpoint_health.h
 *		How the requests to an endpoint fare, and what that says of one row.
 *
 * Plain data and arithmetic.
 */
#ifndef BCD_ENDPOINT_HEALTH_H
#define BCD_ENDPOINT_HEALTH_H

#define BCD_FREE_FAILURES	2	/* may be bad luck, however seldom they are */

typedef struct BcdLuck
{
	double		failing;		/* part of the last requests that met trouble */
	int			troubles;		/* in a row, up to now */
	int			credit;			/* rows that may come back early */
} BcdLuck;

extern void bcd_luck_good(BcdLuck *luck, int rows);
extern void bcd_luck_bad(BcdLuck *luck);
extern int	bcd_luck_failures(const BcdLuck *luck);

#endif							/* BCD_ENDPOINT_HEALTH_H */
