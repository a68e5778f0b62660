/*
 * casefold.c
 *		Strings without regard to the case of letters.
 *
 * Case folding follows the Unicode standard, not the database's locale, which
 * may know only ASCII letters: whether two names are equal for the store does
 * not depend on our database. A letter and its accent may be one character or
 * two, so strings are composed first (normalization form C).
 *
 * This is the standard's simple folding, which maps one letter to one letter:
 * a sharp s is not "ss", and the Turkish I with a dot is not "i". Stores
 * differ in this. If we miss a name that the store considers equal, the store
 * refuses the create; if we found a name wrongly, we would overwrite another
 * record.
 */
#include "postgres.h"

#include "common/unicode_norm.h"
#include "mb/pg_wchar.h"

#include "base/casefold.h"
#include "base/casefold.inc"

static bool
is_ascii(const char *text, int len)
{
	int			i;

	for (i = 0; i < len; i++)
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	return true;
}

/* The characters of a string, terminated by a zero; NULL if it is not valid UTF-8. */
static pg_wchar *
decoded(const char *text, int len)
{
	const unsigned char *at = (const unsigned char *) text;
	const unsigned char *end = at + len;
	pg_wchar   *chars = palloc(sizeof(pg_wchar) * (len + 1));
	int			n = 0;

	while (at < end)
	{
		int			bytes = pg_utf_mblen(at);

		if (bytes > end - at || !pg_utf8_islegal(at, bytes))
		{
			pfree(chars);
			return NULL;
		}
		chars[n++] = utf8_to_unicode(at);
		at += bytes;
	}
	chars[n] = 0;
	return chars;
}

static pg_wchar
folded(pg_wchar c)
{
	int			low = 0;
	int			high = lengthof(foldings) - 1;

	if (c < 0x80)
		return pg_ascii_tolower((unsigned char) c);
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (c > foldings[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	if (c < foldings[low].first || c > foldings[low].last ||
		(c - foldings[low].first) % foldings[low].step != 0)
		return c;
	return c + foldings[low].delta;
}

/* ASCII letters, and bytes of unknown meaning */
static char *
fold_bytes(const char *text, int len)
{
	char	   *result = pnstrdup(text, len);
	int			i;

	for (i = 0; i < len; i++)
		result[i] = pg_ascii_tolower((unsigned char) result[i]);
	return result;
}

/*
 * Maps all strings that differ only in case to the same string; palloc'd.
 */
char *
bcd_fold_case(const char *text, int len)
{
	pg_wchar   *chars = is_ascii(text, len) ? NULL : decoded(text, len);
	pg_wchar   *composed;
	char	   *result;
	char	   *out;
	int			n;
	int			i;

	if (chars == NULL)
		return fold_bytes(text, len);
	composed = unicode_normalize(UNICODE_NFC, chars);
	for (n = 0; composed[n]; n++)
		;
	result = out = palloc(n * 4 + 1);
	for (i = 0; i < n; i++)
	{
		(void) unicode_to_utf8(folded(composed[i]), (unsigned char *) out);
		out += pg_utf_mblen((unsigned char *) out);
	}
	*out = '\0';
	pfree(chars);
	pfree(composed);
	return result;
}
