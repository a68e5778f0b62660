/*
 * whole.h
 *		Requests that send all fields of a facet, not only changed ones.
 */
#ifndef BCD_WHOLE_H
#define BCD_WHOLE_H

#include "utils/jsonb.h"

#include "resource/resource.h"

extern bool bcd_sends_all(const BcdAction *action, Jsonb *changes);

#endif							/* BCD_WHOLE_H */
