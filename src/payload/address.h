/*
 * address.h
 *		The addresses of records without an id.
 */
#ifndef BCD_ADDRESS_H
#define BCD_ADDRESS_H

#include "utils/jsonb.h"

#include "resource/resource.h"

/* A field of a record as text, palloc'd; NULL: it has no value */
typedef char *(*BcdAddressValue) (const char *field, const void *record);

extern char *bcd_address_of(const BcdResource *resource, BcdAddressValue value, const void *record);
extern char *bcd_record_address(const BcdResource *resource, Jsonb *fields);
extern Jsonb *bcd_address_fields(const BcdResource *resource, const char *address);
extern const char *bcd_address_identity(const BcdResource *resource, Jsonb *fields);
extern char *bcd_address_flaw(const BcdResource *resource, Jsonb *fields);
extern Jsonb *bcd_known_by_address(const BcdResource *resource, const char *address);
extern bool bcd_is_known_by_address(Jsonb *known);
extern Jsonb *bcd_known_for_sure(Jsonb *known);
extern Jsonb *bcd_known_at(const BcdResource *resource, const char *address, Jsonb *payload);
extern bool bcd_has_contents(const BcdResource *resource, Jsonb *fields);
extern bool bcd_is_address_field(const BcdResource *resource, const char *field);
extern const char **bcd_address_field_names(const BcdResource *resource, Jsonb *fields);

#endif							/* BCD_ADDRESS_H */
