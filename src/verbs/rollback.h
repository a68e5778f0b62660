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
	bool		holds;			/* what is undone, until its source changes */
	char	   *role;			/* who wants that */
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
	int64		taken;			/* updates, if the run has a limit */
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
	bool		remade;			/* a rollback has made it again */
	bool		unfinished;		/* a rollback that was interrupted has begun
								 * to make it again */
	const char *flaw;			/* why it cannot be undone, or NULL */
	Jsonb	   *before;			/* what they have written over */
	Jsonb	   *after;			/* and what the last of them has written */
	List	   *afters;			/* the same of each (Jsonb): any of them may
								 * not have been carried out */
	Jsonb	   *held;			/* fields that are as before again, with their
								 * values */
	bool		whole;			/* the record as a whole is */
	bool		gone;			/* and the row did not exist any more */
	bool		kept;			/* something could not be undone */
	bool		sent;			/* a request for it may have been carried out */
	bool		lost;			/* it is not known whether it was created */
} BcdUndoUnit;

/* rollback_tell.c */
extern void bcd_rollback_tell(BcdItem *item, const char *field, Jsonb *now, Jsonb *becomes, const char *verdict, const char *reason);
extern const char *bcd_rollback_reason(const BcdItem *item, const char *field);
extern bool bcd_rollback_has(Jsonb *payload, const BcdField *field, const cJSON *got);
extern bool bcd_rollback_is_ours(const BcdUndoUnit *unit, const BcdField *field, const cJSON *got);
extern void bcd_rollback_nothing(BcdItem *item, int kept);
extern void bcd_rollback_impossible(BcdItem *item, const char *reason);

/* rollback_unit.c */
extern BcdItem *bcd_rollback_item(BcdLane *lane, const BcdUndoScope *scope, BcdUndone *write);

/* What becomes of a quantity */
typedef enum BcdCountFate
{
	BCD_COUNT_EDITED,			/* it is compared like any other value */
	BCD_COUNT_SAME,				/* it was set back already */
	BCD_COUNT_CHANGED,
	BCD_COUNT_TOO_LOW,			/* it would become less than it can be */
	BCD_COUNT_UNKNOWN			/* it may have been changed already */
} BcdCountFate;

typedef struct BcdCount
{
	BcdCountFate fate;
	char	   *by;				/* the difference */
	char	   *becomes;
	bool		relative;		/* the difference itself is sent */
} BcdCount;

/* rollback_counted.c */
extern BcdCount bcd_rollback_count(const BcdItem *item, const BcdField *field, const cJSON *record);

/* rollback_hold.c */
extern void bcd_rollback_hold(BcdItem *item);

/* rollback_cost.c */
extern void bcd_rollback_estimate(BcdRun *run);

/* rollback_elements.c */
extern Jsonb *bcd_rollback_elements(const BcdField *field, Jsonb *before, List *afters, Jsonb *now, bool force,
									bool *changed, bool *edited);

extern Jsonb *bcd_rollback_all_elements(const BcdResource *resource, Jsonb *payload, Jsonb *before, Jsonb *after);

/* rollback_read.c */
extern void bcd_rollback_read(BcdItem *item, const cJSON *record);
extern void bcd_rollback_lookup(BcdItem *item, int64 store_id, const cJSON *record);

/* rollback_whole.c */
extern void bcd_rollback_created(BcdItem *item, const cJSON *record);
extern void bcd_rollback_make_again(BcdItem *item);
extern void bcd_rollback_continue_making(BcdItem *item, const cJSON *record);

#endif							/* BCD_ROLLBACK_H */
