/*
 * learned.h
 *		bcdelta.learned: what stores do where their vendor's documents are silent.
 */
#ifndef BCD_LEARNED_TABLE_H
#define BCD_LEARNED_TABLE_H

extern int	bcd_learned_keeps(const char *store, const char *resource, const char *collection);
extern void bcd_learned_note(const char *store, const char *resource, const char *collection, bool keeps);

#endif							/* BCD_LEARNED_TABLE_H */
