/*
 * template.c
 *		bcdelta.template: messages in the words of the merchant.
 *
 * Those that come with bcdelta are in the library, so that an upgrade improves
 * them, and a dump has the merchant's own ones only.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "base/db.h"
#include "tables/template.h"

static BcdStatement read_template = {
	"SELECT subject, body FROM bcdelta.template WHERE event = $1 AND audience = $2 AND language = $3",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

/* Reads a template of the merchant; false if there is none.  Keeps the current memory context. */
bool
bcd_template_read(const char *event, const char *audience, const char *language, char **subject, char **body)
{
	MemoryContext cxt = CurrentMemoryContext;
	Datum		args[] = {CStringGetTextDatum(event), CStringGetTextDatum(audience), CStringGetTextDatum(language)};
	uint64		n = bcd_query_as_seen(&read_template, args, NULL, 0);

	MemoryContextSwitchTo(cxt);
	if (n == 0)
		return false;
	*subject = bcd_column_text(0, 1);
	*body = bcd_column_text(0, 2);
	return true;
}

static BcdStatement delete_template = {
	"DELETE FROM bcdelta.template WHERE event = $1 AND audience = $2 AND language = $3",
	3, {TEXTOID, TEXTOID, TEXTOID}
};

static BcdStatement put_template = {
	"INSERT INTO bcdelta.template (event, audience, language, subject, body, by_role) VALUES ($1, $2, $3, $4, $5, $6)"
	" ON CONFLICT (event, audience, language) DO UPDATE SET subject = excluded.subject, body = excluded.body,"
	" by_role = excluded.by_role, set_at = excluded.set_at",
	6, {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};

/* Sets a template; body NULL: that which comes with bcdelta applies again. */
void
bcd_template_set(const char *event, const char *audience, const char *language,
				 const char *subject, const char *body, const char *by)
{
	char		nulls[] = "      ";
	Datum		args[6];

	args[0] = CStringGetTextDatum(event);
	args[1] = CStringGetTextDatum(audience);
	args[2] = CStringGetTextDatum(language);
	args[3] = bcd_text_or_null(subject, &nulls[3]);
	args[4] = bcd_text_or_null(body, &nulls[4]);
	args[5] = bcd_text_or_null(by, &nulls[5]);
	(void) bcd_execute(body ? &put_template : &delete_template, args, nulls);
}

static BcdStatement languages = {
	"SELECT language FROM bcdelta.template WHERE event = $1 AND audience = $2 ORDER BY language COLLATE \"C\"",
	2, {TEXTOID, TEXTOID}
};

/* The languages for which the merchant has a template of its own.  Keeps the current memory context. */
List *
bcd_template_languages(const char *event, const char *audience)
{
	Datum		args[] = {CStringGetTextDatum(event), CStringGetTextDatum(audience)};

	return bcd_column_list(bcd_select(&languages, args, NULL), 1);
}
