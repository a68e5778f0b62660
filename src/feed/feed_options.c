/*
 * feed_options.c
 *		The options argument of track().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "base/attempt.h"
#include "base/compat.h"
#include "feed/feed_options.h"

/* The longest interval of an option: a year */
#define MOST_SECONDS	(366 * SECS_PER_DAY)

/* An option: its name, its position, and its valid values */
typedef struct OptionKind
{
	const char *name;
	size_t		offset;
	const char *yes;			/* word that makes a boolean true; NULL: a
								 * number, or with "no" an expression */
	const char *no;
	size_t		no_offset;		/* what that makes true; 0: nothing */
	enum
	{
		FOR_ALL,				/* resources */
		FOR_DEFAULT,			/* those whose records have a default */
		FOR_PLACE,				/* those with a facet that it places */
		FOR_MANY,				/* those of which the store may create many */
		FOR_NESTED,				/* those whose updates can have elements */
		FOR_COUNTED,			/* those with a facet that it chooses */
		FOR_DATED,				/* those whose records tell when they were
								 * changed */
		FOR_HIDDEN				/* those whose records can be hidden */
	}			scope;
	bool		interval;		/* the number is one of seconds */
} OptionKind;

static const OptionKind kinds[] = {
	{"adjustment", offsetof(BcdFeedOptions, relative), "relative", "absolute", 0, FOR_COUNTED},
	{"batch_size", offsetof(BcdFeedOptions, batch_size), NULL, NULL, 0, FOR_ALL},
	{"concurrency", offsetof(BcdFeedOptions, concurrency), NULL, NULL, 0, FOR_ALL},
	{"creates", offsetof(BcdFeedOptions, creates_many), "many", "one", offsetof(BcdFeedOptions, creates_singly), FOR_MANY},
	{"delete_after", offsetof(BcdFeedOptions, delete_after), NULL, NULL, 0, FOR_HIDDEN, true},
	{"location_id", offsetof(BcdFeedOptions, location_id), NULL, NULL, 0, FOR_PLACE},
	{"max_changes", offsetof(BcdFeedOptions, max_changes), NULL, NULL, 0, FOR_ALL},
	{"modified", offsetof(BcdFeedOptions, modified), NULL, "an SQL expression", 0, FOR_DATED},
	{"nested", offsetof(BcdFeedOptions, nested_kept), "keep", "single", offsetof(BcdFeedOptions, nested_singly), FOR_NESTED},
	{"nulls", offsetof(BcdFeedOptions, clears), "clear", "keep", 0, FOR_ALL},
	{"push", offsetof(BcdFeedOptions, immediate), "immediate", "run", 0, FOR_ALL},
	{"stale_link", offsetof(BcdFeedOptions, stale_fails), "fail", "create", 0, FOR_ALL},
	{"tree_id", offsetof(BcdFeedOptions, tree_id), NULL, NULL, 0, FOR_DEFAULT},
};

static bool
is_place(const char *name, const BcdResource *resource)
{
	int			i;

	for (i = 0; i < resource->nfacets; i++)
		if (resource->facets[i].placed_by && strcmp(resource->facets[i].placed_by, name) == 0)
			return true;
	return false;
}

static bool
is_chosen(const char *name, const BcdResource *resource)
{
	int			i;

	for (i = 0; i < resource->nfacets; i++)
		if (resource->facets[i].by_option && strcmp(resource->facets[i].by_option, name) == 0)
			return true;
	return false;
}

static bool
has_together(const BcdResource *resource)
{
	int			i;

	for (i = 0; i < resource->nfacets; i++)
		if (resource->facets[i].together.endpoint)
			return true;
	return false;
}

static bool
applies(const OptionKind *kind, const BcdResource *resource)
{
	return kind->scope == FOR_ALL || (kind->scope == FOR_DEFAULT && resource->defaulted) ||
		(kind->scope == FOR_PLACE && is_place(kind->name, resource)) ||
		(kind->scope == FOR_MANY && resource->facets->create.many) ||
		(kind->scope == FOR_NESTED && has_together(resource)) ||
		(kind->scope == FOR_DATED && resource->dated) ||
		(kind->scope == FOR_HIDDEN && resource->hidden_by) ||
		(kind->scope == FOR_COUNTED && is_chosen(kind->name, resource));
}

static const OptionKind *
find(const char *name, const BcdResource *resource)
{
	StringInfoData known;
	int			i;

	initStringInfo(&known);
	for (i = 0; i < lengthof(kinds); i++)
	{
		if (!applies(&kinds[i], resource))
			continue;
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
		appendStringInfo(&known, "%s%s", known.len ? ", " : "", kinds[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown option \"%s\" for resource %s", name, resource->name),
			 errhint("The options are: %s.", known.data)));
	return NULL;
}

static bool
is_word(const JsonbValue *value, const char *word)
{
	return value->type == jbvString && value->val.string.len == (int) strlen(word) &&
		memcmp(value->val.string.val, word, value->val.string.len) == 0;
}

/* A positive integer, or 0. */
static int64
positive(const JsonbValue *value)
{
	char	   *text;
	char	   *end;
	int64		n;

	if (value->type != jbvNumeric)
		return 0;
	text = DatumGetCString(DirectFunctionCall1(numeric_out,
											   NumericGetDatum(value->val.numeric)));
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && n > 0 ? n : 0;
}

typedef struct IntervalText
{
	char	   *text;
	Interval   *interval;
} IntervalText;

static void
read_interval(void *arg)
{
	IntervalText *t = arg;

	t->interval = DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(t->text),
														ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/* The seconds of an interval, or -1: it is none, or negative. */
static int64
seconds_of(const JsonbValue *value)
{
	MemoryContext cxt = CurrentMemoryContext;
	IntervalText t;
	ErrorData  *error;
	int64		seconds;

	if (value->type != jbvString)
		return -1;
	t.text = pnstrdup(value->val.string.val, value->val.string.len);
	error = bcd_attempt(read_interval, &t);
	MemoryContextSwitchTo(cxt);
	if (error)
		return -1;
	seconds = t.interval->time / USECS_PER_SEC +
		((int64) t.interval->month * DAYS_PER_MONTH + t.interval->day) * SECS_PER_DAY;
	return seconds;
}

static void
set(const OptionKind *kind, const JsonbValue *value, BcdFeedOptions *result)
{
	char	   *place = (char *) result + kind->offset;

	if (kind->interval)
	{
		*(int64 *) place = seconds_of(value);
		if (*(int64 *) place < 0 || *(int64 *) place > MOST_SECONDS)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\"", kind->name),
					 errdetail("It must be an interval of at most a year, as a JSON string.")));
		return;
	}
	if (kind->yes == NULL && kind->no)
	{
		if (value->type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\"", kind->name),
					 errdetail("It must be %s, as a JSON string.", kind->no)));
		*(char **) place = pnstrdup(value->val.string.val, value->val.string.len);
		return;
	}
	if (kind->yes == NULL)
	{
		*(int64 *) place = positive(value);
		if (*(int64 *) place == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for option \"%s\"", kind->name),
					 errdetail("It must be a positive integer.")));
		return;
	}
	*(bool *) place = is_word(value, kind->yes);
	if (kind->no_offset)
		*((bool *) result + kind->no_offset) = is_word(value, kind->no);
	if (!*(bool *) place && !is_word(value, kind->no))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for option \"%s\"", kind->name),
				 errdetail("It must be \"%s\" or \"%s\".", kind->no, kind->yes)));
}

/*
 * Reads the options; raises an error for an unknown option or an invalid
 * value.
 */
void
bcd_feed_options(Jsonb *options, const BcdResource *resource, BcdFeedOptions *result)
{
	JsonbIterator *it = JsonbIteratorInit(&options->root);
	JsonbIteratorToken token;
	JsonbValue	v;
	const OptionKind *kind = NULL;

	memset(result, 0, sizeof(*result));
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			kind = find(pnstrdup(v.val.string.val, v.val.string.len), resource);
		else if (token == WJB_VALUE && kind != NULL)
			set(kind, &v, result);
	}
}

/*
 * Returns the bits of some facets, by their names; names that no longer exist
 * are ignored.
 */
uint32
bcd_facet_bits(const BcdResource *resource, Datum names)
{
	uint32		bits = 0;
	Datum	   *elements;
	int			n;
	int			i;
	int			j;

	deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &n);
	for (i = 0; i < n; i++)
		for (j = 1; j < resource->nfacets; j++)
			if (strcmp(TextDatumGetCString(elements[i]), resource->facets[j].name) == 0)
				bits |= 1 << j;
	return bits;
}
