/*
 * key_holders.h
 *		Which records have which natural keys.
 */
#ifndef BCD_KEY_HOLDERS_H
#define BCD_KEY_HOLDERS_H

#include "engine/engine.h"
#include "tables/link_unique.h"

/* A record that rows of the resource may need, with the row it is linked to */
typedef struct BcdRecord
{
	int64		store_id;
	char	   *feed;			/* of that row */
	BcdLane    *lane;			/* of that feed; NULL: it is not in this run */
	bool		whole;			/* the feed maps whole records, so the record
								 * is its own */
	bool		paused;			/* the feed is paused */
	bool		foreign;		/* a record of another resource */
	char	   *key;
	char	   *state;			/* state of the row in bcdelta.pending, or
								 * NULL */
	bool		shared;			/* rows of other feeds are linked to it too */
	Jsonb	   *payload;
	Jsonb	   *remembered;
	Jsonb	   *sent;
	Jsonb	   *aside;
	struct BcdUnit *owner;		/* the row is in the same exchange; or NULL: */
	bool		is_read;
	BcdRow		row;			/* the row as it is in the source, once read */
} BcdRecord;

typedef struct BcdHolder
{
	int64		hash;
	BcdRecord  *record;
} BcdHolder;

extern bool bcd_unique_is_whole(const BcdFeed *feed);
extern BcdHolder *bcd_unique_holders(const BcdFeed *feed, Datum *hashes, int nhashes, int *n);
extern void bcd_unique_assign(const BcdFeed *feed, char **keys, int64 *store_ids, int n);
extern void bcd_unique_learn(BcdItem *item, const char *feed, int64 store_id);
extern BcdStage bcd_stage_to_write(const BcdItem *item, Jsonb *known, List *tasks);
extern bool bcd_item_claims_key(const BcdItem *item, Jsonb *known);

#endif							/* BCD_KEY_HOLDERS_H */
