/*
 * utility.h
 *		Statements of others that concern databases and roles of ours.
 */
#ifndef BCD_UTILITY_H
#define BCD_UTILITY_H

extern void bcd_utility_install(void);

#endif							/* BCD_UTILITY_H */
