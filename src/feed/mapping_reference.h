/*
 * mapping_reference.h
 *		The calls of ref() and named() in a mapping.
 */
#ifndef BCD_MAPPING_REFERENCE_H
#define BCD_MAPPING_REFERENCE_H

#include "nodes/nodes.h"

#include "feed/feed.h"

extern void bcd_mapping_check_references(const BcdFeed *feed, Node *node);
extern bool bcd_mapping_has_reference(Node *node);

#endif							/* BCD_MAPPING_REFERENCE_H */
