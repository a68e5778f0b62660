/*
 * secret.h
 *		Masks a token in the store's replies.
 *
 * Pure: no allocation, no ereport.
 */
#ifndef BCD_SECRET_H
#define BCD_SECRET_H

/* In data, and not only in errors, only tokens from this length on are masked */
#define BCD_SECRET_MIN_BYTES	8

extern void bcd_secret_mask(char *text, size_t len, const char *token);

#endif							/* BCD_SECRET_H */
