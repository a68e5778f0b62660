/*
 * pending_companions.h
 *		bcdelta.pending: rows whose records can be created with that of
 *		another row.
 */
#ifndef BCD_TABLE_PENDING_COMPANIONS_H
#define BCD_TABLE_PENDING_COMPANIONS_H

#include "nodes/pg_list.h"

/*
 * The note of a row that has joined a create names the row of its parent.  Once
 * it has the id instead, it keeps that row under this name.
 */
#define BCD_JOINED	"joined"

/* A row that another one waits for, or the row that waits */
typedef struct BcdCompanion
{
	char	   *feed;
	char	   *key;
} BcdCompanion;

extern List *bcd_companions_ready(const char *feed, const char *after, int limit);
extern void bcd_companions_defer(const char *feed, char **keys, const BcdCompanion *until, char **reasons, int n);
extern List *bcd_companions_until(const char *feed, const char *key, Datum feeds, const char *parent,
								  int limit);
extern void bcd_companions_resolve(int32 feed_id);

#endif							/* BCD_TABLE_PENDING_COMPANIONS_H */
