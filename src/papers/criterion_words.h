/*
 * criterion_words.h
 *		What go_live_check() has found, in the language of a reader.
 */
#ifndef BCD_CRITERION_WORDS_H
#define BCD_CRITERION_WORDS_H

#include "papers/criteria.h"
#include "papers/tongue.h"

extern char *bcd_tell_criterion(const BcdTongue *t, const char *name);
extern char *bcd_tell_found(const BcdTongue *t, const BcdCheckRow *c);

#endif							/* BCD_CRITERION_WORDS_H */
