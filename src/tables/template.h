/*
 * template.h
 *		bcdelta.template: messages in the words of the merchant.
 */
#ifndef BCD_TABLE_TEMPLATE_H
#define BCD_TABLE_TEMPLATE_H

#include "nodes/pg_list.h"

extern bool bcd_template_read(const char *event, const char *audience, const char *language, char **subject, char **body);
extern void bcd_template_set(const char *event, const char *audience, const char *language,
							 const char *subject, const char *body, const char *by);
extern List *bcd_template_languages(const char *event, const char *audience);

#endif							/* BCD_TABLE_TEMPLATE_H */
