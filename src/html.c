/*
 * html.c
 *		Do two texts of HTML say the same?
 *
 * A store may keep HTML in its own spelling; what it does to it is not
 * documented.  So texts are compared after undoing what never changes their
 * meaning: the amount of white space, <br /> for <br>, the case of tags and
 * attributes, the kind of quotes, characters written as references.
 *
 * Both texts are read side by side as the spelling they have in common; it is
 * nowhere stored.
 */
#include "postgres.h"

#include <ctype.h>

#include "mb/pg_wchar.h"

#include "html.h"

/* What a reader returns besides bytes */
#define END			(-1)
#define PLAIN(c)	(256 + (c)) /* a character that is no markup here */

/* Longest reference that is understood, without "&" and ";" */
#define REFERENCE_BYTES		8

/* A reader of one text */
typedef struct BcdHtml
{
	const char *at;
	const char *end;
	bool		tag;			/* between < and > */
	char		quote;			/* of the attribute's value, 0: in none */
	int			last;			/* what was returned last */
	unsigned char bytes[8];		/* of a character reference */
	int			nbytes;
	int			nread;
} BcdHtml;

static const struct
{
	const char *name;
	pg_wchar	character;
}			references[] = {
	{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}, {"nbsp", 0xA0}
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

/* The character that a reference's name or number stands for; 0: unknown */
static pg_wchar
referred(const char *name)
{
	unsigned long number;
	char	   *end;
	int			i;

	for (i = 0; i < lengthof(references); i++)
		if (strcmp(references[i].name, name) == 0)
			return references[i].character;
	if (name[0] != '#')
		return 0;
	if (name[1] == 'x' || name[1] == 'X')
		number = isxdigit((unsigned char) name[2]) ? strtoul(name + 2, &end, 16) : 0;
	else
		number = isdigit((unsigned char) name[1]) ? strtoul(name + 1, &end, 10) : 0;
	return number > 0 && *end == '\0' && number <= 0x10FFFF ? (pg_wchar) number : 0;
}

/* Reads a reference at "&"; false: there is none. */
static bool
read_reference(BcdHtml *html)
{
	char		name[REFERENCE_BYTES + 1];
	const char *p = html->at + 1;
	pg_wchar	character;
	int			len = 0;

	while (p < html->end && *p != ';' && len < REFERENCE_BYTES)
		name[len++] = *p++;
	name[len] = '\0';
	if (p >= html->end || *p != ';' || (character = referred(name)) == 0)
		return false;
	html->at = p + 1;
	(void) unicode_to_utf8(character, html->bytes);
	html->nbytes = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	html->nread = 0;
	return true;
}

/* The next byte of a text, or of an attribute's value; "<" and such are PLAIN. */
static int
read_character(BcdHtml *html)
{
	int			c;

	if (html->nread == html->nbytes && (*html->at != '&' || !read_reference(html)))
		c = (unsigned char) *html->at++;
	else
		c = html->bytes[html->nread++];
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

/* The next byte of the common spelling */
static int
next(BcdHtml *html)
{
	if (html->nread == html->nbytes && html->at >= html->end)
		return END;
	if (html->tag)
		return html->quote ? read_quoted(html) : read_tag(html);
	if (html->nread == html->nbytes && is_space(*html->at))
	{
		skip_spaces(html);
		if (html->at >= html->end)
			return END;
		if (html->last != END)
			return ' ';
	}
	if (html->nread == html->nbytes && html->at + 1 < html->end && html->at[0] == '<' &&
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
	html->end = text +len;

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
