/*
 * undo_unsent.c
 *		What items carry of the notes in bcdelta.undo, until it is sent.
 *
 * A row for a request that is not sent after all is removed, at the latest when
 * the run ends: it would make a record that somebody else creates look like
 * ours.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "engine/engine.h"
#include "engine/undo_unsent.h"
#include "tables/undo.h"

/* Takes over from a decision what is noted. */
void
bcd_undo_take_over(BcdItem *item, const BcdDecision *d)
{
	if (d->note_ends)
	{
		/* that says nothing about the next write */
		item->noted_for = NULL;
		item->undo_id = 0;
		if (d->unnoted)
			item->noted_facets = 0;
	}
	if (d->noted_for)
	{
		item->noted_for = d->noted_for;
		item->noted_facets |= d->noted_facets;
		item->undo_id = d->undo_id;
	}
}

/* An item is removed from the run while it waits: what is noted of it is not sent. */
void
bcd_undo_unsent(const BcdItem *item)
{
	BcdRun	   *run = item->lane->run;
	MemoryContext old;
	int64	   *id;

	if (item->undo_id == 0)
		return;
	old = MemoryContextSwitchTo(run->cxt);
	id = palloc(sizeof(int64));
	*id = item->undo_id;
	run->unsent = lappend(run->unsent, id);
	MemoryContextSwitchTo(old);
}

/* At the end of a run, in a transaction: removes what was not sent. */
void
bcd_undo_drop_unsent(const BcdRun *run)
{
	Datum	   *ids = palloc(sizeof(Datum) * (list_length(run->unsent) + 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, run->unsent)
		ids[n++] = Int64GetDatum(*(int64 *) lfirst(lc));
	if (n > 0)
		bcd_undo_drop(run->run_id, bcd_array(INT8OID, ids, NULL, n));
}
