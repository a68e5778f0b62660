/*
 * link_unique.h
 *		bcdelta.link: which record has a natural key.
 */
#ifndef BCD_TABLE_LINK_UNIQUE_H
#define BCD_TABLE_LINK_UNIQUE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

/* A value of a field whose values are unique, in its scope */
typedef struct BcdUnique
{
	const char *field;
	char	   *value;
	char	   *folded;
	int64		scope;
	char	   *within;			/* text that limits where it is unique, or "" */
	int64		tree;			/* 0: the default tree, or none */
	int64		apart;			/* the same value in another channel is
								 * another one; 0: in any */
	int64		hash;
} BcdUnique;

/* A link whose record has a natural key with that hash */
typedef struct BcdLinkHolder
{
	int64		hash;
	char	   *feed;
	char	   *key;
	int64		store_id;
	Jsonb	   *payload;
	Jsonb	   *remembered;
	Jsonb	   *sent;
	Jsonb	   *aside;
	char	   *state;			/* pending.state of its row, or NULL */
	bool		shared;			/* rows of other feeds are linked to it as
								 * well */
	bool		whole;			/* the feed maps all fields that a record
								 * requires */
	bool		paused;			/* the feed is paused */
	bool		foreign;		/* of another resource, which has no key that
								 * a record of this one has */
} BcdLinkHolder;

extern bool bcd_unique_of(const BcdResource *r, Jsonb *payload, const char *field, BcdUnique *key);
extern bool bcd_unique_has(const BcdResource *r, Jsonb *payload, const BcdUnique *key);
extern Datum bcd_unique_required(const BcdResource *r);
extern BcdLinkHolder *bcd_link_holders(const char *feed, const BcdResource *resource, Datum *hashes,
									   int nhashes, int *n);
extern List *bcd_link_texts(const char *server, const char *resource, const char *field);
extern void bcd_link_learn(const char *feed, int64 store_id, const char *field, Jsonb *has);

#endif							/* BCD_TABLE_LINK_UNIQUE_H */
