/*
 * verdict.h
 *		Decides what to do after a reply, or without one.
 *
 * Pure: the decision table of the API's status codes and the back-off.
 */
#ifndef BCD_VERDICT_H
#define BCD_VERDICT_H

#include "http/request.h"

typedef enum BcdVerdict
{
	BCD_OK,						/* 2xx other than 207: done */
	BCD_PARTIAL,				/* 207: partly done, see the reply */
	BCD_AGAIN,					/* 429: not processed; does not count as an
								 * attempt */
	BCD_TROUBLE,				/* 5xx, time-out, reset, unreadable reply:
								 * outcome unknown; back off, and look up
								 * before a create */
	BCD_CONFLICT,				/* 409: duplicate value or missing reference */
	BCD_GONE,					/* 404 */
	BCD_REFUSED,				/* 400, 405, 406, 415, 422: the record's (or
								 * our) fault; do not retry */
	BCD_TOO_LARGE,				/* 413, 414: halve the batch */
	BCD_STOP_FEED,				/* 403, 501, 505, 507: someone has to fix this
								 * feed */
	BCD_STOP_STORE				/* 401, 301..308: someone has to fix the
								 * store's settings */
} BcdVerdict;

extern BcdVerdict bcd_retry_verdict(BcdHttpFate fate, long status);
extern int64 bcd_retry_backoff_ms(int attempts, bool is_write, double random);
extern const char *bcd_retry_advice(long status);

#endif							/* BCD_VERDICT_H */
