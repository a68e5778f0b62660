/*
 * database_identity.h
 *		Identifies where this database is, and whether it may push from there.
 */
#ifndef BCD_DATABASE_IDENTITY_H
#define BCD_DATABASE_IDENTITY_H

extern char *bcd_home(void);
extern char *bcd_home_trouble(const char *home);
extern bool bcd_home_is_here(const char *home);

/* of the postmaster and its first processes */
extern void bcd_place_define(void);
extern void bcd_place_register(void);
extern void bcd_place_note_promotion(void);

#endif							/* BCD_DATABASE_IDENTITY_H */
