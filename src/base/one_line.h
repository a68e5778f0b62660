/*
 * one_line.h
 *		Text of others as one harmless line.
 */
#ifndef BCD_ONE_LINE_H
#define BCD_ONE_LINE_H

#include "mb/pg_wchar.h"

extern bool bcd_char_breaks_line(pg_wchar c);
extern bool bcd_char_is_control(pg_wchar c);
extern char *bcd_one_line(const char *text, int max_chars);

#endif							/* BCD_ONE_LINE_H */
