/*
 * collection_read.c
 *		Reads collections from replies.
 *
 * Of the store's elements, those are ours that we know by their ids, and those
 * that have the key of an element of the row.  All others belong to someone
 * else, and nothing is known of them.
 *
 * The store does not return every key: of an image's URL, it keeps only the
 * file name.  Elements are then matched by file name.  If no names match, the
 * store does not keep them.  If, in addition, it is not known what we have
 * written (a reply was lost, or the record was found by a look-up), the
 * remaining elements are matched in their order: mistaking one image for
 * another is better than having it twice.
 */
#include "postgres.h"

#include <ctype.h>

#include "utils/builtins.h"

#include "base/compat.h"
#include "base/json.h"
#include "payload/collection.h"
#include "payload/element_pair.h"
#include "payload/payload.h"

/* A collection in the store, as it was known, and in the row */
typedef struct Reading
{
	BcdSide		got;
	BcdSide		known;			/* partners: in got */
	BcdSide		wanted;			/* partners: in got */
	int		   *known_as;		/* index of each wanted element in known, or
								 * -1 */
	int		   *wanted_as;		/* and the reverse */
} Reading;

/* Returns the part of a URL that names a file, without its extension. */
static char *
file_of(const char *url)
{
	const char *end = url + strcspn(url, "?#");
	const char *name = end;
	const char *dot = end;

	while (name > url && name[-1] != '/')
		name--;
	while (dot > name && *dot != '.')
		dot--;
	return pnstrdup(name, (dot > name ? dot : end) - name);
}

static bool
is_part_of_word(char c)
{
	return isalnum((unsigned char) c) || IS_HIGHBIT_SET(c);
}

/* Does the store's name of a file contain the original name? */
static bool
has_file(const cJSON *got, const char *member, const char *file)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(got, member);
	const char *name = cJSON_IsString(value) ? bcd_folded(file_of(value->valuestring)) : "";
	const char *part = bcd_folded(file);
	const char *at;

	for (at = name; part[0] && (at = strstr(at, part)) != NULL; at++)
		if (!(at > name && is_part_of_word(at[-1])) && !is_part_of_word(at[strlen(part)]))
			return true;
	return false;
}

static void
join(BcdSide *side, int nth, BcdSide *got, int other)
{
	side->partner[nth] = other;
	got->partner[other] = nth;
}

/* The file of the nth element of a collection, by its key. */
static char *
file_of_key(const BcdSide *side, int nth)
{
	char	   *url = bcd_payload_text(side->elements[nth], side->records->key[0]);

	return url ? file_of(url) : NULL;
}

/* Pairs elements whose keys are not returned, by their file names. */
static void
pair_by_file(BcdSide *side, BcdSide *got)
{
	int			i;
	int			j;

	for (i = 0; i < side->n; i++)
	{
		char	   *file = side->partner[i] < 0 ? file_of_key(side, i) : NULL;

		for (j = 0; file && j < got->n && side->partner[i] < 0; j++)
			if (got->partner[j] < 0 && has_file(got->got[j], side->records->file, file))
				join(side, i, got, j);
	}
}

/* Does a pair have files of the same name? */
static bool
has_same_file(const BcdSide *side, const BcdSide *got)
{
	int			i;

	for (i = 0; i < side->n; i++)
	{
		char	   *file = side->partner[i] >= 0 ? file_of_key(side, i) : NULL;

		if (file && has_file(got->got[side->partner[i]], side->records->file, file))
			return true;
	}
	return false;
}

/* Does the store keep the names of files, as far as can be seen? */
static bool
keeps_names(const Reading *r)
{
	return has_same_file(&r->wanted, &r->got) || has_same_file(&r->known, &r->got);
}

static void
pair_in_order(Reading *r)
{
	int			i;
	int			j = 0;

	for (i = 0; i < r->wanted.n; i++)
	{
		if (r->wanted.partner[i] >= 0)
			continue;
		while (j < r->got.n && r->got.partner[j] >= 0)
			j++;
		if (j < r->got.n)
			join(&r->wanted, i, &r->got, j);
	}
}

/* Pairs the elements of the row with those of the store. */
static void
pair_wanted(Reading *r, bool anew)
{
	const BcdRecords *records = r->wanted.records;

	bcd_pair(&r->wanted, &r->got, bcd_records_nkeys(records));
	bcd_pair(&r->wanted, &r->got, records->kin);
	if (records->file)
		pair_by_file(&r->wanted, &r->got);
	if (records->file && anew && !keeps_names(r))
		pair_in_order(r);
}

static void
begin(Reading *r, const BcdRecords *records, Jsonb *wanted, Jsonb *known, const cJSON *got)
{
	BcdSide		is;
	BcdSide		was;
	int			i;

	bcd_side_of_reply(&r->got, records, got);
	bcd_side_of(&r->known, records, known);
	bcd_side_of(&r->wanted, records, wanted);
	bcd_side_of(&is, records, wanted);
	bcd_side_of(&was, records, known);
	bcd_pair(&is, &was, bcd_records_nkeys(records));
	bcd_pair(&is, &was, records->kin);
	r->known_as = is.partner;
	r->wanted_as = was.partner;
	bcd_pair_by_id(&r->known, &r->got);
	bcd_pair(&r->known, &r->got, bcd_records_nkeys(records));
	if (records->file)
		pair_by_file(&r->known, &r->got);
	for (i = 0; i < r->wanted.n; i++)
		if (is.partner[i] >= 0)
			r->wanted.partner[i] = r->known.partner[is.partner[i]];
}

/* An element that is being built */
typedef struct Element
{
	const BcdRecords *records;
	Jsonb	   *wanted;			/* NULL: the row does not have it */
	Jsonb	   *known;			/* NULL: nothing was known */
	const cJSON *got;
	Jsonb	   *is;
} Element;

static bool
agrees(const BcdField *field, Jsonb *element, const cJSON *got)
{
	JsonbValue	value;

	return element &&
		getKeyJsonValueFromContainer(&element->root, field->name, strlen(field->name), &value) != NULL &&
		bcd_payload_agrees(field, &value, got);
}

static void
take_from(Element *e, const char *name, Jsonb *element)
{
	JsonbValue	value;

	(void) getKeyJsonValueFromContainer(&element->root, name, strlen(name), &value);
	e->is = bcd_payload_set(e->is, name, &value);
}

static Jsonb *
with_inside(Element *e, const BcdField *field, const cJSON *got)
{
	return bcd_payload_set_collection(e->is, field->name,
									  bcd_collection_read(field->records, bcd_collection_of(e->wanted, field->name),
														  bcd_collection_of(e->known, field->name), false,
														  cJSON_IsArray(got) ? got : NULL));
}

/*
 * Adds a field with the value that the store has, in the form in which the row
 * or the link has the same.
 */
static void
add_field(Element *e, const BcdField *field)
{
	const cJSON *got = e->records->bare ? e->got : cJSON_GetObjectItemCaseSensitive(e->got, field->name);
	bool		in_known = bcd_payload_has(e->known, field->name);

	if (BCD_IS_COLLECTION(field) && field->records)
		e->is = with_inside(e, field, got);
	else if (field->flags & BCD_F_WRITE_ONLY)
		take_from(e, field->name, in_known ? e->known : e->wanted);
	else if (agrees(field, e->wanted, got))
		take_from(e, field->name, e->wanted);
	else if (agrees(field, e->known, got))
		take_from(e, field->name, e->known);
	else if (!bcd_payload_is_nothing(got))
		e->is = bcd_payload_merge(e->is, bcd_payload_from_json(field->name, got));
}

/* Returns what is known of an element: the fields that we send, and its id. */
static Jsonb *
element_of(const BcdRecords *records, Jsonb *wanted, Jsonb *known, const cJSON *got)
{
	Element		e = {records, wanted, known, got, bcd_payload_empty()};
	int64		id;
	int			i;

	for (i = 0; i < records->nfields; i++)
		if (records->bare || bcd_payload_has(wanted, records->fields[i].name) || bcd_payload_has(known, records->fields[i].name))
			add_field(&e, &records->fields[i]);
	return bcd_json_id(got, BCD_ELEMENT_ID, &id) ? bcd_payload_set_integer(e.is, BCD_ELEMENT_ID, id) : e.is;
}

static void
push_element(JsonbParseState **state, Jsonb *element)
{
	JsonbValue	value;

	bcd_jsonb_value(element, &value);
	(void) pushJsonbValue(state, WJB_ELEM, &value);
}

/*
 * Returns what is known of a collection that was read: elements of the store
 * that the row has, or that were known before.  unsure: others may be ours,
 * too.
 */
Jsonb *
bcd_collection_read(const BcdRecords *records, Jsonb *wanted, Jsonb *known, bool unsure, const cJSON *got)
{
	JsonbParseState *state = NULL;
	Reading		r;
	int			i;

	begin(&r, records, wanted, known, got);
	pair_wanted(&r, unsure);
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < r.wanted.n; i++)
		if (r.wanted.partner[i] >= 0)
			push_element(&state, element_of(records, r.wanted.elements[i],
											r.known_as[i] >= 0 ? r.known.elements[r.known_as[i]] : NULL,
											r.got.got[r.wanted.partner[i]]));
	for (i = 0; i < r.known.n; i++)
		if (r.known.partner[i] >= 0 && r.wanted_as[i] < 0)
			push_element(&state, element_of(records, NULL, r.known.elements[i], r.got.got[r.known.partner[i]]));
	/* a set: what the row does not have is removed, whosever it is */
	for (i = 0; i < r.got.n && records->bare && wanted; i++)
		if (r.got.partner[i] < 0)
			push_element(&state, element_of(records, NULL, NULL, r.got.got[i]));
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Returns what is known of a collection that was written with its record: the
 * row's elements, with the ids in the reply.  got NULL: there are none.
 */
Jsonb *
bcd_collection_created(const BcdRecords *records, Jsonb *wanted, const cJSON *got)
{
	JsonbParseState *state = NULL;
	Reading		r;
	int			i;

	begin(&r, records, wanted, NULL, cJSON_IsArray(got) ? got : NULL);
	pair_wanted(&r, r.got.n == r.wanted.n);
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < r.wanted.n; i++)
	{
		Jsonb	   *element = r.wanted.elements[i];
		int64		id;

		if (r.wanted.partner[i] >= 0 && bcd_json_id(r.got.got[r.wanted.partner[i]], BCD_ELEMENT_ID, &id))
			element = bcd_payload_set_integer(element, BCD_ELEMENT_ID, id);
		push_element(&state, element);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
}

/*
 * Returns what is known of a new element: of what is inside it, what the reply
 * shows.
 */
Jsonb *
bcd_element_written(const BcdRecords *records, Jsonb *element, const cJSON *got)
{
	int			i;

	for (i = 0; i < records->nfields; i++)
	{
		const BcdField *field = &records->fields[i];
		const cJSON *below = got ? cJSON_GetObjectItemCaseSensitive(got, field->name) : NULL;

		if (!BCD_IS_COLLECTION(field) || !bcd_payload_has(element, field->name))
			continue;
		element = bcd_payload_set_collection(element, field->name, cJSON_IsArray(below) ?
											 bcd_collection_read(field->records, bcd_collection_of(element, field->name), NULL, false, below) : NULL);
	}
	return element;
}
