/*
 * style.h
 *		How a report looks.
 */
#ifndef BCD_REPORT_STYLE_H
#define BCD_REPORT_STYLE_H

extern const char *const bcd_report_style;

#endif							/* BCD_REPORT_STYLE_H */
