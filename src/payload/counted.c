/*
 * counted.c
 *		Fields of which the store is sent differences.
 *
 * Others change such a field, too, like the stock of an item that the store
 * sells.  What is known of it is therefore not what the store holds, but what
 * the row had when it was last sent, and reading the record does not change
 * that.  A field that was never sent is set to the value of the row, once.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "payload/counted.h"
#include "payload/payload.h"

/*
 * The facet that writes changes of a field of the first facet under these
 * options, once it is known what the record has, or NULL
 */
const BcdFacet *
bcd_changing_facet(const BcdResource *resource, Jsonb *options)
{
	int			i;

	for (i = 1; i < resource->nfacets; i++)
	{
		const BcdFacet *facet = &resource->facets[i];
		char	   *is;

		if (facet->changes_of == NULL)
			continue;
		if (facet->by_option == NULL)
			return facet;
		is = options ? bcd_payload_text(options, facet->by_option) : NULL;
		if (is && strcmp(is, facet->by_value) == 0)
			return facet;
	}
	return NULL;
}

/* The same, if it sends differences */
const BcdFacet *
bcd_counting_facet(const BcdResource *resource, Jsonb *options)
{
	const BcdFacet *facet = bcd_changing_facet(resource, options);

	return facet && facet->update.endpoint->once ? facet : NULL;
}

/*
 * Returns options under which differences are sent, if the resource can have
 * them, or these.
 */
Jsonb *
bcd_counting_options(const BcdResource *resource, Jsonb *options)
{
	int			i;

	for (i = 1; i < resource->nfacets; i++)
	{
		const BcdFacet *facet = &resource->facets[i];
		JsonbValue	v = {.type = jbvString};

		if (facet->changes_of == NULL || facet->by_option == NULL || !facet->update.endpoint->once)
			continue;
		v.val.string.val = (char *) facet->by_value;
		v.val.string.len = strlen(facet->by_value);
		return bcd_payload_set(options, facet->by_option, &v);
	}
	return options;
}

/* Returns what was read of a record, with the counted field as it was known. */
Jsonb *
bcd_with_counted(const BcdResource *resource, Jsonb *options, Jsonb *read, Jsonb *known)
{
	const BcdFacet *facet = bcd_counting_facet(resource, options);
	JsonbValue	v;

	if (facet == NULL || read == NULL)
		return read;
	if (known && getKeyJsonValueFromContainer(&known->root, facet->changes_of, strlen(facet->changes_of), &v))
		return bcd_payload_set(read, facet->changes_of, &v);
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_delete, JsonbPGetDatum(read), CStringGetTextDatum(facet->changes_of)));
}

/* Returns by how much a field has changed, as a number in JSON. */
char *
bcd_counted_difference(Jsonb *fields, Jsonb *known, const char *field)
{
	char	   *is = bcd_payload_text(fields, field);
	char	   *was = bcd_payload_text(known, field);
	Datum		difference;

	if (is == NULL || was == NULL)
		elog(ERROR, "a difference of \"%s\" was to be sent without both values", field);
	difference = DirectFunctionCall2(numeric_sub,
									 DirectFunctionCall3(numeric_in, CStringGetDatum(is), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)),
									 DirectFunctionCall3(numeric_in, CStringGetDatum(was), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	return DatumGetCString(DirectFunctionCall1(numeric_out, difference));
}
