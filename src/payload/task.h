/*
 * task.h
 *		What a row needs, as tasks: each is one thing to do to its record, or to
 *		a record below that, at one endpoint.
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
	Jsonb	   *fields;			/* of the record, or of the element; NULL:
								 * nothing is sent */
	Jsonb	   *row;			/* all that the row has, or what the record of
								 * a row that is gone is known to hold */
	const char *id;				/* of the record, or of the element; NULL: it
								 * is not made yet, or has none */
	const char *parent;			/* of an element: the id of the record above */
	Jsonb	   *options;		/* of the feed, or NULL */
} BcdTask;

/* What tasks are made for */
typedef struct BcdTaskRow
{
	const BcdResource *resource;
	const char *id;				/* of its record; NULL: there is none, or it
								 * has no id */
	Jsonb	   *wanted;			/* NULL: the row is gone */
	Jsonb	   *known;			/* contents of the record; NULL: not known */
	Jsonb	   *options;		/* of the feed, or NULL */
	uint32		merged;			/* bits of the facets that go with the first */
} BcdTaskRow;

extern List *bcd_tasks(const BcdTaskRow *row);
extern BcdTask *bcd_task_to_hide(const BcdTaskRow *row);
extern bool bcd_facet_is_placed(const BcdFacet *facet, Jsonb *options);
extern bool bcd_facet_may_merge(const BcdFacet *facet, Jsonb *options);
extern bool bcd_task_may_join(const BcdTask *task, const BcdTask *other);
extern char *bcd_task_path(BcdTask *const *tasks, int n);
extern char *bcd_record_address(const BcdResource *resource, Jsonb *fields);

#endif							/* BCD_TASK_H */
