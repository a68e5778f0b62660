/*
 * conflict.h
 *		bcdelta.conflict: fields that were changed in the source and in the
 *		store.
 */
#ifndef BCD_TABLE_CONFLICT_H
#define BCD_TABLE_CONFLICT_H

#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/* In place of a field's name */
#define BCD_WHOLE_RECORD	""

/* A new conflict of a row */
typedef struct BcdConflict
{
	const char *field;			/* BCD_WHOLE_RECORD: the record as a whole */
	const char *kind;
	const char *state;			/* open: a person has to decide; source or
								 * store: the policy has */
	Jsonb	   *base;			/* payloads that have the field, or NULL */
	Jsonb	   *source;
	Jsonb	   *store;
	TimestampTz source_changed_at;	/* -infinity: not known, or not asked for */
	TimestampTz store_modified_at;
	const char *reason;			/* what the times say, or NULL */
} BcdConflict;

/* The current conflicts of a row: payloads, or NULL */
typedef struct BcdCurrentConflicts
{
	Jsonb	   *states;
	Jsonb	   *base;
	Jsonb	   *source;
	Jsonb	   *store;
	Jsonb	   *value;
	Jsonb	   *words;			/* for people */
	Jsonb	   *kinds;
} BcdCurrentConflicts;

/* A conflict that is to be resolved */
typedef struct BcdOpenConflict
{
	char	   *feed;
	char	   *key;
	char	   *field;
	char	   *state;
	char	   *kind;
	char	   *decided_by;
	int64		replaced_by;	/* 0: by none */
} BcdOpenConflict;

extern void bcd_conflicts_of(const char *feed, const char *address, BcdCurrentConflicts *current);
extern void bcd_conflict_file(const char *feed, const char *key, const char *address, int64 store_id, int64 run_id, const BcdConflict *conflict);
extern void bcd_conflict_end(const char *feed, const char *address, const char *field);
extern void bcd_conflicts_end(const char *feed, const char *address);
extern bool bcd_conflict_take(int64 conflict_id, BcdOpenConflict *conflict);
extern void bcd_conflict_decide(int64 conflict_id, const char *choice, Jsonb *value, const char *by, const char *note);
extern void bcd_conflicts_forget(const char *feed, const char *address);
extern int64 bcd_conflicts_prune(int days, int limit);

#endif							/* BCD_TABLE_CONFLICT_H */
