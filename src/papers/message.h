/*
 * message.h
 *		Messages for people, made from templates.
 */
#ifndef BCD_MESSAGE_H
#define BCD_MESSAGE_H

#include "papers/builtin.h"
#include "papers/paper.h"

extern const char *const bcd_message_events[];
extern const char *const bcd_message_audiences[];

extern const BcdTemplate *bcd_template_builtin(const char *event, const char *audience, const char *language);
extern char *bcd_template_text(const char *utf8);
extern void bcd_template_check(const char *text, const char *argument);
extern char *bcd_template_fill(const char *text, BcdPaper *paper, bool one_line);

#endif							/* BCD_MESSAGE_H */
