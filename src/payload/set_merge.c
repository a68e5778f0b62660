/*
 * set_merge.c
 *		Sets whose members both sides have changed.
 *
 * What one side has added since both agreed is added, and what one side has
 * removed is removed: theirs, without those that I have removed, and with those
 * that I have added.  The order is that of the store, with mine behind.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

#include "payload/payload.h"
#include "payload/set_merge.h"

/* Has a field a set of ids or words as its value, rather than records? */
bool
bcd_is_set(const BcdField *field)
{
	return (field->flags & BCD_F_SET) != 0 && (field->type == BCD_INTEGERS || field->type == BCD_STRINGS);
}

/* Reads the members of a field; returns false if that is no array. */
static bool
read_members(const BcdField *field, Jsonb *payload, JsonbContainer **members)
{
	JsonbValue	v;

	if (!getKeyJsonValueFromContainer(&payload->root, field->name, strlen(field->name), &v) ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data) || JsonContainerIsScalar(v.val.binary.data))
		return false;
	*members = v.val.binary.data;
	return true;
}

static bool
is_same(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == jbvNumeric)
		return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(a->val.numeric), NumericGetDatum(b->val.numeric)));
	return a->type == jbvString && a->val.string.len == b->val.string.len &&
		memcmp(a->val.string.val, b->val.string.val, a->val.string.len) == 0;
}

static bool
has(JsonbContainer *set, const JsonbValue *member)
{
	uint32		i;

	for (i = 0; i < JsonContainerSize(set); i++)
		if (is_same(getIthJsonbValueFromContainer(set, i), member))
			return true;
	return false;
}

/* Is a member a word for something else than a list, as -1 in place of ids is? */
static bool
stands_for_all(const JsonbValue *member)
{
	return member->type == jbvNumeric && bcd_number(member->val.numeric) < 0;
}

/*
 * Returns what a set of ours becomes if theirs has changed as well, as a
 * payload.  base is what both had.  NULL: they cannot be merged.
 */
Jsonb *
bcd_set_merged(const BcdField *field, Jsonb *base, Jsonb *mine, const cJSON *theirs)
{
	JsonbContainer *sets[3];
	JsonbParseState *state = NULL;
	JsonbValue	merged;
	Jsonb	   *array;
	bool		special = false;
	uint32		n = 0;
	uint32		i;

	if (!cJSON_IsArray(theirs) || !read_members(field, base, &sets[0]) || !read_members(field, mine, &sets[1]) ||
		!read_members(field, bcd_payload_from_json(field->name, theirs), &sets[2]))
		return NULL;
	(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (i = 0; i < JsonContainerSize(sets[2]); i++)
	{
		JsonbValue *member = getIthJsonbValueFromContainer(sets[2], i);

		if (has(sets[0], member) && !has(sets[1], member))
			continue;
		(void) pushJsonbValue(&state, WJB_ELEM, member);
		special |= stands_for_all(member);
		n++;
	}
	for (i = 0; i < JsonContainerSize(sets[1]); i++)
	{
		JsonbValue *member = getIthJsonbValueFromContainer(sets[1], i);

		if (has(sets[0], member) || has(sets[2], member))
			continue;
		(void) pushJsonbValue(&state, WJB_ELEM, member);
		special |= stands_for_all(member);
		n++;
	}
	array = JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, NULL));
	bcd_jsonb_value(array, &merged);
	if ((special && n > 1) || bcd_payload_normalize(field, &merged) != NULL)
		return NULL;
	return bcd_payload_set(NULL, field->name, &merged);
}
