/*
 * estimate_choices.c
 *		What it takes to make the options and values that new records name.
 *
 * A push does it as engine/choice_plan.c says: it reads the options of each
 * parent that gets new records, several at a time; makes each option that is
 * missing, with all values that rows wait for; makes each value that an option
 * lacks, and reads the options again after that.  What a parent has is known from its records
 * that are linked.  It may have more, so this is rather too much.
 *
 * If only some rows were looked at, the others share their parents, options
 * and values with them, or have others.  Their number follows from how many
 * were seen only once, as ANALYZE estimates distinct values: n rows of N have d
 * values, f of them once, so all have about n * d / (n - f + f * n / N).
 */
#include "postgres.h"

#include <math.h>

#include "common/hashfn.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "functions/estimate_choices.h"
#include "payload/choices.h"
#include "payload/collection.h"
#include "payload/payload.h"
#include "resource/resource.h"
#include "tables/link_referrers.h"

typedef enum Kind
{
	A_PARENT,					/* its options are read */
	A_CHANGED_PARENT,			/* once more, for it gets an option or value */
	AN_OPTION,					/* is made */
	A_VALUE,					/* is made */
	A_KNOWN_ONE,				/* option or value: nothing to do */
	KINDS
} Kind;

/* Something that rows have in common */
typedef struct Shared
{
	int64		hash;			/* of its parent and its name; two with the
								 * same would be no harm to an estimate */
	Kind		kind;
	int			rows;			/* that need it */
} Shared;

struct BcdChoiceCounts
{
	MemoryContext cxt;
	HTAB	   *shared;
	int			rows;
	int			page;			/* parents that are read with one request */
};

/* Returns an empty one, in a memory context of its own below cxt. */
BcdChoiceCounts *
bcd_choice_counts(MemoryContext cxt)
{
	MemoryContext own = AllocSetContextCreate(cxt, "bcdelta choices", ALLOCSET_DEFAULT_SIZES);
	BcdChoiceCounts *counts = MemoryContextAllocZero(own, sizeof(BcdChoiceCounts));
	HASHCTL		ctl = {0};

	counts->cxt = own;
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(Shared);
	ctl.hcxt = own;
	counts->shared = hash_create("bcdelta choices", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return counts;
}

/* Returns an entry; one that is new is of this kind. */
static Shared *
shared(BcdChoiceCounts *counts, char what, int64 parent, const char *name, const char *label, Kind kind, bool *found)
{
	char	   *text = psprintf("%c" INT64_FORMAT " %s\n%s", what, parent, bcd_folded(name), bcd_folded(label));
	int64		hash = (int64) hash_bytes_extended((const unsigned char *) text, strlen(text), 0);
	Shared	   *entry = hash_search(counts->shared, &hash, HASH_ENTER, found);

	if (!*found)
	{
		entry->kind = kind;
		entry->rows = 0;
	}
	return entry;
}

/* Returns a member of the nth choice of an array, "" if it has none. */
static char *
member(Jsonb *chosen, int nth, const char *name)
{
	JsonbValue *v = getIthJsonbValueFromContainer(&chosen->root, nth);
	char	   *text = v->type == jbvBinary ? bcd_payload_text(JsonbValueToJsonb(v), name) : NULL;

	return text ? text : "";
}

/* The parent has these. */
static void
note_known(BcdChoiceCounts *counts, int64 parent, Jsonb *chosen)
{
	bool		found;
	int			i;

	for (i = 0; chosen && JB_ROOT_IS_ARRAY(chosen) && i < (int) JB_ROOT_COUNT(chosen); i++)
	{
		char	   *name = member(chosen, i, BCD_CHOICE_NAME);

		(void) shared(counts, 'o', parent, name, "", A_KNOWN_ONE, &found);
		(void) shared(counts, 'v', parent, name, member(chosen, i, BCD_CHOICE_LABEL), A_KNOWN_ONE, &found);
	}
}

/* Notes what the parent has, as far as links show it: of its records, or, if they are part of it, its own. */
static void
note_parent(BcdChoiceCounts *counts, const BcdFeed *feed, const BcdPreview *p, const BcdTask *task, int64 parent)
{
	const BcdChoices *choices = task->facet->choices;
	Jsonb	   *elements;
	BcdRights	rights;
	ListCell   *lc;
	int			i;

	if (task->facet->collection)
	{
		elements = p->known ? bcd_collection_of(p->known, task->facet->collection) : NULL;
		for (i = 0; elements && i < (int) JB_ROOT_COUNT(elements); i++)
			note_known(counts, parent,
					   bcd_collection_of(JsonbValueToJsonb(getIthJsonbValueFromContainer(&elements->root, i)), choices->field));
		return;
	}
	bcd_spi_begin(&rights);
	foreach(lc, bcd_link_fields_of_referrers(feed->server, feed->resource, choices->field, parent))
		note_known(counts, parent, lfirst(lc));
	bcd_spi_end(&rights);
}

/* Notes one choice of a new record; returns whether something has to be made for it. */
static bool
note_choice(BcdChoiceCounts *counts, int64 parent, const char *name, const char *label)
{
	bool		found;
	Shared	   *option = shared(counts, 'o', parent, name, "", AN_OPTION, &found);
	Shared	   *value = shared(counts, 'v', parent, name, label, option->kind == AN_OPTION ? A_KNOWN_ONE : A_VALUE, &found);

	option->rows++;
	value->rows++;
	return option->kind == AN_OPTION || value->kind == A_VALUE;
}

/* Adds the record that a task creates, if it names options. */
void
bcd_choice_counts_add(BcdChoiceCounts *counts, const BcdFeed *feed, const BcdPreview *p, const BcdTask *task)
{
	const BcdChoices *choices = task->facet->choices;
	Jsonb	   *record = task->facet->collection ? task->is : task->row ? task->row : task->fields;
	int64		parent;
	Jsonb	   *chosen;
	Shared	   *entry;
	bool		makes = false;
	bool		found;
	int			i;

	if (choices == NULL || task->action != &task->facet->create || record == NULL)
		return;
	parent = task->facet->collection ? (task->parent ? strtoll(task->parent, NULL, 10) : 0) :
		bcd_payload_integer(record, feed->resource->parent);
	chosen = bcd_collection_of(record, choices->field);

	/*
	 * a parent that does not exist yet gets its options with the first
	 * request
	 */
	if (parent == 0 || chosen == NULL)
		return;
	counts->rows++;
	counts->page = choices->shown.endpoint ? choices->page : 1;
	entry = shared(counts, 'p', parent, "", "", A_PARENT, &found);
	entry->rows++;
	if (!found)
		note_parent(counts, feed, p, task, parent);
	for (i = 0; i < (int) JB_ROOT_COUNT(chosen); i++)
		makes |= note_choice(counts, parent, member(chosen, i, BCD_CHOICE_NAME), member(chosen, i, BCD_CHOICE_LABEL));
	if (makes)
		shared(counts, 'c', parent, "", "", A_CHANGED_PARENT, &found)->rows++;
}

/* Returns the requests for factor times as many rows as were added. */
double
bcd_choice_counts_calls(const BcdChoiceCounts *counts, double factor)
{
	double		distinct[KINDS] = {0};
	double		once[KINDS] = {0};
	double		calls = 0;
	HASH_SEQ_STATUS all;
	Shared	   *entry;
	int			i;

	hash_seq_init(&all, counts->shared);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		distinct[entry->kind]++;
		once[entry->kind] += entry->rows == 1;
	}
	for (i = 0; i < A_KNOWN_ONE; i++)
	{
		double		n = distinct[i] > 0 && factor > 1 ? counts->rows * distinct[i] / (counts->rows - once[i] + once[i] / factor) :
		distinct[i];

		calls += i == A_PARENT || i == A_CHANGED_PARENT ? ceil(n / Max(counts->page, 1)) : n;
	}
	return calls;
}
