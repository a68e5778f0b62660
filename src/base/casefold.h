/*
 * casefold.h
 *		Strings without regard to the case of letters.
 */
#ifndef BCD_CASEFOLD_H
#define BCD_CASEFOLD_H

extern char *bcd_fold_case(const char *text, int len);

#endif							/* BCD_CASEFOLD_H */
