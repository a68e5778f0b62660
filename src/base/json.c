/*
 * json.c
 *		Reading the store's replies with cJSON, within limits; escaping.
 *
 * cJSON accepts nearly any input: it recurses, accepts any bytes as UTF-8,
 * ends a string at an escaped NUL, stores numbers as doubles and needs 150
 * bytes per value. So a text is scanned, and its values are counted, before
 * cJSON sees it, and integers are accepted only if a double holds them
 * exactly.
 */
#include "postgres.h"

#include <math.h>

#include "base/json.h"
#include "mb/pg_wchar.h"

#define MAX_EXACT_INTEGER	9007199254740992.0	/* 2^53 */

static bool scan_string(char **position, char *end, const char **reason);
static void scan_unicode_escape(char **position, char *end);
static int	hex4(const char *text);
static const cJSON *child(const cJSON *parent, const char *name, size_t len);

/*
 * Parse a reply.  The result is malloc'd: cJSON_Delete() it.  NULL and a
 * static *reason if it is not JSON or exceeds the limits.
 *
 * The text is changed in place: escapes that name no character (NUL, lone
 * surrogates) become U+FFFD, since cJSON would truncate or refuse the string.
 */
cJSON *
bcd_json_parse(char *text, size_t len, const char **reason)
{
	cJSON	   *root;
	const char *end = NULL;

	*reason = NULL;
	if (text == NULL || len > BCD_JSON_MAX_SIZE)
	{
		*reason = text == NULL ? "empty" : "too large";
		return NULL;
	}
	if (!bcd_json_scan(text, len, reason))
		return NULL;

	root = cJSON_ParseWithLengthOpts(text, len, &end, false);
	if (root == NULL)
	{
		*reason = "not valid JSON";
		return NULL;
	}
	while (end < text + len)
	{
		if (strchr(" \t\r\n", *end) == NULL)
		{
			cJSON_Delete(root);
			*reason = "text after the JSON value";
			return NULL;
		}
		end++;
	}
	return root;
}

/*
 * Check encoding, depth and number of values of a text, and make its escapes
 * harmless: whoever parses it then needs little memory.  False, and a static
 * *reason, if it exceeds the limits.  A value follows on each comma and each
 * bracket that opens.
 */
bool
bcd_json_scan(char *text, size_t len, const char **reason)
{
	char	   *p = text;
	char	   *end = text + len;
	int			depth = 0;
	int			values = 1;
	bool		empty = true;

	while (p < end)
	{
		char		c = *p++;

		if (c == '"')
		{
			if (!scan_string(&p, end, reason))
				return false;
		}
		else if (c == '[' || c == '{')
		{
			if (++depth > BCD_JSON_MAX_DEPTH)
			{
				*reason = "nested too deeply";
				return false;
			}
			values++;
		}
		else if (c == ',')
			values++;
		else if (c == ']' || c == '}')
			depth--;
		else if (c == '\0' || (IS_HIGHBIT_SET(c) && p - 1 != text))
		{
			/*
			 * outside strings there is only ASCII, except for a byte order
			 * mark
			 */
			*reason = "not valid JSON";
			return false;
		}
		else if (IS_HIGHBIT_SET(c))
		{
			if (end - p < 2 || memcmp(text, "\xEF\xBB\xBF", 3) != 0)
			{
				*reason = "not valid JSON";
				return false;
			}
			p += 2;
			continue;
		}
		if (strchr(" \t\r\n", c) == NULL)
			empty = false;
		if (values > BCD_JSON_MAX_VALUES)
		{
			*reason = "too many values";
			return false;
		}
	}
	if (empty)
		*reason = "empty";
	return !empty;
}

/* The inside of a string, up to and including the closing quote */
static bool
scan_string(char **position, char *end, const char **reason)
{
	char	   *p = *position;

	while (p < end && *p != '"')
	{
		if (*p == '\0')
		{
			*reason = "a NUL byte";
			return false;
		}
		if (*p == '\\')
		{
			if (end - p >= 2 && p[1] == 'u')
				scan_unicode_escape(&p, end);
			else
				p += 2;
		}
		else if (!IS_HIGHBIT_SET(*p))
			p++;
		else
		{
			int			l = bcd_utf8_length(p, end);

			if (l == 0)
			{
				*reason = "not valid UTF-8";
				return false;
			}
			p += l;
		}
	}
	if (p >= end)
	{
		*reason = "cut off";
		return false;
	}
	*position = p + 1;
	return true;
}

/* At a "\u": skip it, or a pair of surrogates */
static void
scan_unicode_escape(char **position, char *end)
{
	char	   *p = *position;
	int			code = end - p >= 6 ? hex4(p + 2) : -1;
	int			low;

	*position = p + (code < 0 ? 2 : 6);
	if (code >= 0xD800 && code <= 0xDBFF)
	{
		low = end - p >= 12 && p[6] == '\\' && p[7] == 'u' ? hex4(p + 8) : -1;
		if (low >= 0xDC00 && low <= 0xDFFF)
		{
			*position = p + 12;
			return;
		}
	}
	else if (code != 0 && !(code >= 0xDC00 && code <= 0xDFFF))
		return;
	memcpy(p, "\\ufffd", 6);
}

/* Four hexadecimal digits, or -1 */
static int
hex4(const char *text)
{
	int			value = 0;
	int			i;

	for (i = 0; i < 4; i++)
	{
		char		c = text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/* Length of the UTF-8 character at text, or 0 when there is none */
int
bcd_utf8_length(const char *text, const char *end)
{
	int			l = pg_utf_mblen((const unsigned char *) text);

	if (l > end - text || !pg_utf8_islegal((const unsigned char *) text, l))
		return 0;
	return l;
}

/*
 * Walk down names, as in "meta.pagination.total"; in an array a number is an
 * index.  NULL if a name is missing.
 */
const cJSON *
bcd_json_path(const cJSON *root, const char *path)
{
	const cJSON *item = root;

	while (item && *path)
	{
		size_t		len = strcspn(path, ".");

		item = child(item, path, len);
		path += len;
		if (*path == '.')
			path++;
	}
	return item;
}

static const cJSON *
child(const cJSON *parent, const char *name, size_t len)
{
	const cJSON *item;
	size_t		digits = strspn(name, "0123456789");

	if (cJSON_IsArray(parent))
		return digits == len && len > 0 && len < 9 ? cJSON_GetArrayItem(parent, atoi(name)) : NULL;
	if (!cJSON_IsObject(parent))
		return NULL;
	cJSON_ArrayForEach(item, parent)
	{
		if (strlen(item->string) == len && memcmp(item->string, name, len) == 0)
			return item;
	}
	return NULL;
}

/* The integer value of item; false if it is not an integer, or not exact in a double */
bool
bcd_json_int64(const cJSON *item, int64 *value)
{
	double		d;

	if (!cJSON_IsNumber(item))
		return false;
	d = item->valuedouble;
	if (!(fabs(d) < MAX_EXACT_INTEGER) || d != floor(d))
		return false;
	*value = (int64) d;
	return true;
}

/* The same of a field of an object, which may be missing */
bool
bcd_json_field_int64(const cJSON *object, const char *field, int64 *value)
{
	return bcd_json_int64(cJSON_GetObjectItemCaseSensitive(object, field), value);
}

/*
 * The id of a record; false, and 0, if the field is not a valid id: missing, a
 * string, a fraction, not greater than zero, out of range.
 */
bool
bcd_json_id(const cJSON *record, const char *field, int64 *id)
{
	if (bcd_json_field_int64(record, field, id) && *id > 0)
		return true;
	*id = 0;
	return false;
}

/*
 * Append text percent-encoded for a URL: everything except RFC 3986's
 * unreserved characters, so that no value can end a parameter or a list.
 */
void
bcd_url_escape(StringInfo out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++)
	{
		unsigned char c = *text;

		if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.' || c == '_' || c == '~')
			appendStringInfoChar(out, c);
		else
		{
			appendStringInfoChar(out, '%');
			appendStringInfoChar(out, hex[c >> 4]);
			appendStringInfoChar(out, hex[c & 15]);
		}
	}
}
