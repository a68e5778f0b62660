/*
 * rollback.h
 *		The run that undoes what other runs have written.
 */
#ifndef BCD_ROLLBACK_H
#define BCD_ROLLBACK_H

#include "utils/hsearch.h"

#include "engine/engine.h"
#include "tables/undo.h"

/* What becomes of records that were created */
typedef enum BcdUndoCreated
{
	BCD_CREATED_HIDE,
	BCD_CREATED_DELETE,
	BCD_CREATED_KEEP
} BcdUndoCreated;

/* The request; belongs to the run */
typedef struct BcdRollback
{
	bool		preview;
	bool		force;
	BcdUndoCreated created;
	TimestampTz since;			/* only what was written since then */
	bool		again;			/* also what was undone before */
	int64	   *runs;			/* the newest first */
	int			nruns;
	Datum		run_ids;		/* the same as bigint[] */
	bool		removing;		/* the second pass: records that were created */
	HTAB	   *later;			/* numbers of writes for the next round of the
								 * first pass, or NULL */
	HTAB	   *only;			/* those that are looked at in this round;
								 * NULL: all */
	bool		stuck;			/* none has been done in the last round */
} BcdRollback;

/* All writes to one record that are to be undone; belongs to its item */
typedef struct BcdUndoUnit
{
	List	   *writes;			/* BcdUndone; only while it is made */
	int64	   *ids;			/* their numbers */
	int			nids;
	int64		last_id;		/* of the last of them */
	int64		last_run;
	bool		existed;		/* before the first of them */
	bool		exists;			/* after the last of them */
	bool		removed;		/* by one of them: before has the whole record */
	const char *flaw;			/* why it cannot be undone, or NULL */
	Jsonb	   *before;			/* what they have written over */
	Jsonb	   *after;			/* and what the last of them has written */
	List	   *afters;			/* the same of each (Jsonb): any of them may
								 * not have been carried out */
	bool		kept;			/* something could not be undone */
	bool		sent;			/* a request for it may have been carried out */
} BcdUndoUnit;

/* rollback_unit.c */
extern void bcd_rollback_tell(BcdItem *item, const char *field, Jsonb *now, Jsonb *becomes, const char *verdict, const char *reason);
extern BcdItem *bcd_rollback_item(BcdLane *lane, const BcdUndoScope *scope, BcdUndone *write);

/* rollback_elements.c */
extern Jsonb *bcd_rollback_elements(const BcdField *field, Jsonb *before, List *afters, Jsonb *now, bool force,
									bool *changed, bool *edited);

extern Jsonb *bcd_rollback_all_elements(const BcdResource *resource, Jsonb *payload, Jsonb *before, Jsonb *after);

/* rollback_read.c */
extern void bcd_rollback_read(BcdItem *item, const cJSON *record);
extern void bcd_rollback_lookup(BcdItem *item, int64 store_id, const cJSON *record);

#endif							/* BCD_ROLLBACK_H */
