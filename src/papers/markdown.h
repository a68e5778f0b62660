/*
 * markdown.h
 *		Writes Markdown, and escapes every value that goes into it.
 */
#ifndef BCD_MARKDOWN_H
#define BCD_MARKDOWN_H

#include "lib/stringinfo.h"

extern void bcd_md_texts(StringInfo out, const char *const *pattern_and_texts, int n);
extern void bcd_md_sql(StringInfo out, const char *const *lines);

/*
 * bcd_md(out, "| $ | @ |\n", text, name): writes Markdown; each $ stands for a
 * text, whose characters mean nothing, and each @ for a name or a call, which is
 * shown as code.  NULL is an empty text.
 */
#define bcd_md(out, ...) \
	bcd_md_texts(out, (const char *const[]) {__VA_ARGS__}, lengthof(((const char *const[]) {__VA_ARGS__})))

/* Lines of SQL as a block of code */
#define bcd_md_block(out, ...) \
	bcd_md_sql(out, (const char *const[]) {__VA_ARGS__, NULL})

#endif							/* BCD_MARKDOWN_H */
