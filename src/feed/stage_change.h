/*
 * stage_change.h
 *		What follows for feeds from another stage of the cutover.
 */
#ifndef BCD_STAGE_CHANGE_H
#define BCD_STAGE_CHANGE_H

#include "nodes/pg_list.h"

extern void bcd_stage_change(const char *server, const char *stage, const char *by, const char *note);
extern void bcd_rules_follow(const char *server, List *before);

#endif							/* BCD_STAGE_CHANGE_H */
