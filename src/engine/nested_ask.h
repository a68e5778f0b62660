/*
 * nested_ask.h
 *		Asks a store whether it keeps elements that the update of a record does
 *		not have.
 */
#ifndef BCD_NESTED_ASK_H
#define BCD_NESTED_ASK_H

#include <cjson/cJSON.h>

#include "engine/engine.h"

extern void bcd_nested_was_read(BcdItem *item, const cJSON *record);
extern bool bcd_nested_refused(BcdJob *job);

#endif							/* BCD_NESTED_ASK_H */
