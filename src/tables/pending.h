/*
 * pending.h
 *		bcdelta.pending: questions about it, and simple statements.
 */
#ifndef BCD_TABLE_PENDING_H
#define BCD_TABLE_PENDING_H

#include "datatype/timestamp.h"
#include "nodes/pg_list.h"

/* A deferred row, and the row that it waits for, which is NULL if unknown */
typedef struct BcdDeferred
{
	char	   *key;
	char	   *waits_feed;
	char	   *waits_key;
} BcdDeferred;

extern bool bcd_pending_is_open(const char *feed, const char *key);
extern char *bcd_pending_state(const char *feed, const char *key, char **error);
extern bool bcd_pending_is_in_flight(const char *feed, const char *key);
extern bool bcd_pending_is_in_progress(const char *feed, const char *key);
extern bool bcd_pending_any_in_flight(const char *feed);
extern bool bcd_pending_any_ready(Datum feeds);
extern int64 bcd_pending_unlinked(const char *feed, int64 limit, int64 *n);
extern List *bcd_pending_some(const char *feed, int64 limit, int64 of);
extern bool bcd_pending_exceeds(const char *feed, int64 limit);
extern int64 bcd_pending_count_old(Datum feeds, TimestampTz changed, int64 most);
extern BcdDeferred *bcd_pending_deferred(const char *feed, int limit, int *n);
extern List *bcd_pending_keys_ahead(const char *feed, int32 feed_id, int limit, Datum others);

extern void bcd_pending_set_intents(const char *feed, Datum keys, Datum intents);
extern Jsonb *bcd_pending_made_with(const char *feed, const char *key, const char *field, const char *value);
extern void bcd_pending_reset(const char *feed);
extern uint64 bcd_pending_delete(const char *feed);

#endif							/* BCD_TABLE_PENDING_H */
