/*
 * tree_depth.c
 *		How deep rows are below others of their table.
 *
 * Only for resources of which a store has so few records that all of them fit
 * into memory.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/db.h"
#include "capture/key_text.h"
#include "cutover/tree_depth.h"
#include "feed/feed.h"
#include "feed/key.h"
#include "feed/ref.h"

typedef struct TreeNode
{
	int64		id;				/* hash key */
	int64		parent;
	int			depth;			/* 0: not known yet */
} TreeNode;

static HTAB *
read_nodes(const BcdFeed *feed)
{
	HASHCTL		ctl = {0};
	HTAB	   *nodes;
	int			level = bcd_keytext_pin(feed->keytext);
	uint64		i;

	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(TreeNode);
	ctl.hcxt = CurrentMemoryContext;
	nodes = hash_create("bcdelta tree", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	for (i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		char	   *key = bcd_key_of_tuple(feed, tuple, SPI_tuptable->tupdesc);
		int64		parent = bcd_column_int64(i, feed->nkeys + 1, NULL);
		int64		id;
		TreeNode   *node;

		if (key == NULL)
			continue;
		id = bcd_ref_stand_in_of(feed->name, key);
		node = hash_search(nodes, &id, HASH_ENTER, NULL);
		node->parent = parent;
		node->depth = 0;
	}
	bcd_keytext_unpin(level);
	return nodes;
}

/* Rows that are below themselves are deeper than there are rows. */
static int
depth_of(HTAB *nodes, TreeNode *node)
{
	int			most = hash_get_num_entries(nodes) + 1;
	TreeNode   *at = node;
	int			depth = 1;

	while (depth < most && (at = hash_search(nodes, &at->parent, HASH_FIND, NULL)) != NULL)
	{
		if (at->depth > 0)
			return node->depth = at->depth + depth;
		depth++;
	}
	return node->depth = depth;
}

/*
 * Returns the number of levels that rows have.  The query returns the key columns
 * of each row, and the id of its parent, see bcd_ref_stand_in().
 */
int
bcd_tree_depth(const BcdFeed *feed, const char *sql)
{
	HASH_SEQ_STATUS seq;
	HTAB	   *nodes;
	TreeNode   *node;
	int			deepest = 0;

	if (SPI_execute(sql, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not execute \"%s\"", sql);
	nodes = read_nodes(feed);
	SPI_freetuptable(SPI_tuptable);
	hash_seq_init(&seq, nodes);
	while ((node = hash_seq_search(&seq)) != NULL)
		deepest = Max(deepest, depth_of(nodes, node));
	hash_destroy(nodes);
	return deepest;
}
