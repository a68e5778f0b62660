/*
 * element_keys.h
 *		Elements that need what the record of another row has.
 */
#ifndef BCD_ELEMENT_KEYS_H
#define BCD_ELEMENT_KEYS_H

#include "engine/engine.h"

/* A row whose record has what an element needs, and gives it up */
typedef struct BcdHeldBy
{
	const char *field;
	char	   *value;
	char	   *feed;
	char	   *key;
	bool		in_flight;		/* it is being pushed now */
} BcdHeldBy;

extern char *bcd_element_left_with(const BcdItem *item);
extern bool bcd_element_waits(BcdItem *item, List **tasks);

#endif							/* BCD_ELEMENT_KEYS_H */
