/*
 * reference.h
 *		Fields that hold ids of other records.
 */
#ifndef BCD_REFERENCE_H
#define BCD_REFERENCE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

#include "resource/resource.h"

typedef void (*BcdReferenceReader) (const char *resource, const JsonbValue *id, void *arg);

extern const BcdField *const *bcd_referring_fields(int *n);
extern List *bcd_names_of_references(const BcdResource *resource, const char *to);
extern bool bcd_field_may_refer(const BcdField *field, const char *resource);
extern void bcd_field_references(const BcdField *field, const JsonbValue *value, BcdReferenceReader reader, void *arg);

#endif							/* BCD_REFERENCE_H */
