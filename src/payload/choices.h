/*
 * choices.h
 *		A record's choice for each option of its parent.
 */
#ifndef BCD_CHOICES_H
#define BCD_CHOICES_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

#define BCD_CHOICE_NAME		"option_display_name"
#define BCD_CHOICE_LABEL	"label"

extern char *bcd_choices_normalize(const BcdField *field, JsonbValue *value);
extern Jsonb *bcd_choices_set(Jsonb *payload, const char *field, const cJSON *got);

#endif							/* BCD_CHOICES_H */
