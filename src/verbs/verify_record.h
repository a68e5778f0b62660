/*
 * verify_record.h
 *		A verify's comparison of rows with their records.
 */
#ifndef BCD_VERIFY_RECORD_H
#define BCD_VERIFY_RECORD_H

#include "engine/engine.h"

/* What a lane of a verify does, one after the other; lane->phase */
enum
{
	ROWS,						/* source rows against records */
	LINKS,						/* links without a source row */
	TOTAL,						/* how many records the store has */
	LIST,						/* which of them nobody is linked to */
	DONE
};

extern void bcd_verify_missing(BcdLane *lane, BcdItem *item, const char *kind, const char *text);
extern void bcd_verify_read(BcdItem *item, const cJSON *record);

#endif							/* BCD_VERIFY_RECORD_H */
