/*
 * secret.c
 *		Masks a token in the store's replies.
 *
 * A store, or a proxy in between, may repeat the token in a body or a header,
 * and parts of both are recorded and shown.  The token is masked as it is,
 * with any of its characters escaped as in JSON, URLs and HTML, and in base64.
 * Nothing helps against a store that deliberately disguises its own token.
 *
 * The text keeps its length, and JSON remains JSON: the mask is of asterisks.
 */
#include "postgres.h"

#include "base/secret.h"

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
digit(char c, int base)
{
	int			value;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	else
		return -1;
	return value < base ? value : -1;
}

/* Returns the number formed by exactly this many digits at p, or -1. */
static int
number(const char *p, const char *end, int digits, int base)
{
	int			value = 0;

	if (end - p < digits)
		return -1;
	while (digits-- > 0)
	{
		int			d = digit(*p++, base);

		if (d < 0)
			return -1;
		value = value * base + d;
	}
	return value;
}

/*
 * Returns the end of an HTML reference like "&#x2f;" to a character, or NULL.
 */
static const char *
html_reference(const char *p, const char *end, char c)
{
	int			base = 10;
	int			value = 0;

	p += 2;
	if (p < end && (*p == 'x' || *p == 'X'))
	{
		base = 16;
		p++;
	}
	while (p < end && digit(*p, base) >= 0 && value < 0x1000)
		value = value * base + digit(*p++, base);
	if (value != (unsigned char) c)
		return NULL;
	return p < end && *p == ';' ? p + 1 : p;
}

/* Returns the end of a character in any of its spellings, or NULL. */
static const char *
match_char(const char *p, const char *end, char c)
{
	if (p >= end)
		return NULL;
	if (*p == c)
		return p + 1;
	if (*p == '\\' && end - p >= 2 && p[1] == c)
		return p + 2;
	if (*p == '\\' && end - p >= 2 && p[1] == 'u')
		return number(p + 2, end, 4, 16) == (unsigned char) c ? p + 6 : NULL;
	if (*p == '%')
		return number(p + 1, end, 2, 16) == (unsigned char) c ? p + 3 : NULL;
	if (*p == '&' && end - p >= 3 && p[1] == '#')
		return html_reference(p, end, c);
	return NULL;
}

/* Returns the end of the token at p, or NULL. */
static const char *
match(const char *p, const char *end, const char *token)
{
	while (p && *token)
		p = match_char(p, end, *token++);
	return p;
}

/*
 * Writes the digits of the token in base64, if the number of bytes before it
 * is this modulo three: only digits that depend on the token alone.  Returns
 * their number.
 */
static int
encode(const char *token, int before, char *out)
{
	int			bits = 8 * (before + (int) strlen(token));
	int			first = before * 8;
	int			n = 0;
	int			at;

	/* six bits at a time, without bits of neighboring bytes */
	for (at = (first + 5) / 6 * 6; at + 6 <= bits; at += 6)
	{
		int			value = 0;
		int			i;

		for (i = at; i < at + 6; i++)
			value = value * 2 + ((token[i / 8 - before] >> (7 - i % 8)) & 1);
		out[n++] = base64[value];
	}
	return n;
}

/* Is this the base64 at p?  URLs have '-' and '_' instead of '+' and '/'. */
static bool
is_base64(const char *p, const char *digits, int n)
{
	int			i;

	for (i = 0; i < n; i++)
		if (p[i] != digits[i] && !(p[i] == '-' && digits[i] == '+') &&
			!(p[i] == '_' && digits[i] == '/'))
			return false;
	return true;
}

/*
 * Searches for the digits from their end (Boyer, Moore and Horspool): a digit
 * that does not occur in them rules out as many places as there are digits, so
 * only a small part of a long reply is looked at.
 */
static void
mask_base64(char *text, size_t len, const char *token, int before)
{
	char		digits[1400];
	int			shift[256];
	int			n;
	int			i;
	size_t		at;

	if (strlen(token) < BCD_SECRET_MIN_BYTES || strlen(token) * 4 / 3 + 4 > sizeof(digits))
		return;
	n = encode(token, before, digits);
	if ((size_t) n > len)
		return;
	for (i = 0; i < lengthof(shift); i++)
		shift[i] = n;
	for (i = 0; i < n - 1; i++)
	{
		shift[(unsigned char) digits[i]] = n - 1 - i;
		if (digits[i] == '+')
			shift['-'] = n - 1 - i;
		if (digits[i] == '/')
			shift['_'] = n - 1 - i;
	}
	for (at = 0; at + n <= len; at += shift[(unsigned char) text[at + n - 1]])
		if (is_base64(text + at, digits, n))
			memset(text + at, '*', n);
}

/* Masks every occurrence of the token in the text. */
void
bcd_secret_mask(char *text, size_t len, const char *token)
{
	bool		begins[256] = {false};
	char	   *end;
	char	   *p;
	int			before;

	if (text == NULL || token[0] == '\0')
		return;
	end = text + len;
	begins[(unsigned char) token[0]] = true;
	begins['\\'] = begins['%'] = begins['&'] = true;
	for (p = text; p < end; p++)
	{
		const char *behind = begins[(unsigned char) *p] ? match(p, end, token) : NULL;

		if (behind == NULL)
			continue;
		memset(p, '*', behind - p);
		p = text + (behind - text) - 1;
	}
	for (before = 0; before < 3; before++)
		mask_base64(text, len, token, before);
}
