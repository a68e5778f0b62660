/*
 * address.c
 *		The addresses of records without an id.
 *
 * Such a record is identified by the values of its key, which are its address:
 * "3/901/usd", or "1/product_id=501" if the key has a choice of fields. An
 * address leads back to these values, so a record whose other contents are not
 * known can still be written or removed. All values are escaped as in a URL.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "base/casefold.h"
#include "base/compat.h"
#include "base/json.h"
#include "payload/address.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* Separates the parts of an address; a value has none, because it is escaped */
#define SEPARATOR	'/'

static char *
text_of(const char *field, const void *fields)
{
	char	   *text = fields ? bcd_payload_text((Jsonb *) fields, field) : NULL;

	return text && text[0] ? text : NULL;
}

/* Appends a value of the key, in the form that is the same for equal values. */
static void
append_value(StringInfo address, const BcdResource *resource, const char *name, const char *value)
{
	const BcdField *field = bcd_resource_field(resource, name);

	if (address->len > 0 && address->data[address->len - 1] != '=')
		appendStringInfoChar(address, SEPARATOR);
	bcd_url_escape(address, field && field->flags & BCD_F_NO_CASE ?
				   bcd_fold_case(value, strlen(value)) : value);
}

/*
 * Returns the field of the choice that a record is identified by, or NULL if it
 * has a value for none, or for several of them.
 */
static const char *
identity_of(const BcdResource *resource, BcdAddressValue value, const void *record)
{
	const char *const *field = resource->keys[0].one_of;
	const char *identity = NULL;

	for (; field && *field; field++)
	{
		if (value(*field, record) == NULL)
			continue;
		if (identity)
			return NULL;
		identity = *field;
	}
	return identity;
}

/*
 * Returns the address of a record, palloc'd, or NULL if its key is not
 * complete.
 */
char *
bcd_address_of(const BcdResource *resource, BcdAddressValue value, const void *record)
{
	const BcdKey *key = &resource->keys[0];
	StringInfoData address;
	int			i;

	initStringInfo(&address);
	for (i = 0; key->fields[i]; i++)
	{
		char	   *text = value(key->fields[i], record);

		if (text == NULL)
			return NULL;
		append_value(&address, resource, key->fields[i], text);
	}
	if (key->one_of)
	{
		const char *identity = identity_of(resource, value, record);

		if (identity == NULL)
			return NULL;
		appendStringInfo(&address, "%s%s=", address.len > 0 ? "/" : "", identity);
		append_value(&address, resource, identity, value(identity, record));
	}
	return address.data;
}

/* The same for a jsonb object of fields. */
char *
bcd_record_address(const BcdResource *resource, Jsonb *fields)
{
	return bcd_address_of(resource, text_of, fields);
}

/* Returns the field of the choice that identifies a record, or NULL. */
const char *
bcd_address_identity(const BcdResource *resource, Jsonb *fields)
{
	return resource->keys[0].one_of ? identity_of(resource, text_of, fields) : NULL;
}

/* Is a field part of the key? */
bool
bcd_is_address_field(const BcdResource *resource, const char *field)
{
	const char *const *lists[] = {resource->keys[0].fields, resource->keys[0].one_of};
	int			i;
	int			j;

	for (i = 0; i < lengthof(lists); i++)
		for (j = 0; lists[i] && lists[i][j]; j++)
			if (strcmp(lists[i][j], field) == 0)
				return true;
	return false;
}

/* Returns the names of the fields that make up an address; NULL ends the list. */
const char **
bcd_address_field_names(const BcdResource *resource, Jsonb *fields)
{
	const BcdKey *key = &resource->keys[0];
	const char **names;
	int			n = 0;

	while (key->fields[n])
		n++;
	names = palloc0(sizeof(char *) * (n + 2));
	memcpy(names, key->fields, sizeof(char *) * n);
	names[n] = bcd_address_identity(resource, fields);
	return names;
}

/*
 * Records are read and removed by lists. The API does not say how to write a
 * comma in one, so a removal of "A,B" might remove the records of A and B.
 */
static char *
has_comma(const BcdResource *resource, Jsonb *fields)
{
	const char *identity = bcd_address_identity(resource, fields);
	char	   *text = text_of(identity, fields);

	if (strchr(text, ',') == NULL)
		return NULL;
	return psprintf("%s: \"%s\" has a comma, and the API takes commas for separators of a list", identity, text);
}

/*
 * Returns why a row has no address, palloc'd, or NULL if it has one.
 */
char *
bcd_address_flaw(const BcdResource *resource, Jsonb *fields)
{
	const BcdKey *key = &resource->keys[0];
	StringInfoData names;
	int			chosen = 0;
	int			i;

	for (i = 0; key->fields[i]; i++)
		if (text_of(key->fields[i], fields) == NULL)
			return psprintf("%s: the row has no value, and it is part of the record's address",
							key->fields[i]);
	initStringInfo(&names);
	for (i = 0; key->one_of && key->one_of[i]; i++)
		if (text_of(key->one_of[i], fields))
			appendStringInfo(&names, "%s%s", chosen++ ? ", " : "", key->one_of[i]);
	if (chosen > 1)
		return psprintf("%s: the row has values for all of these, but only one may identify the record",
						names.data);
	if (chosen == 1)
		return has_comma(resource, fields);
	if (key->one_of == NULL)
		return NULL;
	for (i = 0; key->one_of[i]; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", key->one_of[i]);
	return psprintf("%s: the row has a value for none of these, and one has to identify the record",
					names.data);
}

/* Returns the value of a hexadecimal digit, or -1. */
static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 :
		c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads an escaped value up to the next separator, palloc'd. */
static char *
next_value(const char **at)
{
	StringInfoData value;

	initStringInfo(&value);
	for (; **at && **at != SEPARATOR; (*at)++)
	{
		int			high = **at == '%' ? hex_digit((*at)[1]) : -1;
		int			low = high >= 0 ? hex_digit((*at)[2]) : -1;

		if (low < 0)
			appendStringInfoChar(&value, **at);
		else
		{
			appendStringInfoChar(&value, (char) (high << 4 | low));
			*at += 2;
		}
	}
	if (**at)
		(*at)++;
	return value.data;
}

/* Adds a field with a value of an address. */
static Jsonb *
add_field(Jsonb *fields, const BcdResource *resource, const char *name, char *text)
{
	const BcdField *field = bcd_resource_field(resource, name);
	JsonbValue	v;

	if (field == NULL || text[0] == '\0')
		return NULL;
	v.type = jbvString;
	v.val.string.val = text;
	v.val.string.len = strlen(text);
	if (field->type == BCD_INTEGER)
	{
		if (strspn(text, "0123456789") != strlen(text))
			return NULL;
		v.type = jbvNumeric;
		v.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(text),
															ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	return bcd_payload_set(fields, name, &v);
}

/*
 * Returns the fields that make up an address, or NULL if it is not one of this
 * resource.
 */
Jsonb *
bcd_address_fields(const BcdResource *resource, const char *address)
{
	const BcdKey *key = &resource->keys[0];
	Jsonb	   *fields = NULL;
	int			i;

	for (i = 0; key->fields[i]; i++)
		if ((fields = add_field(fields, resource, key->fields[i], next_value(&address))) == NULL)
			return NULL;
	for (i = 0; key->one_of && key->one_of[i]; i++)
	{
		size_t		len = strlen(key->one_of[i]);

		if (strncmp(address, key->one_of[i], len) != 0 || address[len] != '=')
			continue;
		address += len + 1;
		fields = add_field(fields, resource, key->one_of[i], next_value(&address));
		return *address == '\0' ? fields : NULL;
	}
	return key->one_of || *address ? NULL : fields;
}

/* A member of what is known that no field has: nothing but the address is */
#define ADDRESS_ONLY	"?"

/* Returns the fields of an address, as all that is known of a record. */
Jsonb *
bcd_known_by_address(const BcdResource *resource, const char *address)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta address", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(scratch);
	Jsonb	   *fields = bcd_address_fields(resource, address);
	Jsonb	   *known = fields ? bcd_payload_set_bool(fields, ADDRESS_ONLY, true) : NULL;

	MemoryContextSwitchTo(old);
	if (known)
		return bcd_payload_keep(known, scratch);
	MemoryContextDelete(scratch);
	return NULL;
}

/* Is nothing known of a record but its address? */
bool
bcd_is_known_by_address(Jsonb *known)
{
	return known && bcd_payload_has(known, ADDRESS_ONLY);
}

static bool
is_field(const char *name, JsonbValue *value, void *arg)
{
	return strcmp(name, ADDRESS_ONLY) != 0;
}

typedef struct Contents
{
	const BcdResource *resource;
	bool		any;
} Contents;

static void
look_for_contents(const char *name, JsonbValue *value, void *arg)
{
	Contents   *c = arg;

	c->any |= strcmp(name, ADDRESS_ONLY) != 0 && !bcd_is_address_field(c->resource, name);
}

/* Does a payload have fields that are not part of the record's address? */
bool
bcd_has_contents(const BcdResource *resource, Jsonb *fields)
{
	Contents	c = {resource, false};

	if (fields)
		bcd_payload_each(fields, look_for_contents, &c);
	return c.any;
}

/* What is known of a record that was written since. */
Jsonb *
bcd_known_for_sure(Jsonb *known)
{
	return bcd_is_known_by_address(known) ? bcd_payload_filter(known, is_field, NULL) : known;
}

/*
 * Returns what is known of a linked record with this payload (NULL: not
 * known): where the record has no id, at least the fields of its address.
 */
Jsonb *
bcd_known_at(const BcdResource *resource, const char *address, Jsonb *payload)
{
	MemoryContext scratch;
	MemoryContext old;

	if (resource->id != NULL || address == NULL)
		return payload;
	if (payload == NULL)
		return bcd_known_by_address(resource, address);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "bcdelta address", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(scratch);
	payload = bcd_payload_merge(bcd_address_fields(resource, address), payload);
	MemoryContextSwitchTo(old);
	return bcd_payload_keep(payload, scratch);
}
