/*
 * certificates.h
 *		The authorities that a TLS connection is verified against.
 */
#ifndef BCD_CERTIFICATES_H
#define BCD_CERTIFICATES_H

#include <curl/curl.h>

extern CURLcode bcd_trust_apply(CURL *easy, const char *ca_file, char *error, size_t error_size);

#endif							/* BCD_CERTIFICATES_H */
