/*
 * stage.h
 *		bcdelta.stage: the stage of the cutover that a store is in.
 */
#ifndef BCD_TABLE_STAGE_H
#define BCD_TABLE_STAGE_H

#include "nodes/pg_list.h"

extern void bcd_stage_set(const char *server, const char *stage, const char *by, const char *note);
extern bool bcd_stage_any_freeze(void);
extern List *bcd_stage_frozen_feeds(void);
extern char *bcd_stage_now(const char *server);
extern int64 bcd_stage_rename_server(const char *from, const char *to);

#endif							/* BCD_TABLE_STAGE_H */
