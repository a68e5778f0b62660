/*
 * element_order.c
 *		In which order the elements of a collection get unique values.
 *
 * Where no two records of the store have the same text, an article number for
 * example, an element gets its new one after the element that has had it.  If
 * elements wait for each other in a circle, one of them has an interim text for
 * a moment: one more change for each circle.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "payload/element_order.h"
#include "payload/element_pair.h"
#include "payload/payload.h"
#include "resource/resource.h"

/* A change that gives an element another unique text */
typedef struct Step
{
	BcdElementChange *change;
	char	   *leaves;			/* folded; NULL: it had none, as far as known */
	char	   *takes;
	int			behind;			/* the step that has to come first, or -1 */
	bool		seen;
	bool		done;
} Step;

static Jsonb *
set_text(Jsonb *element, const char *name, char *words)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = words;
	v.val.string.len = strlen(words);
	return bcd_payload_set(element, name, &v);
}

static char *
folded(Jsonb *element, const char *name)
{
	char	   *words = bcd_payload_text(element, name);

	return words && words[0] ? bcd_folded(words) : NULL;
}

/*
 * Returns the change that gives an element an interim text, and makes its own
 * change begin with that.
 */
BcdElementChange *
bcd_element_steps_aside(const BcdRecords *records, BcdElementChange *change)
{
	const BcdField *field = bcd_records_field(records, records->unique);
	char	   *text = bcd_payload_text(change->was, records->unique);
	char	   *suffix = psprintf("-%s", bcd_element_id(change->was));
	int			len = strlen(text);
	BcdElementChange *aside = palloc0(sizeof(BcdElementChange));

	if (field->max >= field->min)
		len = pg_mbcharcliplen(text, len, (int) field->max - strlen(suffix));
	aside->fields = set_text(NULL, records->unique, psprintf("%.*s%s", len, text, suffix));
	aside->was = change->was;
	aside->is = bcd_payload_merge(change->was, aside->fields);
	aside->alone = change->alone;
	change->was = aside->is;
	return aside;
}

/* Appends a step, behind those that it waits for. */
static List *
add_step(List *changes, const BcdRecords *records, Step *steps, int nth)
{
	int			behind = steps[nth].behind;

	steps[nth].seen = true;
	if (behind >= 0 && !steps[behind].done)
	{
		if (steps[behind].seen)
		{
			/* a circle: the step that it began with has to make room */
			changes = lappend(changes, bcd_element_steps_aside(records, steps[behind].change));
		}
		else
			changes = add_step(changes, records, steps, behind);
	}
	steps[nth].done = true;
	return lappend(changes, steps[nth].change);
}

/*
 * Puts the changes of elements that exist into the order in which they can be
 * made.
 */
List *
bcd_elements_in_order(const BcdRecords *records, List *changes)
{
	Step	   *steps = palloc0(sizeof(Step) * (list_length(changes) + 1));
	List	   *ordered = NIL;
	ListCell   *lc;
	int			n = 0;
	int			i;
	int			j;

	if (records->unique == NULL)
		return changes;
	foreach(lc, changes)
	{
		BcdElementChange *change = lfirst(lc);

		if (!bcd_payload_has(change->fields, records->unique))
		{
			ordered = lappend(ordered, change);
			continue;
		}
		steps[n].change = change;
		steps[n].leaves = folded(change->was, records->unique);
		steps[n++].takes = folded(change->is, records->unique);
	}
	for (i = 0; i < n; i++)
	{
		steps[i].behind = -1;
		for (j = 0; j < n && steps[i].behind < 0; j++)
			if (j != i && steps[i].takes && steps[j].leaves && bcd_element_id(steps[j].change->was) &&
				strcmp(steps[i].takes, steps[j].leaves) == 0)
				steps[i].behind = j;
	}
	for (i = 0; i < n; i++)
		if (!steps[i].done)
			ordered = add_step(ordered, records, steps, i);
	return ordered;
}
