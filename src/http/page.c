/*
 * page.c
 *		Pages that come in place of the API's reply.
 *
 * A firewall, a proxy, or a notice of maintenance answers with a page for
 * people, and with whatever status: 200, 403, 404.  What it says of a record is
 * not the store's word: a record would be taken for gone and created again, a
 * feed be paused for lack of a scope, or each row fail.  So such a page is no
 * reply, and what became of the request is unknown.
 *
 * Statuses that mean the same whoever sends them are left alone: those of
 * servers in trouble, of redirects, of tokens and proxies, of size and rate.
 */
#include "postgres.h"

#include <ctype.h>

#include "http/page.h"

/* Most bytes of a title that are repeated */
#define MOST_TITLE		80

/* Is the status the API's business only? */
static bool
speaks_of_a_record(long status)
{
	switch (status)
	{
		case 401:
		case 402:
		case 407:
		case 408:
		case 413:
		case 414:
		case 415:				/* the API's own has a page */
		case 423:
		case 425:
		case 429:
		case 499:
			return false;
		default:
			return (status >= 200 && status < 300) || (status >= 400 && status < 500);
	}
}

/* Returns the first byte that is neither white space nor a mark of the encoding. */
static const char *
begin_of(const char *text)
{
	if (strncmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	return text + strspn(text, " \t\r\n");
}

/*
 * Is what came with this status a page, and not the API's reply?  JSON never
 * begins with "<"; the type that the reply claims to have proves nothing.
 */
bool
bcd_page_stands_in(long status, const char *reply)
{
	return speaks_of_a_record(status) && reply && *begin_of(reply) == '<';
}

/* Says what came instead of a reply, with the title of the page if it has one. */
void
bcd_page_describe(long status, const char *page, char *error, size_t size)
{
	const char *tag = strstr(page, "<title");
	const char *from = tag ? strchr(tag, '>') : NULL;
	char		title[MOST_TITLE + 1];
	size_t		len = 0;

	if (from)
		from = begin_of(from + 1);
	for (; from && *from && *from != '<' && len < MOST_TITLE; from++)
		title[len++] = *from < ' ' || *from > '~' ? (isspace((unsigned char) *from) ? ' ' : '?') : *from;
	while (len > 0 && title[len - 1] == ' ')
		len--;
	title[len] = '\0';
	snprintf(error, size, len > 0 ? "a page came instead of the API's reply, with status %ld: \"%s\"" :
			 "a page came instead of the API's reply, with status %ld", status, title);
}
