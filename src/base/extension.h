/*
 * extension.h
 *		The extension: whether it exists, in the version that this library is
 *		made for, and its tables and their owner.
 */
#ifndef BCD_EXTENSION_H
#define BCD_EXTENSION_H

extern Oid	bcd_table_oid(const char *name);
extern Oid	bcd_extension_owner(void);
extern Oid	bcd_extension_look(char **version);
extern Oid	bcd_extension_schema(void);
extern char *bcd_extension_trouble(void);
extern void bcd_extension_check(void);

#endif							/* BCD_EXTENSION_H */
