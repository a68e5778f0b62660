/*
 * datetime.h
 *		Dates and times in the API's format.
 */
#ifndef BCD_DATETIME_H
#define BCD_DATETIME_H

#include "datatype/timestamp.h"

extern bool bcd_instant(const char *text, TimestampTz *instant);
extern char *bcd_instant_text(const char *text);
extern bool bcd_is_earlier(const char *a, const char *b);
extern bool bcd_same_instant(const char *a, const char *b);

#endif							/* BCD_DATETIME_H */
