/*
 * estimate_choices.h
 *		What it takes to make the options and values that new records name.
 */
#ifndef BCD_ESTIMATE_CHOICES_H
#define BCD_ESTIMATE_CHOICES_H

#include "feed/feed.h"
#include "functions/preview.h"
#include "payload/task.h"

/* What the rows of a feed have chosen */
typedef struct BcdChoiceCounts BcdChoiceCounts;

extern BcdChoiceCounts *bcd_choice_counts(MemoryContext cxt);
extern void bcd_choice_counts_add(BcdChoiceCounts *counts, const BcdFeed *feed, const BcdPreview *p, const BcdTask *task);
extern double bcd_choice_counts_calls(const BcdChoiceCounts *counts, double factor);

#endif							/* BCD_ESTIMATE_CHOICES_H */
