/*
 * payload.h
 *		Payloads: reading and building them (payload.c), checking them against
 *		the resource's fields (normalize.c), and comparing them with the
 *		store's records (compare.c).
 */
#ifndef BCD_PAYLOAD_H
#define BCD_PAYLOAD_H

#include <cjson/cJSON.h>

#include "utils/jsonb.h"

#include "resource/resource.h"

typedef void (*BcdFieldReader) (const char *name, JsonbValue *value, void *arg);
typedef bool (*BcdFieldFilter) (const char *name, JsonbValue *value, void *arg);

extern char *bcd_payload_normalize(const BcdField *field, JsonbValue *value);
extern Jsonb *bcd_payload_changes(const BcdResource *resource, Jsonb *wanted, Jsonb *known);
extern Jsonb *bcd_payload_known(const BcdResource *resource, Jsonb *wanted, const cJSON *record);
extern bool bcd_payload_field_agrees(const BcdResource *resource, Jsonb *wanted, const cJSON *record, const char *name);
extern bool bcd_payload_is_hidden(const BcdResource *resource, Jsonb *wanted, Jsonb *known);
extern void bcd_payload_each(Jsonb *payload, BcdFieldReader reader, void *arg);
extern Jsonb *bcd_payload_filter(Jsonb *payload, BcdFieldFilter filter, void *arg);
extern Jsonb *bcd_payload_unlike(Jsonb *payload, Jsonb *other);
extern Jsonb *bcd_payload_copy(const Jsonb *payload);
extern Jsonb *bcd_payload_keep(Jsonb *payload, MemoryContext scratch);
extern char *bcd_payload_missing(const BcdResource *resource, Jsonb *payload);
extern bool bcd_payload_has(Jsonb *payload, const char *field);
extern bool bcd_payload_covers(Jsonb *payload, Jsonb *other);
extern bool bcd_payload_has_value(Jsonb *payload, const char *field, const JsonbValue *value);
extern bool bcd_payload_same(Jsonb *a, Jsonb *b, const char *field);
extern Jsonb *bcd_payload_digest(const BcdField *field, const JsonbValue *value, int most);
extern bool bcd_payload_agrees_noted(const BcdField *field, const JsonbValue *noted, const cJSON *got);
extern bool bcd_payload_agrees(const BcdField *field, const JsonbValue *wanted, const cJSON *got);
extern bool bcd_payload_is_in_record(Jsonb *payload, const BcdField *field, const cJSON *got);
extern bool bcd_payload_is_nothing(const cJSON *got);
extern char *bcd_payload_text(Jsonb *payload, const char *field);
extern Jsonb *bcd_payload_value(Jsonb *payload, const char *field);
extern int64 bcd_payload_integer(Jsonb *payload, const char *field);
extern Jsonb *bcd_payload_set_integer(Jsonb *payload, const char *field, int64 value);
extern Jsonb *bcd_payload_set_bool(Jsonb *payload, const char *field, bool value);
extern Jsonb *bcd_payload_set(Jsonb *payload, const char *field, JsonbValue *value);
extern Jsonb *bcd_payload_from_json(const char *field, const cJSON *value);
extern Jsonb *bcd_payload_without(Jsonb *payload, const char *field);
extern char *bcd_jsonb_text(Jsonb *jsonb);
extern Jsonb *bcd_payload_merge(Jsonb *base, Jsonb *over);
extern Jsonb *bcd_payload_empty(void);
extern int	bcd_payload_count(Jsonb *payload);
extern void bcd_jsonb_value(Jsonb *jsonb, JsonbValue *value);
extern char *bcd_json_text(const cJSON *value);
extern char *bcd_id_text(const cJSON *record, const char *field);
extern double bcd_number(Numeric n);
extern Jsonb *bcd_payload_set_collection(Jsonb *payload, const char *name, Jsonb *collection);
extern char *bcd_value_quoted(const JsonbValue *value);
extern char *bcd_value_text(const JsonbValue *value);
extern char *bcd_trimmed(const char *text);
extern char *bcd_folded(const char *text);

#endif							/* BCD_PAYLOAD_H */
