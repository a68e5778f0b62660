/*
 * typed_value.c
 *		Texts whose form another record determines.
 *
 * The value of a customer's attribute is a text, but the attribute may be a
 * number or a date.  If a feed has the attribute, its link tells the type, and
 * a value that does not fit is refused here rather than by the store, which
 * would refuse the whole request and name no row.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/db.h"
#include "feed/feed.h"
#include "feed/typed_value.h"
#include "payload/datetime.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link.h"

/* The field that says of which type the texts are */
#define TYPE	"type"

/* Digits, with a sign and a decimal point if need be */
static bool
is_number(const char *text)
{
	size_t		digits;

	text += *text == '-';
	digits = strspn(text, "0123456789");
	text += digits;
	if (digits == 0 || *text == '\0')
		return digits > 0;
	digits = strspn(text + 1, "0123456789");
	return *text == '.' && digits > 0 && text[1 + digits] == '\0';
}

/* A date as ISO 8601 has it, perhaps with a time */
static bool
is_date(const char *text)
{
	static const char form[] = "0000-00-00";
	int			i;

	for (i = 0; form[i]; i++)
		if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	return bcd_instant_text(text) != NULL;
}

static bool
fits(const char *type, const char *text)
{
	if (strcmp(type, "number") == 0)
		return is_number(text);
	if (strcmp(type, "date") == 0)
		return is_date(text);
	return true;
}

/* Returns the type that the record of another feed has, or NULL; palloc'd. */
static char *
type_of(const BcdFeed *feed, const char *resource, int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	BcdRights	rights;
	char	   *type;

	bcd_spi_begin(&rights);
	MemoryContextSwitchTo(cxt);
	type = bcd_link_text(feed->server, bcd_resource_find(resource), feed->server_store, id, TYPE);
	bcd_spi_end(&rights);
	return type;
}

/*
 * Returns what is wrong with a row's value of a field whose type another record
 * determines; NULL: nothing, as far as is known.
 */
char *
bcd_typed_flaw(const BcdFeed *feed, Jsonb *payload)
{
	const BcdResource *r = feed->resource;
	int			i;

	for (i = 0; i < r->nfields; i++)
	{
		const BcdField *field = &r->fields[i];
		int64		id = field->typed_by ? bcd_payload_integer(payload, field->typed_by) : 0;
		char	   *text = id != 0 ? bcd_payload_text(payload, field->name) : NULL;
		char	   *type = text ? type_of(feed, bcd_resource_field(r, field->typed_by)->refers_to, id) : NULL;

		if (type && !fits(type, text))
			return psprintf("%s: \"%s\" is not a %s, which %s " INT64_FORMAT " wants",
							field->name, text, type, field->typed_by, id);
	}
	return NULL;
}
