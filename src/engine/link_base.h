/*
 * link_base.h
 *		What both sides had when a row was linked to a record with other values.
 */
#ifndef BCD_LINK_BASE_H
#define BCD_LINK_BASE_H

#include "engine/engine.h"

extern Jsonb *bcd_link_base(BcdItem *item, Jsonb *known, const cJSON *record);
extern bool bcd_untouched_since_link(const BcdResource *resource, Jsonb *found, Jsonb *wanted, const char *field);

#endif							/* BCD_LINK_BASE_H */
