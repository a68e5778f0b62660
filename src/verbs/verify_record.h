/*
 * verify_record.h
 *		Compares rows with their records in a verify.
 */
#ifndef BCD_VERIFY_RECORD_H
#define BCD_VERIFY_RECORD_H

#include "engine/engine.h"

/* The phases of a verify's lane, in order; lane->phase */
enum
{
	ROWS,						/* source rows against records */
	LINKS,						/* links without a source row */
	AGAIN,						/* rows that differed, for the second time */
	TOTAL,						/* how many records the store has */
	LIST,						/* which of them have no link */
	DONE
};

/* What a verify knows of a lane */
typedef struct BcdVerify
{
	char	   *list_filter;	/* of the list of the store */
} BcdVerify;

extern void bcd_verify_missing(BcdLane *lane, BcdItem *item, const char *kind, const char *text);
extern void bcd_verify_read(BcdItem *item, const cJSON *record);

#endif							/* BCD_VERIFY_RECORD_H */
