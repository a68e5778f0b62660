/*
 * put.h
 *		Writes HTML, and escapes every value that goes into it.
 */
#ifndef BCD_PUT_H
#define BCD_PUT_H

#include "lib/stringinfo.h"

extern void bcd_put_texts(StringInfo out, const char *const *html_and_texts, int n);

/*
 * bcd_put(out, "<td>$</td>", text): writes HTML; each $ stands for a text, which
 * is escaped, and cut if it is too long, and each @ for a name, which is cut
 * sooner.  NULL is an empty text.
 */
#define bcd_put(out, ...) \
	bcd_put_texts(out, (const char *const[]) {__VA_ARGS__}, lengthof(((const char *const[]) {__VA_ARGS__})))

#endif							/* BCD_PUT_H */
