/*
 * builtin.h
 *		The messages that come with bcdelta, in each language.
 */
#ifndef BCD_BUILTIN_H
#define BCD_BUILTIN_H

/* A template of a message; see placeholder.c for what braces mean */
typedef struct BcdTemplate
{
	const char *event;
	const char *audience;
	const char *subject;
	const char *body;
} BcdTemplate;

/* Each has one template for each event and audience */
extern const BcdTemplate bcd_templates_en[];
extern const BcdTemplate bcd_templates_de[];

#endif							/* BCD_BUILTIN_H */
