/*
 * link_unique.h
 *		Which record has a natural key.
 */
#ifndef BCD_LINK_UNIQUE_H
#define BCD_LINK_UNIQUE_H

#include "engine/engine.h"

/* A value of a natural field, within its scope */
typedef struct BcdUnique
{
	const char *field;
	char	   *value;
	char	   *folded;
	int64		scope;
	int64		tree;			/* 0: the default one, or none */
	int64		hash;
} BcdUnique;

/* A record that rows of the resource may want, with the row that it is linked to */
typedef struct BcdRecord
{
	int64		store_id;
	char	   *feed;			/* of that row */
	BcdLane    *lane;			/* of that feed; NULL: it is not pushed here */
	bool		whole;			/* the feed maps all that a record needs, so
								 * that the record is its own */
	bool		paused;			/* the feed is */
	char	   *key;
	char	   *state;			/* of its change: pending.state, or NULL */
	bool		shared;			/* rows of other feeds are linked to it, too */
	Jsonb	   *payload;
	Jsonb	   *remembered;
	Jsonb	   *aside;
	struct BcdUnit *owner;		/* the row is looked at, too; or NULL: */
	bool		is_read;
	BcdRow		row;			/* what the source has of it, once read */
} BcdRecord;

typedef struct BcdHolder
{
	int64		hash;
	BcdRecord  *record;
} BcdHolder;

extern int64 bcd_unique_hash(const char *field, int64 scope, const char *value);
extern bool bcd_unique_of(const BcdResource *r, Jsonb *payload, const char *field, BcdUnique *key);
extern bool bcd_unique_has(const BcdResource *r, Jsonb *payload, const BcdUnique *key);
extern Datum bcd_unique_required(const BcdResource *r);
extern bool bcd_unique_is_whole(const BcdFeed *feed);
extern BcdHolder *bcd_unique_holders(const BcdFeed *feed, Datum *hashes, int nhashes, int *n);
extern void bcd_unique_assign(const BcdFeed *feed, char **keys, int64 *store_ids, int n);
extern void bcd_unique_learn(BcdItem *item, const char *feed, int64 store_id);

extern bool bcd_item_claims_key(const BcdItem *item);

#endif							/* BCD_LINK_UNIQUE_H */
