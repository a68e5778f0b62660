/*
 * html.h
 *		Compares HTML strings by meaning.
 */
#ifndef BCD_HTML_H
#define BCD_HTML_H

#include "lib/stringinfo.h"

extern void bcd_html_append(StringInfo out, const char *text, int len);
extern bool bcd_same_html(const char *a, int alen, const char *b, int blen);

#endif							/* BCD_HTML_H */
