/*
 * task.h
 *		The work that a row requires, as tasks. Each task does one thing to
 *		the row's record, or to a record below it, at one endpoint.
 */
#ifndef BCD_TASK_H
#define BCD_TASK_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

typedef struct BcdTask
{
	const BcdResource *resource;
	const BcdFacet *facet;
	const BcdAction *action;
	Jsonb	   *fields;			/* to send, of the record or of the element;
								 * NULL: nothing is sent */
	Jsonb	   *row;			/* all fields of the row; if the row is gone,
								 * the known fields of its record */
	const char *id;				/* of the record or of the element; NULL: it
								 * does not exist yet, or has no id */
	const char *parent;			/* the id of the record above: of a
								 * collection, or the parent */
	const char *within;			/* the id of the element of the collection
								 * that an element is inside; NULL: of none,
								 * or it is not known */
	Jsonb	   *was;			/* the record or element as it is known; NULL:
								 * it is new */
	Jsonb	   *is;				/* and as it will be; NULL: it is removed */
	Jsonb	   *options;		/* the feed's options, or NULL */
	Jsonb	   *beside;			/* elements that an update of the record
								 * repeats beside this one, and ... */
	Jsonb	   *without;		/* ... those that it leaves out, to see
								 * whether the store keeps them; or NULL */
} BcdTask;

/* The row for which tasks are determined */
typedef struct BcdTaskRow
{
	const BcdResource *resource;
	const char *id;				/* of its record; NULL: there is no record, or
								 * it has no id */
	Jsonb	   *wanted;			/* NULL: the row is gone */
	Jsonb	   *known;			/* contents of the record; NULL: unknown */
	Jsonb	   *options;		/* the feed's options, or NULL */
	bool		apart;			/* collections are not written with a new
								 * record, but after it */
	uint32		merged;			/* bits of the facets that are written with
								 * the first */
	uint32		together;		/* and of those whose elements are written by
								 * updates of the record */
} BcdTaskRow;

extern List *bcd_tasks(const BcdTaskRow *row);
extern List *bcd_tasks_keep(List *tasks, const BcdTaskRow *row);
extern List *bcd_tasks_together_with(List *tasks, const BcdFacet *facet);
extern int	bcd_tasks_riding(const List *tasks);
extern int	bcd_tasks_riders(const List *tasks);
extern List *bcd_tasks_riders_first(List *tasks);
extern Jsonb *bcd_fields_with_riders(Jsonb *fields, const List *tasks, int n);
extern BcdTask *bcd_task_of(const BcdTaskRow *row, const BcdFacet *facet, Jsonb *fields);
extern const char *bcd_tasks_unread(const BcdTaskRow *row);
extern Jsonb *bcd_task_collection(const BcdTask *task, Jsonb *payload);
extern bool bcd_task_is_due(const BcdTask *task, Jsonb *known);
extern BcdTask *bcd_task_to_hide(const BcdTaskRow *row);
extern bool bcd_facet_is_placed(const BcdFacet *facet, Jsonb *options);
extern bool bcd_facet_may_merge(const BcdFacet *facet, Jsonb *options);
extern bool bcd_task_may_join(const BcdTask *task, const BcdTask *other);
extern char *bcd_task_unknown(const BcdTask *task);
extern bool bcd_endpoint_lacks(const BcdEndpoint *endpoint, const char *name);
extern Jsonb *bcd_fields_taken(const BcdEndpoint *endpoint, Jsonb *fields);
extern const BcdAction *bcd_action_for_many(const BcdAction *action, Jsonb *fields);
extern bool bcd_action_shares(const BcdAction *action);
extern int	bcd_task_query_bytes(const BcdTask *task);
extern char *bcd_task_path(BcdTask *const *tasks, int n);

#endif							/* BCD_TASK_H */
