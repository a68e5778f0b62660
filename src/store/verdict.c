/*
 * verdict.c
 *		Decides what to do after a reply, or without one.
 *
 * The table follows the API's status page and its migration guide.  Where the
 * two do not define a code, we choose the interpretation that cannot lose or
 * repeat a record: an unknown 4xx is the request's fault (no retry helps), an
 * unknown 5xx is trouble (the record may or may not have been stored).
 */
#include "postgres.h"

#include "store/verdict.h"

#define FIRST_READ_BACKOFF_MS	1000
#define FIRST_WRITE_BACKOFF_MS	2000
#define LAST_BACKOFF_MS			120000
#define JITTER					0.2 /* part of the delay, up and down */

static BcdVerdict client_error_verdict(long status);

/*
 * Decide what to do after a request.
 *
 * A request that was never sent is trouble as well, and counts as an attempt:
 * a host name that stays wrong must end in an error. The fate tells the caller
 * whether a create has to be looked up before it is repeated: after
 * BCD_HTTP_NOT_SENT there is nothing to find.
 */
BcdVerdict
bcd_retry_verdict(BcdHttpFate fate, long status)
{
	if (fate != BCD_HTTP_REPLIED)
		return BCD_TROUBLE;
	if (status == 207)
		return BCD_PARTIAL;
	if (status >= 200 && status < 300)
		return BCD_OK;
	if (status >= 300 && status < 400)
		return BCD_STOP_STORE;
	if (status >= 400 && status < 500)
		return client_error_verdict(status);
	if (status == 501 || status == 505 || status == 507)
		return BCD_STOP_FEED;
	return BCD_TROUBLE;
}

static BcdVerdict
client_error_verdict(long status)
{
	switch (status)
	{
		case 401:
		case 402:				/* the store's plan is not paid */
		case 407:				/* a proxy requires a password */
			return BCD_STOP_STORE;
		case 403:
			return BCD_STOP_FEED;
		case 404:
		case 410:
			return BCD_GONE;
		case 409:
			return BCD_CONFLICT;
		case 413:
		case 414:
			return BCD_TOO_LARGE;
		case 429:
			return BCD_AGAIN;
		case 408:				/* the store gave up waiting for us */
		case 423:				/* locked, but not forever */
		case 425:
		case 499:				/* connection closed before the reply: outcome
								 * unknown */
			return BCD_TROUBLE;
		default:
			return BCD_REFUSED;
	}
}

/*
 * How long to wait before trying again after this number of attempts (1: the
 * first has just failed).  Doubles from one second (two for a write) to two
 * minutes; random, in [0,1), spreads it by a fifth so that rows that failed
 * together do not come back together.  Never more than two minutes.
 */
int64
bcd_retry_backoff_ms(int attempts, bool is_write, double random)
{
	double		delay = is_write ? FIRST_WRITE_BACKOFF_MS : FIRST_READ_BACKOFF_MS;
	double		least;
	double		most;
	int			i;

	for (i = 1; i < attempts && delay < LAST_BACKOFF_MS; i++)
		delay *= 2;
	delay = Min(delay, LAST_BACKOFF_MS);
	least = delay * (1 - JITTER);
	most = Min(delay * (1 + JITTER), LAST_BACKOFF_MS);
	return (int64) (least + (most - least) * random);
}

/*
 * One or two sentences for a HINT about a status, or NULL if there is nothing
 * to add to the store's message.
 */
const char *
bcd_retry_advice(long status)
{
	if (status >= 300 && status < 400)
		return "The store redirects elsewhere, and redirects are not followed with an access token. Check the server option api_url.";
	switch (status)
	{
		case 400:
			return "The store could not read the request. Check the feed's field expressions.";
		case 401:
			return "The access token is not valid. Put a valid token in the user mapping of the server, and resume the feeds that were paused.";
		case 402:
			return "The store's account needs attention. Look at its control panel.";
		case 403:
			return "The API account lacks a scope, the store's plan does not allow this, or store_hash is wrong. Check the API account's scopes and the server options.";
		case 404:
			return "The record, or a record it refers to, is not in the store.";
		case 407:
			return "A proxy asks for a password. Check the proxy settings in the server's environment.";
		case 409:
			return "Another record in the store has the same unique value, or a record it refers to is missing.";
		case 413:
		case 414:
			return "The request was too large for the store.";
		case 422:
			return "The store refused the values. Correct the row or the feed's field expressions, then call bcdelta.retry.";
		case 423:
			return "The record is locked in the store. It is tried again later.";
		case 429:
			return "The store limits the rate of requests. They continue when the store allows it.";
		case 500:
		case 502:
		case 504:
			return "The store had trouble with the request. It is tried again later.";
		case 503:
			return "The store is down for maintenance, overloaded or suspended. It is tried again later.";
		case 501:
		case 505:
			return "The store does not support the request.";
		case 507:
			return "The store's plan allows no more records of this kind. Remove some or change the plan, then resume.";
		default:
			return NULL;
	}
}
