/*
 * element_pair.c
 *		Finds the matching elements of two collections.
 *
 * Elements match if they have the same id, or the same values in key fields.
 * Keys are compared as text, without differences that stores do not keep:
 * surrounding white space, case where it has no meaning, the decimals of a
 * number.  The cost grows with n log n: a product may have a thousand images.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "base/compat.h"
#include "base/json.h"
#include "payload/choices.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* A key, and the element that has it */
typedef struct Entry
{
	char	   *key;
	int			nth;
} Entry;

int
bcd_records_nkeys(const BcdRecords *records)
{
	int			n = 0;

	while (records->key[n])
		n++;
	return n;
}

/* Reads the elements of a jsonb array; NULL: there are none. */
void
bcd_side_of(BcdSide *side, const BcdRecords *records, Jsonb *collection)
{
	int			i;

	memset(side, 0, sizeof(*side));
	side->records = records;
	side->n = collection ? JB_ROOT_COUNT(collection) : 0;
	side->elements = palloc(sizeof(Jsonb *) * (side->n + 1));
	for (i = 0; i < side->n; i++)
		side->elements[i] = JsonbValueToJsonb(getIthJsonbValueFromContainer(&collection->root, i));
	side->partner = palloc(sizeof(int) * (side->n + 1));
	bcd_side_unpair(side);
}

/* Reads the elements of an array in a reply. */
void
bcd_side_of_reply(BcdSide *side, const BcdRecords *records, const cJSON *got)
{
	const cJSON *element;

	memset(side, 0, sizeof(*side));
	side->records = records;
	side->got = palloc(sizeof(cJSON *) * (cJSON_GetArraySize(got) + 1));
	cJSON_ArrayForEach(element, got)
		side->got[side->n++] = element;
	side->partner = palloc(sizeof(int) * (side->n + 1));
	bcd_side_unpair(side);
}

void
bcd_side_unpair(BcdSide *side)
{
	int			i;

	for (i = 0; i < side->n; i++)
		side->partner[i] = -1;
}

static char *
number_text(double number)
{
	return psprintf("%.15g", number);
}

/* What an element has chosen, as text: the same for the store's and for ours. */
static char *
choices_text(const BcdSide *side, int nth, const char *name)
{
	char	   *text = bcd_payload_text(side->elements ? side->elements[nth] :
										bcd_choices_set(NULL, name, cJSON_GetObjectItemCaseSensitive(side->got[nth], name)),
										name);

	return text ? bcd_folded(text) : NULL;
}

/* Returns a key field of an element as text, or NULL if it has no value. */
static char *
key_part(const BcdSide *side, int nth, const char *name)
{
	const BcdField *field = bcd_records_field(side->records, name);
	const cJSON *value;
	char	   *text;

	if (field->flags & BCD_F_CHOICES)
		return choices_text(side, nth, name);
	/* the store's value is not the one that was written */
	if (side->elements == NULL && field->flags & BCD_F_WRITE_ONLY)
		return NULL;
	if (side->elements)
		text = bcd_payload_text(side->elements[nth], name);
	else
	{
		value = side->records->bare ? side->got[nth] : cJSON_GetObjectItemCaseSensitive(side->got[nth], name);
		if (cJSON_IsNumber(value))
			return number_text(value->valuedouble);
		text = cJSON_IsString(value) ? pstrdup(value->valuestring) : NULL;
	}
	if (text == NULL)
		return NULL;
	if (field->type == BCD_NUMBER || field->type == BCD_INTEGER)
		return number_text(strtod(text, NULL));
	return field->flags & BCD_F_NO_CASE ? bcd_folded(text) : bcd_trimmed(text);
}

/*
 * Returns the first key fields of an element as one text, or NULL if one of
 * them has no value.
 */
char *
bcd_side_key(const BcdSide *side, int nth, int nkeys)
{
	StringInfoData key;
	int			i;

	initStringInfo(&key);
	for (i = 0; i < nkeys; i++)
	{
		char	   *part = key_part(side, nth, side->records->key[i]);

		if (part == NULL)
			return NULL;
		appendStringInfo(&key, "%zu:%s", strlen(part), part);
	}
	return key.data;
}

/* Returns the store's id of an element, or NULL if it is not known. */
char *
bcd_element_id(Jsonb *element)
{
	return element ? bcd_payload_text(element, BCD_ELEMENT_ID) : NULL;
}

static char *
id_of(const BcdSide *side, int nth)
{
	int64		id;

	if (side->elements)
		return bcd_element_id(side->elements[nth]);
	return bcd_json_id(side->got[nth], BCD_ELEMENT_ID, &id) ? psprintf(INT64_FORMAT, id) : NULL;
}

static int
compare_entries(const void *a, const void *b)
{
	const Entry *x = a;
	const Entry *y = b;
	int			order = strcmp(x->key, y->key);

	return order != 0 ? order : x->nth - y->nth;
}

/*
 * Returns the keys of the elements without a partner, sorted; nkeys 0: their
 * ids.
 */
static Entry *
entries_of(const BcdSide *side, int nkeys, int *n)
{
	Entry	   *entries = palloc(sizeof(Entry) * (side->n + 1));
	int			i;

	*n = 0;
	for (i = 0; i < side->n; i++)
	{
		char	   *key = side->partner[i] >= 0 ? NULL : nkeys ? bcd_side_key(side, i, nkeys) : id_of(side, i);

		if (key)
			entries[(*n)++] = (Entry)
		{
			key, i
		};
	}
	qsort(entries, *n, sizeof(Entry), compare_entries);
	return entries;
}

static void
pair(BcdSide *a, BcdSide *b, int nkeys)
{
	int			na;
	int			nb;
	Entry	   *x = entries_of(a, nkeys, &na);
	Entry	   *y = entries_of(b, nkeys, &nb);
	int			i = 0;
	int			j = 0;

	while (i < na && j < nb)
	{
		int			order = strcmp(x[i].key, y[j].key);

		if (order == 0)
		{
			a->partner[x[i].nth] = y[j].nth;
			b->partner[y[j].nth] = x[i].nth;
		}
		i += order <= 0;
		j += order >= 0;
	}
}

/*
 * Pairs elements that have no partners yet and the same values in the first
 * key fields.  If several match, they are paired in the order of the
 * collections.
 */
void
bcd_pair(BcdSide *a, BcdSide *b, int nkeys)
{
	if (nkeys > 0)
		pair(a, b, nkeys);
}

/* Pairs elements that have no partners yet and the same id. */
void
bcd_pair_by_id(BcdSide *a, BcdSide *b)
{
	pair(a, b, 0);
}

/*
 * Returns an element that has the same key as an earlier one, *other, or -1 if
 * all keys differ.
 */
int
bcd_side_twin(const BcdSide *side, int *other)
{
	int			n;
	Entry	   *entries = entries_of(side, bcd_records_nkeys(side->records), &n);
	int			i;

	for (i = 1; i < n; i++)
		if (strcmp(entries[i - 1].key, entries[i].key) == 0)
		{
			*other = entries[i - 1].nth;
			return entries[i].nth;
		}
	return -1;
}
