/*
 * markdown.c
 *		Writes Markdown, and escapes every value that goes into it.
 *
 * This is the only place where a value becomes part of a paper.  Names and notes
 * come from users, sources and stores: in one line, they cannot end a table, a
 * quotation or a block of code; escaped, they are neither markup nor HTML.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/one_line.h"
#include "papers/markdown.h"

/* Longer texts are cut, so that a table can still be read */
#define MAX_TEXT	400
#define MAX_CODE	200

static bool
is_word(char c)
{
	return IS_HIGHBIT_SET(c) || isalnum((unsigned char) c);
}

/* Would this character, in this place, be markup, a part of HTML, or begin a link? */
static bool
means_something(const char *text, const char *s)
{
	bool		first = s == text;

	switch (*s)
	{
		case '\\':
		case '`':
		case '*':
		case '[':
		case ']':
		case '<':
		case '>':
		case '&':
		case '|':
		case '~':
		case '$':
			return true;
		case '_':
			return first || !is_word(s[-1]) || !is_word(s[1]);
		case ':':
			return strncmp(s, "://", 3) == 0;
		case '.':
			return (s - text >= 3 && pg_strncasecmp(s - 3, "www", 3) == 0) || (!first && strspn(text, "0123456789") == s - text);
		case ')':
			return !first && strspn(text, "0123456789") == s - text;
		case '#':
		case '+':
		case '-':
		case '=':
			return first;
		case '!':
			return s[1] == '[';
		default:
			return false;
	}
}

static void
put_text(StringInfo out, const char *text)
{
	const char *start = bcd_one_line(text, MAX_TEXT);
	const char *s;

	/* four of them would begin a block of code */
	if (out->len == 0 || out->data[out->len - 1] == '\n')
		start += strspn(start, " ");
	for (s = start; *s; s++)
	{
		if (means_something(start, s))
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *s);
	}
}

/* Returns the length of the longest sequence of a character. */
static int
longest(const char *text, char c)
{
	int			most = 0;
	int			n = 0;

	for (; *text; text++)
	{
		n = *text == c ? n + 1 : 0;
		most = Max(most, n);
	}
	return most;
}

static void
repeat(StringInfo out, char c, int n)
{
	while (n-- > 0)
		appendStringInfoChar(out, c);
}

/*
 * Code ends at as many backticks as it began with.  In a table, a bar ends a
 * cell even there, unless it is escaped; readers of Markdown take the backslash
 * away again.
 */
static void
put_code(StringInfo out, const char *text, bool in_table)
{
	char	   *code = bcd_one_line(text, MAX_CODE);
	int			ticks = longest(code, '`') + 1;
	bool		apart = code[0] == '`' || code[0] == ' ' || (code[0] && code[strlen(code) - 1] == '`');

	if (code[strspn(code, " ")] == '\0')
		return;
	if (in_table && strstr(code, "\\|"))
	{
		/* a backslash before the escaped bar would escape the escape */
		put_text(out, code);
		return;
	}
	repeat(out, '`', ticks);
	if (apart)
		appendStringInfoChar(out, ' ');
	for (; *code; code++)
	{
		if (in_table && *code == '|')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *code);
	}
	if (apart)
		appendStringInfoChar(out, ' ');
	repeat(out, '`', ticks);
}

/* See bcd_md(). */
void
bcd_md_texts(StringInfo out, const char *const *pattern_and_texts, int n)
{
	const char *pattern = pattern_and_texts[0];
	bool		in_table = strchr(pattern, '|') != NULL;
	int			i = 1;

	for (; *pattern; pattern++)
	{
		if (*pattern != '$' && *pattern != '@')
		{
			appendStringInfoChar(out, *pattern);
			continue;
		}
		if (i >= n)
			elog(ERROR, "a text is missing for a part of the paper");
		if (pattern_and_texts[i] && *pattern == '$')
			put_text(out, pattern_and_texts[i]);
		else if (pattern_and_texts[i])
			put_code(out, pattern_and_texts[i], in_table);
		i++;
	}
	if (i < n)
		elog(ERROR, "a part of the paper has no place for a text");
}

/* See bcd_md_block(). */
void
bcd_md_sql(StringInfo out, const char *const *lines)
{
	int			ticks = 3;
	int			i;

	for (i = 0; lines[i]; i++)
		ticks = Max(ticks, longest(lines[i], '`') + 1);
	repeat(out, '`', ticks);
	appendStringInfoString(out, "sql\n");
	for (i = 0; lines[i]; i++)
		appendStringInfo(out, "%s\n", bcd_one_line(lines[i], 2000));
	repeat(out, '`', ticks);
	appendStringInfoString(out, "\n\n");
}
