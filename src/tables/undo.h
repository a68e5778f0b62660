/*
 * undo.h
 *		bcdelta.undo: what records held before they were written.
 */
#ifndef BCD_TABLE_UNDO_H
#define BCD_TABLE_UNDO_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* A write that is about to be sent */
typedef struct BcdUndoRow
{
	const char *key;
	int64		store_id;		/* 0: the record is new, or has no id */
	const char *address;		/* NULL: it is the id */
	const char *action;			/* created, updated, hidden or deleted */
	Jsonb	   *before;			/* fields that it writes, as they were; those
								 * that are not known are missing; or NULL */
	Jsonb	   *after;			/* the same, as it writes them; or NULL */
} BcdUndoRow;

/* A write that was recorded; in the current memory context */
typedef struct BcdUndone
{
	int64		undo_id;
	int64		run_id;
	char	   *key;
	int64		store_id;
	char	   *address;		/* NULL: not known */
	char	   *action;
	Jsonb	   *before;
	Jsonb	   *after;
	bool		undone;
} BcdUndone;

/* What a rollback has to undo: the writes of these runs to a feed */
typedef struct BcdUndoScope
{
	const char *feed;
	int32		feed_id;
	Datum		runs;			/* bigint[] */
	TimestampTz since;			/* only what was written since then */
} BcdUndoScope;

extern void bcd_undo_insert(int64 run_id, const char *feed, int32 feed_id, const BcdUndoRow *rows, int n, int64 *ids);
extern void bcd_undo_created(int64 run_id, int64 undo_id, int64 store_id, const char *address);
extern void bcd_undo_found(const char *feed, const char *key, int64 store_id, const char *address);
extern bool bcd_undo_is_lost(const char *feed, const char *key);
extern void bcd_undo_drop(int64 run_id, Datum ids);
extern List *bcd_undo_next(const BcdUndoScope *scope, int64 run_id, int64 undo_id, int64 limit);
extern List *bcd_undo_of_record(const BcdUndoScope *scope, const char *address);
extern List *bcd_undo_all_of_record(const char *feed, int32 feed_id, const char *address);
extern BcdUndone *bcd_undo_removal(const BcdUndoScope *scope, const char *key, int64 undo_id);
extern bool bcd_undo_is_created(const char *feed, int32 feed_id, const char *address);
extern int64 bcd_undo_later(const char *feed, int32 feed_id, const char *address, int64 undo_id, int64 run_id, const char *field);
extern void bcd_undo_done(Datum ids, Datum runs, bool all, int64 by_run);
extern Datum bcd_undo_runs_since(const char *server, const char *feed, TimestampTz since, int64 but_run);
extern List *bcd_undo_feeds(Datum runs, TimestampTz since, const char *feed);
extern int64 bcd_undo_new_id(const char *server, const char *resource, int64 old_id);
extern void bcd_undo_forget(const char *feed);
extern int64 bcd_undo_prune(int days, int limit);

#endif							/* BCD_TABLE_UNDO_H */
