/*
 * parts.h
 *		The parts that sections of a page are made of.
 */
#ifndef BCD_REPORT_PARTS_H
#define BCD_REPORT_PARTS_H

#include "lib/stringinfo.h"

extern void bcd_section(StringInfo out, const char *id, const char *title, const char *lead);
extern void bcd_section_end(StringInfo out);
extern void bcd_table(StringInfo out, const char *label, const char *const *columns);
extern void bcd_table_end(StringInfo out);
extern void bcd_more(StringInfo out, int64 n, const char *of);
extern void bcd_figure(StringInfo out, const char *class, const char *number, const char *words, const char *more);

#endif							/* BCD_REPORT_PARTS_H */
