/*
 * html.h
 *		Compares two HTML strings by meaning.
 */
#ifndef BCD_HTML_H
#define BCD_HTML_H

extern bool bcd_same_html(const char *a, int alen, const char *b, int blen);

#endif							/* BCD_HTML_H */
