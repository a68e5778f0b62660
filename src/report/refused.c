/*
 * refused.c
 *		Rows that were refused, in plain words, and what to do about them.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "report/parts.h"
#include "report/put.h"
#include "report/refused.h"
#include "report/words.h"
#include "tables/pending_refused.h"
#include "tables/result_refused.h"

/* The longest key that a statement shows, in bytes */
#define MAX_KEY	100

/* What a status means for a merchant */
typedef struct Advice
{
	int			status;
	const char *title;
	const char *what_to_do;
	bool		again;			/* and then the rows have to be tried again */
} Advice;

static const Advice invalid = {
	0, "A value that the store would not take",
	"Correct the values in the source, or the expression of the field. The next push sends such rows by itself."
};

static const Advice by_status[] = {
	{400, "The store could not read what was sent", "Look at the expressions of the feed; then try again.", true},
	{401, "The store did not accept the access token", "Put a valid token into the user mapping of the server; then try again.", true},
	{402, "The store's account needs attention", "Look at its control panel; then try again.", true},
	{403, "The store does not allow this", "The API account may lack a scope, or the plan of the store does not include this. When it does, try again.", true},
	{404, "The record, or one it refers to, is gone from the store", "Look whether somebody has deleted it on purpose; if not, try again.", true},
	{409, "Another record has the same name or number", "Rename one of the two, or link the row to that record; then try again.", true},
	{413, "The row is too large for the store", "Shorten its texts, or send fewer elements with it."},
	{422, "The store refused the values", "Correct the rows in the source. The next push sends them by itself."},
	{429, "The store had no quota left", "Try again later.", true},
	{507, "The plan of the store allows no more of these records", "Remove some, or change the plan; then try again.", true},
};

static const Advice trouble = {
	0, "The store had trouble of its own",
	"Nothing is wrong with the rows as far as is known. Try again.", true
};

static const Advice other = {
	0, "It could not be done",
	"The message says why. When that is over, try again.", true
};

static const Advice *
advice_for(const BcdRefused *r)
{
	int			i;

	if (r->invalid)
		return &invalid;
	for (i = 0; i < lengthof(by_status); i++)
		if (by_status[i].status == r->status)
			return &by_status[i];
	return r->status >= 500 ? &trouble : &other;
}

/* The first rows, and how many more there are */
static void
put_keys(StringInfo out, const BcdRefused *r)
{
	int			shown = 0;

	bcd_put(out, "<p class=rows>$ of ", r->rows == 1 ? "Row" : "Rows");
	if (r->feeds > 1)
		bcd_put(out, "$, such as ", bcd_say_count(r->feeds, "feed", "feeds"));
	bcd_put(out, "<bdi>@</bdi>: ", r->feed);
	for (; shown < BCD_REFUSED_KEYS && r->keys[shown]; shown++)
		bcd_put(out, "$<bdi class=k>@</bdi>", shown ? ", " : "", r->keys[shown]);
	if (r->rows > shown)
		bcd_put(out, " and $ more", bcd_say_number(r->rows - shown));
	bcd_put(out, "</p>");
}

/* The statement that tries these rows again; names may run from right to left. */
static void
put_call(StringInfo out, const BcdRefused *r)
{
	const char *feed = quote_literal_cstr(r->feed);

	/* a statement is not cut */
	if (r->rows == 1 && strlen(r->keys[0]) < MAX_KEY)
		bcd_put(out, " <code>SELECT bcdelta.mark(<bdi>$</bdi>, <bdi>$</bdi>);</code>", feed, quote_literal_cstr(r->keys[0]));
	else if (r->feeds == 1)
		bcd_put(out, " <code>SELECT bcdelta.retry(<bdi>$</bdi>);</code>", feed);
	else
		bcd_put(out, " <code>SELECT bcdelta.retry();</code>");
}

static void
put_refused(StringInfo out, const BcdRefused *r)
{
	const Advice *advice = advice_for(r);
	bool		over = r->still == 0;

	bcd_put(out, "<li class=$><h3><b>$</b> $</h3><p class=said dir=auto>$</p>", over ? "past" : "now", bcd_say_number(r->rows), advice->title,
			r->message && r->message[0] ? r->message : "Nothing was said.");
	put_keys(out, r);
	if (over)
	{
		bcd_put(out, "<p class=todo>None of them is waiting any more.</p></li>");
		return;
	}
	bcd_put(out, "<p class=todo>");
	if (r->still < r->rows)
		bcd_put(out, "$ still waiting. ", bcd_say_count(r->still, "row is", "rows are"));
	bcd_put(out, "$", advice->what_to_do);
	if (advice->again)
		put_call(out, r);
	bcd_put(out, "</p></li>");
}

void
bcd_put_refused(StringInfo out, const BcdScope *scope)
{
	int			n = (int) (scope->run_id ? bcd_refused_in_runs(scope) : bcd_refused_now(scope));
	BcdRefused *of = palloc(sizeof(BcdRefused) * (n + 1));
	int			i;

	if (n == 0)
		return;
	for (i = 0; i < n; i++)
		bcd_refused_row(i, &of[i]);
	bcd_section(out, "refused", "What was refused, and what to do",
				of[0].more ? psprintf("Put together from %s; there are more.", bcd_say_count(BCD_REFUSED_ROWS, "row", "rows")) : NULL);
	bcd_put(out, "<ul class=cases>");
	for (i = 0; i < n; i++)
		put_refused(out, &of[i]);
	bcd_put(out, "</ul>");
	bcd_more(out, of[0].kinds - n, " kinds of refusals");
	bcd_section_end(out);
}
