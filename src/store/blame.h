/*
 * blame.h
 *		Finds the records of a batch that an error text refers to.
 *
 * Pure: no ereport, no SPI.
 */
#ifndef BCD_BLAME_H
#define BCD_BLAME_H

extern bool bcd_blames_id(const char *text, int64 id);
extern bool bcd_blames_name(const char *text, const char *name);
extern bool bcd_blames_size(const char *text, int size);

#endif							/* BCD_BLAME_H */
