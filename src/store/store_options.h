/*
 * store_options.h
 *		What options of stores may be.
 */
#ifndef BCD_STORE_OPTIONS_H
#define BCD_STORE_OPTIONS_H

#define BCD_TOKEN_BYTES		1024	/* most of a token */

extern bool bcd_token_is_valid(const char *token);

#endif							/* BCD_STORE_OPTIONS_H */
