/*
 * message.c
 *		Messages for people, made from templates.
 *
 * A template is text.  {name} stands for a value (placeholder.c), {{ and }} for
 * a brace.  It is looked through once, so nothing in a value means anything, and
 * it is no format string: no other character means anything either.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"

#include "papers/message.h"
#include "papers/placeholder.h"

const char *const bcd_message_events[] = {
	"planned", "tomorrow", "freeze", "delay", "go", "no_go", "stopped", "rolled_back", "live", "day_after", "week_after", NULL
};

const char *const bcd_message_audiences[] = {"internal", "support", "customers", NULL};

static const struct
{
	const char *language;
	const BcdTemplate *templates;
}			builtins[] = {
	{"en", bcd_templates_en},
	{"de", bcd_templates_de},
};

/* Returns the template that comes with bcdelta, or NULL: the language has none. */
const BcdTemplate *
bcd_template_builtin(const char *event, const char *audience, const char *language)
{
	const BcdTemplate *t = NULL;
	int			i;

	for (i = 0; i < lengthof(builtins); i++)
		if (strcmp(builtins[i].language, language) == 0)
			t = builtins[i].templates;
	for (; t && t->event; t++)
		if (strcmp(t->event, event) == 0 && strcmp(t->audience, audience) == 0)
			return t;
	return NULL;
}

/* What comes with bcdelta is in UTF-8. */
char *
bcd_template_text(const char *utf8)
{
	return pg_any_to_server(utf8, strlen(utf8), PG_UTF8);
}

/* The position of a byte, in characters, counted from 1 */
static int
position(const char *text, const char *at)
{
	return pg_mbstrlen_with_len(text, at - text) + 1;
}

static const BcdPlaceholder *
find(const char *text, const char *name, int len, const char *argument)
{
	const BcdPlaceholder *p = bcd_placeholder(name, len);

	if (p == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown placeholder \"{%.*s}\" in argument \"%s\"", pg_mbcliplen(name, len, 60), name, argument),
				 errdetail("It begins at character %d.", position(text, name - 1)),
				 errhint("The most similar one is {%s}. There are: %s.", bcd_placeholder_like(name, len), bcd_placeholder_names())));
	return p;
}

static void
bad_brace(const char *text, const char *at, const char *argument, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the brace at character %d of argument \"%s\" %s", position(text, at), argument, what),
			 errhint("A placeholder is a name in braces, such as {go_live}. Write {{ or }} for a brace that is none.")));
}

/*
 * Takes the next part of a template: a placeholder, which is returned, or NULL,
 * and *part and *len are text.  Returns false at the end.
 */
static bool
next_part(const char *text, const char **at, const char *argument, const BcdPlaceholder **p, const char **part, int *len)
{
	const char *s = *at;

	*p = NULL;
	*part = s;
	*len = strcspn(s, "{}");
	if (*s == '\0')
		return false;
	if (*len == 0 && s[0] == s[1])
	{
		*len = 1;
		*at = s + 2;
	}
	else if (*len == 0)
	{
		int			name = strcspn(s + 1, "{}\n");

		if (*s == '}')
			bad_brace(text, s, argument, "closes nothing");
		if (s[1 + name] != '}')
			bad_brace(text, s, argument, "is not closed");
		*p = find(text, s + 1, name, argument);
		*at = s + name + 2;
	}
	else
		*at = s + *len;
	return true;
}

/* Raises an error unless the text can be filled. */
void
bcd_template_check(const char *text, const char *argument)
{
	const char *at = text;
	const BcdPlaceholder *p;
	const char *part;
	int			len;

	while (next_part(text, &at, argument, &p, &part, &len))
		;
}

/* Appends a value; in one line, its lines are separated by semicolons. */
static void
append_value(StringInfo out, const char *value, bool one_line)
{
	for (; *value; value++)
	{
		if (one_line && *value == '\n')
			appendStringInfoString(out, "; ");
		else
			appendStringInfoChar(out, *value);
	}
}

/* Puts in the values. */
char *
bcd_template_fill(const char *text, BcdPaper *paper, bool one_line)
{
	const char *at = text;
	const BcdPlaceholder *p;
	const char *part;
	StringInfoData out;
	int			len;

	initStringInfo(&out);
	while (next_part(text, &at, one_line ? "subject" : "body", &p, &part, &len))
	{
		if (p)
			append_value(&out, p->value(paper), one_line);
		else
			appendBinaryStringInfo(&out, part, len);
	}
	return out.data;
}
