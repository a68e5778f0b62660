/*
 * html.c
 *		Compares two HTML strings by meaning.
 *
 * A store may reformat HTML in undocumented ways. So two strings are compared
 * after removing differences that never change their meaning: the amount of
 * white space, <br /> for <br>, the case of tags and attributes, the kind of
 * quotes, characters written as references.
 *
 * Both strings are read side by side in a common form, which is not stored
 * anywhere.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "payload/html.h"
#include "payload/htmlnames.inc"

/* Results of a reader other than bytes */
#define END			(-1)
#define PLAIN(c)	(256 + (c)) /* a character that is no markup here */

/* A reader of one string */
typedef struct BcdHtml
{
	const char *at;
	const char *end;
	bool		tag;			/* between < and > */
	char		quote;			/* of the attribute's value, 0: outside */
	int			last;			/* what was returned last */
	unsigned char bytes[BCD_HTML_VALUE_BYTES];	/* of a character reference */
	int			nbytes;
	int			nread;
} BcdHtml;

/* The standard interprets &#128; to &#159; as characters of Windows-1252 */
static const pg_wchar windows_1252[32] = {
	0x20AC, 0x81, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
	0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D, 0x017D, 0x8F,
	0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
	0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D, 0x017E, 0x0178
};

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_spaces(BcdHtml *html)
{
	while (html->at < html->end && is_space(*html->at))
		html->at++;
}

/* The character for a number, by the standard's rules. */
static pg_wchar
numbered(uint32 number)
{
	if (number >= 0x80 && number <= 0x9F)
		return windows_1252[number - 0x80];
	if (number == 0 || number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF))
		return 0xFFFD;
	return number;
}

/* Reads "#233" or "#xE9" and its semicolon, if any; returns its length, 0: not a reference. */
static int
read_number(BcdHtml *html, const char *p)
{
	const char *start = p++;
	bool		hex = p < html->end && (*p == 'x' || *p == 'X');
	const char *digits = hex ? ++p : p;
	uint32		number = 0;
	pg_wchar	character;

	for (; p < html->end && (hex ? isxdigit((unsigned char) *p) : isdigit((unsigned char) *p)); p++)
	{
		int			digit = isdigit((unsigned char) *p) ? *p - '0' : (*p | 0x20) - 'a' + 10;

		number = Min(number * (hex ? 16 : 10) + digit, 0x110000);
	}
	if (p == digits)
		return 0;
	character = numbered(number);
	(void) unicode_to_utf8(character, html->bytes);
	html->nbytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	return p - start + (p < html->end && *p == ';');
}

/* The place in html_names of a name of this length, or of the next one. */
static int
place_of(const char *name, int len)
{
	int			low = 0;
	int			high = lengthof(html_names);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		int			order = strncmp(html_names[middle].name, name, len);

		/* a longer name that begins like this one comes after it */
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Reads the longest known name; returns its length, 0: not a name. */
static int
read_name(BcdHtml *html, const char *p)
{
	int			len = 0;
	int			place = 0;

	while (len < BCD_HTML_NAME_BYTES && p + len < html->end && isalnum((unsigned char) p[len]))
		len++;
	if (len < BCD_HTML_NAME_BYTES && p + len < html->end && p[len] == ';')
		len++;
	for (; len > 0; len--)
	{
		place = place_of(p, len);
		if (place < lengthof(html_names) && strncmp(html_names[place].name, p, len) == 0 &&
			html_names[place].name[len] == '\0')
			break;
	}
	/* in an address, "&copy=1" is a parameter */
	if (len == 0 || (html->quote && p[len - 1] != ';' && p + len < html->end &&
					 (p[len] == '=' || isalnum((unsigned char) p[len]))))
		return 0;
	html->nbytes = strlen(html_names[place].value);
	memcpy(html->bytes, html_names[place].value, html->nbytes);
	return len;
}

/* Reads a reference at "&" into bytes; false: not a reference. */
static bool
read_reference(BcdHtml *html)
{
	const char *p = html->at + 1;
	int			len = 0;

	if (p < html->end)
		len = *p == '#' ? read_number(html, p) : read_name(html, p);
	if (len > 0)
	{
		html->at = p + len;
		html->nread = 0;
	}
	return len > 0;
}

/* Reads the next character if it is written as a reference. */
static bool
is_referred(BcdHtml *html)
{
	return html->nread < html->nbytes ||
		(html->at < html->end && *html->at == '&' && read_reference(html));
}

/* Skips white space, written as is or as a reference. */
static bool
skip_text_spaces(BcdHtml *html)
{
	bool		skipped = false;

	for (;;)
	{
		if (is_referred(html))
		{
			if (!is_space(html->bytes[html->nread]))
				return skipped;
			html->nread++;
		}
		else if (html->at < html->end && is_space(*html->at))
			html->at++;
		else
			return skipped;
		skipped = true;
	}
}

/* Is there nothing left to read? */
static bool
is_at_end(const BcdHtml *html)
{
	return html->nread == html->nbytes && html->at >= html->end;
}

/* The next byte of text, or of an attribute's value; "<" and the like are PLAIN. */
static int
read_character(BcdHtml *html)
{
	int			c = is_referred(html) ? html->bytes[html->nread++] : (unsigned char) *html->at++;

	return c == '<' || c == '>' || c == '"' || c == '\'' ? PLAIN(c) : c;
}

static int
read_quoted(BcdHtml *html)
{
	if (html->nread == html->nbytes && *html->at == html->quote)
	{
		html->at++;
		html->quote = 0;
		return '"';
	}
	return read_character(html);
}

static int
read_tag(BcdHtml *html)
{
	char		c;

	if (is_space(*html->at))
	{
		skip_spaces(html);
		if (html->at < html->end && *html->at != '>' && *html->at != '/' && *html->at != '=' &&
			html->last != '=')
			return ' ';
	}
	if (html->at + 1 < html->end && html->at[0] == '/' && html->at[1] == '>' && html->last != '<')
		html->at++;
	if (html->at >= html->end)
		return END;
	c = *html->at++;
	if (c == '>')
		html->tag = false;
	if (c == '"' || c == '\'')
	{
		html->quote = c;
		return '"';
	}
	return (unsigned char) pg_ascii_tolower((unsigned char) c);
}

/* The next byte of the common form */
static int
next(BcdHtml *html)
{
	if (is_at_end(html))
		return END;
	if (html->tag)
		return html->quote ? read_quoted(html) : read_tag(html);
	if (skip_text_spaces(html))
	{
		if (is_at_end(html))
			return END;
		if (html->last != END)
			return ' ';
	}
	if (!is_referred(html) && html->at + 1 < html->end && html->at[0] == '<' &&
		(isalpha((unsigned char) html->at[1]) || html->at[1] == '/' || html->at[1] == '!'))
	{
		html->at++;
		html->tag = true;
		return '<';
	}
	return read_character(html);
}

static void
start(BcdHtml *html, const char *text, int len)
{
	memset(html, 0, sizeof(*html));
	html->at = text;
	html->end = text + len;

	html->last = END;
}

bool
bcd_same_html(const char *a, int alen, const char *b, int blen)
{
	BcdHtml		one;
	BcdHtml		other;

	start(&one, a, alen);
	start(&other, b, blen);
	do
	{
		one.last = next(&one);
		other.last = next(&other);
		if (one.last != other.last)
			return false;
	} while (one.last != END);
	return true;
}

/* A byte of text that is read as it is */
static bool
is_plain(char c)
{
	return c != '<' && c != '>' && c != '&' && c != '"' && c != '\'' && !is_space(c);
}

/* Appends what next() would return of the plain bytes that follow; most are. */
static void
append_plain(BcdHtml *html, StringInfo out)
{
	const char *p = html->at;

	if (html->tag || html->nread < html->nbytes)
		return;
	while (p < html->end && is_plain(*p))
		p++;
	enlargeStringInfo(out, 2 * (p - html->at));
	for (; html->at < p; html->at++)
	{
		out->data[out->len++] = '\0';
		out->data[out->len++] = *html->at;
		html->last = (unsigned char) *html->at;
	}
	out->data[out->len] = '\0';
}

/*
 * Appends the common form of a string, which is the same for all strings that
 * mean the same, and for no others.
 */
void
bcd_html_append(StringInfo out, const char *text, int len)
{
	BcdHtml		html;

	start(&html, text, len);
	for (;;)
	{
		append_plain(&html, out);
		html.last = next(&html);
		if (html.last == END)
			return;
		appendStringInfoChar(out, (char) (html.last >> 8));
		appendStringInfoChar(out, (char) html.last);
	}
}
