/*
 * tree_depth.h
 *		How deep rows are below others of their table.
 */
#ifndef BCD_TREE_DEPTH_H
#define BCD_TREE_DEPTH_H

#include "feed/feed.h"

extern int	bcd_tree_depth(const BcdFeed *feed, const char *sql);

#endif							/* BCD_TREE_DEPTH_H */
