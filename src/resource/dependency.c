/*
 * dependency.c
 *		The order of dependency: a resource comes after the resources it
 *		refers to.
 *
 * The order is computed from the references of the fields, so a new resource
 * needs no explicit position. References of a resource to itself, such as that
 * of a category to its parent, do not affect it.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "resource/resource.h"

/* A step on a path of references */
typedef struct Step
{
	const BcdResource *resource;
	const struct Step *before;
} Step;

/* Appends the resources on the path from one step to another, "a, b, c". */
static void
append_names(StringInfo names, const Step *from, const Step *to)
{
	if (to != from)
	{
		append_names(names, from, to->before);
		appendStringInfoString(names, ", ");
	}
	appendStringInfo(names, "\"%s\"", to->resource->name);
}

/* The path leads back to a resource that it has visited. */
static void
report_circle(const Step *from, const Step *to)
{
	StringInfoData names;

	initStringInfo(&names);
	append_names(&names, from, to);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
			 errmsg("resources refer to each other in a circle: %s", names.data),
			 errdetail("Records are pushed after those that they refer to, so these resources have no order.")));
}

static const BcdResource *
find(const BcdResource *const *resources, int n, const char *name)
{
	int			i;

	for (i = 0; i < n; i++)
		if (strcmp(resources[i]->name, name) == 0)
			return resources[i];
	return NULL;
}

/*
 * Returns the length of the longest chain of references that starts at a step.
 */
static int
depth(const BcdResource *const *resources, int n, const Step *step)
{
	const BcdResource *resource = step->resource;
	int			deepest = 0;
	int			i;

	for (i = 0; i <= resource->nfields; i++)
	{
		bool		is_field = i < resource->nfields;
		const char *name = is_field ? resource->fields[i].refers_to : resource->after;
		Step		next = {.before = step};
		const Step *s;

		if (name == NULL || strcmp(name, resource->name) == 0)
			continue;
		next.resource = find(resources, n, name);
		if (next.resource == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("field \"%s\" of resource \"%s\" refers to unknown resource \"%s\"",
							is_field ? resource->fields[i].name : "after", resource->name, name)));
		for (s = step; s; s = s->before)
			if (s->resource == next.resource)
				report_circle(s, step);
		deepest = Max(deepest, 1 + depth(resources, n, &next));
	}
	return deepest;
}

/*
 * Returns the rank of a resource among n. Resources that it refers to have
 * lower ranks. No two ranks are equal; resources that do not depend on each
 * other are ranked in the order of the list.
 */
int
bcd_dependency_rank(const BcdResource *const *resources, int n, const BcdResource *resource)
{
	Step		first = {.resource = resource};
	int			i;

	for (i = 0; i < n && resources[i] != resource; i++)
		;
	return depth(resources, n, &first) * n + i;
}
