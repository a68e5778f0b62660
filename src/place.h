/*
 * place.h
 *		Where this database is, and whether it may push from there.
 */
#ifndef BCD_PLACE_H
#define BCD_PLACE_H

extern char *bcd_home(void);

#endif							/* BCD_PLACE_H */
