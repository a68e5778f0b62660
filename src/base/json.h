/*
 * json.h
 *		Reading the store's replies with cJSON, within limits; escaping.
 *
 * Pure: no ereport, no SPI.  cJSON trees are malloc'd and are the caller's.
 */
#ifndef BCD_JSON_H
#define BCD_JSON_H

#include <cjson/cJSON.h>
#include "lib/stringinfo.h"

#define BCD_JSON_MAX_DEPTH		32
#define BCD_JSON_MAX_SIZE		(32 * 1024 * 1024)	/* bytes */
#define BCD_JSON_MAX_VALUES		500000	/* each takes some 150 bytes */
#define BCD_JSON_ERROR_MAX_SIZE (BCD_JSON_MAX_SIZE / 8) /* of an error */
#define BCD_JSON_ERROR_MAX		500 /* bytes of an error text */

extern bool bcd_json_scan(char *text, size_t len, const char **reason);
extern cJSON *bcd_json_parse(char *text, size_t len, const char **reason);
extern const cJSON *bcd_json_path(const cJSON *root, const char *path);
extern bool bcd_json_int64(const cJSON *item, int64 *value);
extern bool bcd_json_field_int64(const cJSON *object, const char *field, int64 *value);
extern bool bcd_json_id(const cJSON *record, const char *field, int64 *id);
extern void bcd_url_escape(StringInfo out, const char *text);
extern int	bcd_utf8_length(const char *text, const char *end);

/* in error_text.c */
extern void bcd_json_error_text(StringInfo out, long status, const char *content_type,
								const char *body, size_t len);

#endif							/* BCD_JSON_H */
