/*
 * stage.h
 *		bcdelta.stage: the stage of the cutover that a store is in.
 */
#ifndef BCD_TABLE_STAGE_H
#define BCD_TABLE_STAGE_H

extern void bcd_stage_set(const char *server, const char *stage, const char *by, const char *note);

#endif							/* BCD_TABLE_STAGE_H */
