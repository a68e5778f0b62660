/*
 * one_line.c
 *		Text of others as one harmless line.
 *
 * Names, reasons and messages come from users, sources and stores.  Where they
 * become part of a text that people read, they must not break its lines, nor
 * change the order of the characters around them.
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "base/one_line.h"

typedef struct Range
{
	pg_wchar	first;
	pg_wchar	last;
} Range;

/* What breaks a line somewhere */
static const Range breaks[] = {{0x09, 0x0D}, {0x85, 0x85}, {0x2028, 0x2029}};

/*
 * Controls, those that reorder the text around them, invisible tags, and what
 * is no character
 */
static const Range controls[] = {
	{0x00, 0x1F}, {0x7F, 0x9F}, {0x061C, 0x061C}, {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x206F},
	{0xD800, 0xDFFF}, {0xFDD0, 0xFDEF}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE0FFF},
	{0x110000, 0xFFFFFFFF},
};

static bool
is_in(pg_wchar c, const Range *ranges, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

bool
bcd_char_breaks_line(pg_wchar c)
{
	return is_in(c, breaks, lengthof(breaks));
}

bool
bcd_char_is_control(pg_wchar c)
{
	return is_in(c, controls, lengthof(controls));
}

/* The character at s, as far as its encoding is known to have controls of its own */
static pg_wchar
char_at(const char *s, int len)
{
	if (!IS_HIGHBIT_SET(*s))
		return (unsigned char) *s;
	if (GetDatabaseEncoding() == PG_UTF8 && pg_utf8_islegal((const unsigned char *) s, len))
		return utf8_to_unicode((const unsigned char *) s);
	return 'x';
}

/*
 * Returns the text in one line: what breaks lines is a space, and controls are
 * left out.  Longer ones are cut, which three dots show.
 */
char *
bcd_one_line(const char *text, int max_chars)
{
	const char *end = text + strlen(text);
	StringInfoData out;
	int			chars = 0;

	initStringInfo(&out);
	while (text < end)
	{
		int			len = Min(pg_mblen(text), end - text);
		pg_wchar	c = char_at(text, len);

		if (++chars > max_chars)
		{
			appendStringInfoString(&out, "...");
			break;
		}
		if (bcd_char_breaks_line(c))
			appendStringInfoChar(&out, ' ');
		else if (!bcd_char_is_control(c))
			appendBinaryStringInfo(&out, text, len);
		text += len;
	}
	return out.data;
}
