/*
 * endpoint_health.h
 *		The health of an endpoint, and what it says about the failures of one
 *		row.
 *
 * Plain data and arithmetic.
 */
#ifndef BCD_ENDPOINT_HEALTH_H
#define BCD_ENDPOINT_HEALTH_H

#define BCD_FREE_FAILURES	2	/* may be bad luck, however rare failures are */

typedef struct BcdLuck
{
	double		failing;		/* fraction of the last requests that met
								 * trouble */
	int			troubles;		/* consecutive, up to now */
	int			credit;			/* rows that may come back early */
} BcdLuck;

extern void bcd_luck_good(BcdLuck *luck, int rows);
extern void bcd_luck_bad(BcdLuck *luck);
extern int	bcd_luck_failures(const BcdLuck *luck);

#endif							/* BCD_ENDPOINT_HEALTH_H */
