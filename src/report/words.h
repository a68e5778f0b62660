/*
 * words.h
 *		Numbers and times as people read them.
 */
#ifndef BCD_WORDS_H
#define BCD_WORDS_H

#include "datatype/timestamp.h"

extern char *bcd_say_number(int64 n);
extern char *bcd_say_count(int64 n, const char *one, const char *many);
extern char *bcd_say_short(double n);
extern char *bcd_say_percent(double part);
extern char *bcd_say_duration(double seconds);
extern char *bcd_say_time(TimestampTz at, TimestampTz now);
extern char *bcd_say_clock(TimestampTz at, bool seconds);
extern char *bcd_say_day(TimestampTz at);
extern char *bcd_say_long_time(TimestampTz at);
extern char *bcd_say_zone(TimestampTz at);
extern int	bcd_utc_offset(TimestampTz at);

#endif							/* BCD_WORDS_H */
