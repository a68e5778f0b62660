/*
 * envelope.h
 *		Replies of V2, in the form of V3.
 *
 * Pure: no ereport, no SPI.
 */
#ifndef BCD_ENVELOPE_H
#define BCD_ENVELOPE_H

#include <cjson/cJSON.h>

extern cJSON *bcd_bare_parse(char *text, size_t len, const char **reason);

#endif							/* BCD_ENVELOPE_H */
