/*
 * task_ride.c
 *		Elements that go along in the update of their record's own fields.
 *
 * Where elements are written by updates of their record, an update that is sent
 * anyway can have them.  They need no request of their own then.
 */
#include "postgres.h"

#include "payload/collection.h"
#include "payload/payload.h"
#include "payload/task.h"
#include "resource/resource.h"

/*
 * Returns how many of the tasks that follow the update of a record can be done by
 * it: the first ones, if they write elements of one collection in that way.
 */
int
bcd_tasks_riding(const List *tasks)
{
	const BcdTask *first = tasks ? linitial(tasks) : NULL;
	ListCell   *lc;
	int			n = 0;

	if (first == NULL || first->action != &first->facet->together || first->beside || first->without)
		return 0;
	foreach(lc, tasks)
	{
		if (((BcdTask *) lfirst(lc))->action != first->action)
			break;
		n++;
	}
	return n;
}

/* The same of all tasks of a row, if the first of them is that update. */
int
bcd_tasks_riders(const List *tasks)
{
	const BcdTask *first = tasks ? linitial(tasks) : NULL;

	return first && first->facet == first->resource->facets && first->action == &first->facet->update ? bcd_tasks_riding(list_copy_tail(tasks, 1)) : 0;
}

/* Can all that a row needs of a collection be done by an update of its record? */
static bool
can_ride(const List *tasks, const BcdFacet *facet)
{
	ListCell   *lc;

	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		/* elements that are removed go before others are added */
		if (task->facet == facet && task->action != &facet->together)
			return false;
	}
	return true;
}

/*
 * The tasks of a row begin with the update of its record.  Puts those behind it
 * that it can do; the others follow as they were.
 */
List *
bcd_tasks_riders_first(List *tasks)
{
	const BcdFacet *facet = NULL;
	List	   *riders = NIL;
	List	   *others = NIL;
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = lfirst(lc);

		if (facet == NULL && task->action == &task->facet->together && can_ride(tasks, task->facet))
			facet = task->facet;
		if (lc != list_head(tasks) && task->facet == facet)
			riders = lappend(riders, task);
		else if (lc != list_head(tasks))
			others = lappend(others, task);
	}
	return facet ? list_concat(list_concat(list_make1(linitial(tasks)), riders), others) : tasks;
}

/* Returns the fields that an update of a record sends if it does the first n of these tasks, too. */
Jsonb *
bcd_fields_with_riders(Jsonb *fields, const List *tasks, int n)
{
	Jsonb	   *elements = NULL;
	ListCell   *lc;

	if (n == 0)
		return fields;
	foreach(lc, tasks)
	{
		const BcdTask *task = lfirst(lc);

		if (n-- == 0)
			break;
		elements = bcd_collection_with(elements, task->id ? bcd_payload_set_integer(task->fields, BCD_ELEMENT_ID, strtoll(task->id, NULL, 10)) :
									   task->fields);
	}
	return bcd_payload_set_collection(fields, ((BcdTask *) linitial(tasks))->facet->collection, elements);
}
