/*
 * test_retry.c
 *		The decision table of status codes, and the back-off.
 */
#include "postgres.h"

#include "../../src/store/verdict.c"
#include "tap.h"

static void
test_verdicts(void)
{
	static const struct
	{
		long		status;
		BcdVerdict	verdict;
	}			table[] = {
		{200, BCD_OK}, {201, BCD_OK}, {202, BCD_OK}, {204, BCD_OK}, {207, BCD_PARTIAL},
		{301, BCD_STOP_STORE}, {302, BCD_STOP_STORE}, {307, BCD_STOP_STORE}, {308, BCD_STOP_STORE},
		{400, BCD_REFUSED}, {401, BCD_STOP_STORE}, {402, BCD_STOP_STORE}, {403, BCD_STOP_FEED},
		{404, BCD_GONE}, {405, BCD_REFUSED}, {406, BCD_REFUSED}, {408, BCD_TROUBLE},
		{409, BCD_CONFLICT}, {410, BCD_GONE}, {413, BCD_TOO_LARGE}, {414, BCD_TOO_LARGE},
		{415, BCD_REFUSED}, {418, BCD_REFUSED}, {422, BCD_REFUSED}, {423, BCD_TROUBLE},
		{429, BCD_AGAIN}, {499, BCD_TROUBLE}, {500, BCD_TROUBLE}, {501, BCD_STOP_FEED},
		{502, BCD_TROUBLE}, {503, BCD_TROUBLE}, {504, BCD_TROUBLE}, {505, BCD_STOP_FEED},
		{507, BCD_STOP_FEED}, {520, BCD_TROUBLE}, {599, BCD_TROUBLE},
		{0, BCD_TROUBLE}, {101, BCD_TROUBLE}, {999, BCD_TROUBLE}
	};
	int			i;
	long		status;
	bool		advised = true;

	for (i = 0; i < lengthof(table); i++)
		ok(bcd_retry_verdict(BCD_HTTP_REPLIED, table[i].status) == table[i].verdict,
		   "status %ld", table[i].status);
	is_int(bcd_retry_verdict(BCD_HTTP_UNKNOWN, 0), BCD_TROUBLE, "no reply");
	is_int(bcd_retry_verdict(BCD_HTTP_UNKNOWN, 200), BCD_TROUBLE, "half a reply is none");
	is_int(bcd_retry_verdict(BCD_HTTP_NOT_SENT, 0), BCD_TROUBLE, "a request never sent");

	/* whatever stops for a human must say what the human is to do */
	for (status = 0; status < 1000; status++)
	{
		BcdVerdict	verdict = bcd_retry_verdict(BCD_HTTP_REPLIED, status);

		if (verdict == BCD_STOP_STORE || verdict == BCD_STOP_FEED)
			advised &= bcd_retry_advice(status) != NULL;
	}
	ok(advised, "whatever stops a feed or a store comes with advice");
	ok(bcd_retry_advice(200) == NULL, "there is none for success");
}

static void
test_backoff(void)
{
	int64		previous = 0;
	bool		growing = true;
	int			i;

	is_int(bcd_retry_backoff_ms(1, false, 0.5), 1000, "a read: a second at first");
	is_int(bcd_retry_backoff_ms(2, false, 0.5), 2000, "then two");
	is_int(bcd_retry_backoff_ms(1, true, 0.5), 2000, "a write: two at first");
	is_int(bcd_retry_backoff_ms(5, true, 0.5), 32000, "then doubling");
	is_int(bcd_retry_backoff_ms(1, false, 0.0), 800, "a fifth less");
	is_int(bcd_retry_backoff_ms(1, false, 0.999999), 1199, "to a fifth more");
	is_int(bcd_retry_backoff_ms(0, false, 0.5), 1000, "no attempt counts as one");
	is_int(bcd_retry_backoff_ms(-5, false, 0.5), 1000, "nor do fewer");
	for (i = 1; i < 20; i++)
	{
		int64		delay = bcd_retry_backoff_ms(i, true, 0.5);

		growing &= delay >= previous;
		previous = delay;
	}
	ok(growing, "it never shrinks");
	ok(bcd_retry_backoff_ms(1000000, true, 0.999999) <= 120000, "never more than two minutes");
	ok(bcd_retry_backoff_ms(1000000, true, 0.0) >= 96000, "and not much less");
}

int
main(void)
{
	test_verdicts();
	test_backoff();
	return tap_done();
}
