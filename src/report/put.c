/*
 * put.c
 *		Writes HTML, and escapes every value that goes into it.
 *
 * This is the only place where a value becomes part of a page, and nothing gets
 * past it: names and messages come from users, sources and stores, all of which
 * may be hostile.  What is written is printable ASCII and nothing else, with
 * character references for the rest.  So the page has the same bytes in any
 * encoding, and without line breaks, tabs and backslashes neither psql nor COPY
 * has anything to change in it.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"

#include "base/compat.h"
#include "base/one_line.h"
#include "report/put.h"

/* Longer texts and names are cut: pages stay small, whatever a table holds */
#define MAX_TEXT		300
#define MAX_NAME		60

/* No more bytes of a text are converted: more than enough for MAX_TEXT */
#define MAX_CONVERTED	16384

/* Marks that may stand over one letter; some hundred would cover the page */
#define MAX_MARKS		3

#define REPLACEMENT		0xFFFD
#define ELLIPSIS		0x2026

/* Marks that stand over letters */
static const pg_wchar marks[][2] = {
	{0x0300, 0x036F}, {0x0483, 0x0489}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F},
};

static bool
is_mark(pg_wchar c)
{
	int			i;

	for (i = 0; i < lengthof(marks); i++)
		if (c >= marks[i][0] && c <= marks[i][1])
			return true;
	return false;
}

static void
put_char(StringInfo out, pg_wchar c)
{
	if (c >= 0x80 || strchr("&<>\"'`\\", (int) c))
		appendStringInfo(out, "&#%u;", c);
	else
		appendStringInfoChar(out, (char) c);
}

/* Takes the next character of a text in UTF-8; broken bytes are replaced one by one. */
static pg_wchar
next_char(const unsigned char **s, const unsigned char *end)
{
	int			len = pg_utf_mblen(*s);
	pg_wchar	c = REPLACEMENT;

	if (len > end - *s || !pg_utf8_islegal(*s, len))
		len = 1;
	else
		c = utf8_to_unicode(*s);
	*s += len;
	return c;
}

/*
 * Converts the text, and never fails: one byte without an equivalent must not
 * cost the whole page.  Such a character is broken in what is returned, which
 * shows as replaced.
 */
static const char *
convert(const char *text, int encoding)
{
	Oid			proc = FindDefaultConversionProc(encoding, PG_UTF8);
	int			len = pg_mbcliplen(text, strlen(text), MAX_CONVERTED);
	int			size = len * MAX_CONVERSION_GROWTH + 1;
	char	   *part = palloc(size);
	StringInfoData utf8;

	initStringInfo(&utf8);
	while (len > 0)
	{
		int			n = 0;

		part[0] = '\0';
		if (OidIsValid(proc))
			n = bcd_convert_part(proc, encoding, PG_UTF8, text, len, (unsigned char *) part, size);
		appendStringInfoString(&utf8, part);
		if (n < len)
		{
			appendStringInfoChar(&utf8, IS_HIGHBIT_SET(text[n]) ? '\xFF' : text[n]);
			n += Min(pg_mblen(text + n), len - n);
		}
		text += n;
		len -= n;
	}
	return utf8.data;
}

/* The text in UTF-8, unless the database does not know its encoding. */
static const char *
as_utf8(const char *text)
{
	int			encoding = GetDatabaseEncoding();

	return encoding == PG_UTF8 || encoding == PG_SQL_ASCII ? text : convert(text, encoding);
}

static void
put_escaped(StringInfo out, const char *text, int max_chars)
{
	const unsigned char *s = (const unsigned char *) as_utf8(text);
	const unsigned char *end = s + strlen((const char *) s);
	int			chars = 0;
	int			stacked = 0;

	while (s < end)
	{
		pg_wchar	c = next_char(&s, end);

		stacked = is_mark(c) ? stacked + 1 : 0;
		if (stacked > MAX_MARKS)
			continue;
		if (++chars > max_chars)
		{
			put_char(out, ELLIPSIS);
			return;
		}
		if (bcd_char_breaks_line(c))
			c = ' ';
		else if (bcd_char_is_control(c))
			c = REPLACEMENT;
		put_char(out, c);
	}
}

/* See bcd_put(). */
void
bcd_put_texts(StringInfo out, const char *const *html_and_texts, int n)
{
	const char *html;
	int			i = 1;

	for (html = html_and_texts[0]; *html; html++)
	{
		if (*html != '$' && *html != '@')
		{
			Assert(*html >= ' ' && *html < 0x7F && *html != '\\');
			appendStringInfoChar(out, *html);
			continue;
		}
		if (i >= n)
			elog(ERROR, "a text is missing for a part of the page");
		if (html_and_texts[i])
			put_escaped(out, html_and_texts[i], *html == '$' ? MAX_TEXT : MAX_NAME);
		i++;
	}
	if (i < n)
		elog(ERROR, "a part of the page has no place for a text");
}
