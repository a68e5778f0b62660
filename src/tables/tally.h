/*
 * tally.h
 *		How many rows of each feed are linked, and how many are pending in
 *		each state.
 */
#ifndef BCD_TALLY_H
#define BCD_TALLY_H

extern void bcd_tally_fold(void);
extern void bcd_tally_fold_long(void);
extern void bcd_tally_mend(void);
extern bool bcd_tally_nth(int i, const char **feed, const char **what, int64 *n);
extern int64 bcd_tally_of(const char *const *feeds, int nfeeds, const char *const *whats, int nwhats);

#endif							/* BCD_TALLY_H */
