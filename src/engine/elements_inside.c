/*
 * elements_inside.c
 *		Elements inside the elements of a collection, such as the values of a
 *		product's modifiers.
 *
 * They have requests of their own, with the ids of both.  Those inside a new
 * element are sent with it, as far as the API takes them.  Which ids they get, and
 * what is still missing, is known from the reply, so the tasks inside a collection
 * are determined again when its last element is written.
 */
#include "postgres.h"

#include "engine/decide.h"
#include "engine/elements_inside.h"
#include "engine/engine.h"
#include "engine/stage.h"
#include "feed/difference.h"
#include "feed/feed.h"
#include "payload/task.h"
#include "resource/resource.h"

/* Returns the facet that writes what is inside the elements of a facet, or NULL. */
static const BcdFacet *
facet_inside(const BcdFacet *facet, const BcdResource *r)
{
	int			i;

	for (i = 1; i < r->nfacets && facet->collection && facet->inside == NULL; i++)
		if (r->facets[i].inside && strcmp(r->facets[i].collection, facet->collection) == 0)
			return &r->facets[i];
	return NULL;
}

/*
 * The request of a stage was carried out or refused, and these tasks remain. If
 * that was the last of a collection, it is known by now what has to be done inside
 * its elements. Sets *unread if these have to be read before.
 */
List *
bcd_tasks_inside(const BcdItem *item, BcdStage stage, List *tasks, bool *unread)
{
	const BcdFeed *feed = item->lane->feed;
	const BcdFacet *facet = &feed->resource->facets[bcd_stage_nth_facet(stage)];
	const BcdFacet *inside = facet_inside(facet, feed->resource);
	BcdItemRecord record = bcd_record_after(item);
	BcdRow		row = {BCD_ROW_FOUND, item->wanted};
	BcdDifference d;
	List	   *result = NIL;
	ListCell   *lc;

	*unread = false;
	if (inside == NULL || item->wanted == NULL || (tasks && ((BcdTask *) linitial(tasks))->facet == facet))
		return tasks;
	bcd_difference(feed, item->key, &row, record.store_id, record.known, &d);
	*unread = d.need == BCD_NEEDS_READING;
	foreach(lc, d.tasks)
		if (((BcdTask *) lfirst(lc))->facet == inside && ((BcdTask *) lfirst(lc))->within)
		result = lappend(result, lfirst(lc));
	foreach(lc, tasks)
		if (((BcdTask *) lfirst(lc))->facet != inside)
		result = lappend(result, lfirst(lc));
	return result;
}
