/*
 * placeholder.h
 *		What the placeholders of templates stand for.
 */
#ifndef BCD_PLACEHOLDER_H
#define BCD_PLACEHOLDER_H

#include "papers/paper.h"

typedef struct BcdPlaceholder
{
	const char *name;
	char	   *(*value) (BcdPaper *paper); /* in one or more lines, all of
											 * them harmless */
} BcdPlaceholder;

extern const BcdPlaceholder *bcd_placeholder(const char *name, int len);
extern const char *bcd_placeholder_like(const char *name, int len);
extern char *bcd_placeholder_names(void);

#endif							/* BCD_PLACEHOLDER_H */
