/*
 * task_copy.c
 *		Tasks that are kept, or carried out by other requests than was thought.
 */
#include "postgres.h"

#include "payload/task.h"
#include "resource/resource.h"

static Jsonb *
kept_jsonb(Jsonb *jsonb, const BcdTaskRow *row)
{
	Jsonb	   *kept;

	if (jsonb == NULL || jsonb == row->wanted || jsonb == row->known || jsonb == row->options)
		return jsonb;
	kept = palloc(VARSIZE(jsonb));
	memcpy(kept, jsonb, VARSIZE(jsonb));
	return kept;
}

/*
 * Returns copies of a row's tasks in the current memory context, so that the
 * memory that it took to determine them can be freed; the row itself is kept.
 */
List *
bcd_tasks_keep(List *tasks, const BcdTaskRow *row)
{
	List	   *kept = NIL;
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = palloc(sizeof(BcdTask));

		*task = *(BcdTask *) lfirst(lc);
		task->fields = kept_jsonb(task->fields, row);
		task->row = kept_jsonb(task->row, row);
		task->was = kept_jsonb(task->was, row);
		task->is = kept_jsonb(task->is, row);
		task->id = task->id ? pstrdup(task->id) : NULL;
		task->parent = task->parent ? pstrdup(task->parent) : NULL;
		task->within = task->within ? pstrdup(task->within) : NULL;
		kept = lappend(kept, task);
	}
	return kept;
}

/*
 * Returns copies of an item's tasks, of which those that add or change elements
 * of a facet are carried out by updates of the record.
 */
List *
bcd_tasks_together_with(List *tasks, const BcdFacet *facet)
{
	List	   *copies = NIL;
	ListCell   *lc;

	foreach(lc, tasks)
	{
		BcdTask    *task = palloc(sizeof(BcdTask));

		*task = *(BcdTask *) lfirst(lc);
		if (task->action == &facet->create || task->action == &facet->update)
			task->action = &facet->together;
		copies = lappend(copies, task);
	}
	return copies;
}
