/*
 * error_text.c
 *		Turns an error reply into one readable line.
 *
 * Error replies come as the V3 envelope, as lists in several forms, as V2
 * arrays, as plain text, as a proxy's HTML page, or empty; the content type is
 * no guide.
 *
 * The line is gathered in a buffer of fixed size, so that nothing throws
 * while the cJSON tree is alive.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/json.h"

/* Raw error text, before cleaning; longer than the part that is shown */
typedef struct Line
{
	char text[	4 * BCD_JSON_ERROR_MAX];
	int			len;
} Line;

#define MAX_LISTED_ERRORS	5	/* for a batch; the rest is counted */

static bool line_from_json(Line *line, const char *body, size_t len);
static void line_from_html(Line *line, const char *body, size_t len);
static const char *skip_tag(const char *p, const char *end);
static char entity(const char **position, const char *end);
static void put(Line *line, const char *text, size_t len);
static void put_text(Line *line, const char *text);
static void put_error(Line *line, const cJSON *error);
static void put_list(Line *line, const cJSON *list);
static void put_map(Line *line, const cJSON *map);
static void put_aside(Line *line, const cJSON *error, const char *name);
static bool is_text(const cJSON *item);
static bool is_error_object(const cJSON *item);
static const char *reason_phrase(long status);
static void append_clean(StringInfo out, const char *text, size_t len, int room);

/*
 * One short line about an error reply, such as "409 The name is taken (sku:
 * the SKU is not unique)"; or about one with status 200 that is not what was
 * expected.  Control characters are dropped, and a long text is truncated.
 */
void
bcd_json_error_text(StringInfo out, long status, const char *content_type,
					const char *body, size_t len)
{
	Line		line;
	char		number[32];
	int			digits;
	size_t		start = 0;
	int			before = out->len;

	line.len = 0;
	while (start < len && isspace((unsigned char) body[start]))
		start++;
	if (start < len && (body[start] == '<' ||
						(content_type && strstr(content_type, "html"))))
		line_from_html(&line, body + start, len - start);
	else if (start < len && !line_from_json(&line, body, len))
		put(&line, body + start, len - start);

	/* "502 Bad Gateway" needs no number in front */
	digits = snprintf(number, sizeof(number), "%ld ", status);
	if (line.len == 0)
		put_text(&line, reason_phrase(status));
	/* or else a success would look like the reason of a failure */
	if (status >= 200 && status < 300 && status != 207)
		appendStringInfoString(out, "unexpected reply: ");
	if (status > 0 && (line.len < digits || memcmp(line.text, number, digits) != 0))
		appendStringInfoString(out, number);
	append_clean(out, line.text, line.len, BCD_JSON_ERROR_MAX - (out->len - before));
}

/* False when the body is not JSON */
static bool
line_from_json(Line *line, const char *body, size_t len)
{
	const char *reason;
	char	   *copy;
	cJSON	   *root;

	/* the parser modifies its input; an endless error is not worth reading */
	if (len > BCD_JSON_ERROR_MAX_SIZE || (copy = malloc(len)) == NULL)
		return false;
	memcpy(copy, body, len);
	root = bcd_json_parse(copy, len, &reason);
	free(copy);
	if (root == NULL)
		return false;
	put_error(line, root);
	cJSON_Delete(root);
	return true;
}

/* A page's title says it all; without one, its text, tags dropped */
static void
line_from_html(Line *line, const char *body, size_t len)
{
	const char *p = body;
	const char *end = body + len;
	bool		in_title = false;

	while (p < end)
	{
		if (*p == '<')
		{
			if (end - p >= 6 && pg_strncasecmp(p, "<title", 6) == 0)
			{
				line->len = 0;
				in_title = true;
			}
			else if (in_title && end - p >= 7 && pg_strncasecmp(p, "</title", 7) == 0)
			{
				if (line->len > 0)
					return;
				in_title = false;
			}
			else
				put(line, " ", 1);
			p = skip_tag(p, end);
		}
		else if (*p == '&')
		{
			char		c = entity(&p, end);

			put(line, &c, 1);
		}
		else
			put(line, p++, 1);
	}

	/* nothing but tags */
	while (line->len > 0 && line->text[line->len - 1] == ' ')
		line->len--;
}

/* The position after the tag at p, and after the content of a script or style */
static const char *
skip_tag(const char *p, const char *end)
{
	static const char *const unseen[] = {"<script", "</script", "<style", "</style",
	"<!--", "-->"};
	int			i;

	for (i = 0; i < lengthof(unseen); i += 2)
	{
		size_t		l = strlen(unseen[i + 1]);

		if (end - p < strlen(unseen[i]) ||
			pg_strncasecmp(p, unseen[i], strlen(unseen[i])) != 0)
			continue;
		while (end - p >= l && pg_strncasecmp(p, unseen[i + 1], l) != 0)
			p++;
		break;
	}
	while (p < end && *p != '>')
		p++;
	return p < end ? p + 1 : end;
}

/* The character that the entity at *position stands for; a space if unknown */
static char
entity(const char **position, const char *end)
{
	static const struct
	{
		const char *name;
		char		c;
	}			known[] = {
		{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&#39;", '\''}
	};
	const char *p = *position;
	int			i;

	for (i = 0; i < lengthof(known); i++)
	{
		size_t		l = strlen(known[i].name);

		if (end - p >= l && memcmp(p, known[i].name, l) == 0)
		{
			*position = p + l;
			return known[i].c;
		}
	}
	for (i = 1; i < 10 && p + i < end; i++)
	{
		if (p[i] == ';')
		{
			*position = p + i + 1;
			return ' ';
		}
	}
	*position = p + 1;
	return '&';
}

/* Add to the line; text that does not fit would not be shown, and is dropped */
static void
put(Line *line, const char *text, size_t len)
{
	size_t		room = sizeof(line->text) - line->len;

	if (len > room)
		len = room;
	memcpy(line->text +line->len, text, len);
	line->len += len;
}

static void
put_text(Line *line, const char *text)
{
	put(line, text, strlen(text));
}

/*
 * Describes an error of any form: a headline, then details in parentheses. The
 * parser bounds the depth of the recursion.
 */
static void
put_error(Line *line, const cJSON *error)
{
	static const char *const headlines[] = {"title", "message", "detail", "description",
	"error_description", "error"};
	static const char *const asides[] = {"detail", "details", "errors", "field_errors", "data"};
	static const char *const lists[] = {"batch_errors", "errors", "error"};
	const cJSON *headline = NULL;
	int			start = line->len;
	int			i;

	if (cJSON_IsArray(error))
	{
		put_list(line, error);
		return;
	}
	if (!cJSON_IsObject(error))
	{
		if (is_text(error))
			put_text(line, error->valuestring);
		else if (cJSON_IsNumber(error))
		{
			char		number[32];

			snprintf(number, sizeof(number), "%.15g", error->valuedouble);
			put_text(line, number);
		}
		return;
	}

	for (i = 0; i < lengthof(headlines) && headline == NULL; i++)
	{
		headline = cJSON_GetObjectItemCaseSensitive(error, headlines[i]);
		if (!is_text(headline))
			headline = NULL;
	}
	if (headline)
	{
		put_text(line, headline->valuestring);
		for (i = 0; i < lengthof(asides); i++)
			if (cJSON_GetObjectItemCaseSensitive(error, asides[i]) != headline)
				put_aside(line, error, asides[i]);
		return;
	}

	/*
	 * without a headline, the members that contain errors need no
	 * introduction
	 */
	for (i = 0; i < lengthof(lists) && line->len == start; i++)
		put_error(line, cJSON_GetObjectItemCaseSensitive(error, lists[i]));
	if (line->len == start)
	{
		const cJSON *fields = cJSON_GetObjectItemCaseSensitive(error, "field_errors");

		if (fields)
		{
			put_map(line, fields);
			put_aside(line, error, "data");
		}
		else
			put_map(line, error);
	}
}

/* Errors one after the other; only the first of many */
static void
put_list(Line *line, const cJSON *list)
{
	const cJSON *item;
	int			n = 0;

	cJSON_ArrayForEach(item, list)
	{
		if (++n > MAX_LISTED_ERRORS)
			continue;
		if (n > 1)
			put_text(line, "; ");
		put_error(line, item);
	}
	if (n > MAX_LISTED_ERRORS)
	{
		char		more[48];

		snprintf(more, sizeof(more), "; and %d more", n - MAX_LISTED_ERRORS);
		put_text(line, more);
	}
}

/* "field: text, field: text" */
static void
put_map(Line *line, const cJSON *map)
{
	const cJSON *item;
	bool		first = true;

	cJSON_ArrayForEach(item, map)
	{
		if (!first)
			put_text(line, ", ");
		first = false;
		if (item->string)
		{
			put_text(line, item->string);
			put_text(line, ": ");
		}
		put_error(line, item);
	}
}

/* A member of an error, in parentheses; nothing if it is empty */
static void
put_aside(Line *line, const cJSON *error, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(error, name);
	int			before = line->len;
	int			start;

	put_text(line, " (");
	start = line->len;
	if (cJSON_IsObject(item) && !is_error_object(item))
		put_map(line, item);
	else
		put_error(line, item);
	if (line->len == start)
		line->len = before;
	else
		put_text(line, ")");
}

static bool
is_text(const cJSON *item)
{
	return cJSON_IsString(item) && item->valuestring[0] != '\0';
}

/* A separate error, rather than a map of fields that has a field "title" */
static bool
is_error_object(const cJSON *item)
{
	return cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(item, "status")) &&
		cJSON_IsString(cJSON_GetObjectItemCaseSensitive(item, "title"));
}

/* The meaning of a reply without a text */
static const char *
reason_phrase(long status)
{
	switch (status)
	{
		case 400:
			return "Bad Request";
		case 401:
			return "Unauthorized";
		case 403:
			return "Forbidden";
		case 404:
			return "Not Found";
		case 409:
			return "Conflict";
		case 413:
			return "Content Too Large";
		case 422:
			return "Unprocessable Content";
		case 429:
			return "Too Many Requests";
		case 500:
			return "Internal Server Error";
		case 502:
			return "Bad Gateway";
		case 503:
			return "Service Unavailable";
		case 504:
			return "Gateway Timeout";
		case 507:
			return "Insufficient Storage";
		default:
			return "(empty reply)";
	}
}

/*
 * Append at most room bytes of text: control characters and runs of spaces
 * become one space, bytes that are no UTF-8 become U+FFFD.
 */
static void
append_clean(StringInfo out, const char *text, size_t len, int room)
{
	const char *p = text;
	const char *end = text +len;
	int			limit = out->len + room - 3;	/* for the dots */
	bool		space = false;
	bool		any = false;

	while (p < end)
	{
		int			l = bcd_utf8_length(p, end);
		const char *c = l > 0 ? p : "\xEF\xBF\xBD";
		int			width = l > 0 ? l : 3;

		p += l > 0 ? l : 1;
		if ((width == 1 && (*c <= ' ' || *c == 0x7F)) ||
			(width == 2 && memcmp(c, "\xC2\x80", 2) >= 0 && memcmp(c, "\xC2\xA0", 2) <= 0))
		{
			space = any;
			continue;
		}
		if (out->len + width + (space ? 1 : 0) > limit)
		{
			appendStringInfoString(out, "...");
			return;
		}
		if (space)
			appendStringInfoChar(out, ' ');
		appendBinaryStringInfo(out, c, width);
		space = false;
		any = true;
	}
}
