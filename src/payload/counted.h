/*
 * counted.h
 *		Fields of which the store is sent differences.
 */
#ifndef BCD_COUNTED_H
#define BCD_COUNTED_H

#include "utils/jsonb.h"

#include "resource/resource.h"

extern const BcdFacet *bcd_changing_facet(const BcdResource *resource, Jsonb *options);
extern const BcdFacet *bcd_counting_facet(const BcdResource *resource, Jsonb *options);
extern Jsonb *bcd_counting_options(const BcdResource *resource, Jsonb *options);
extern Jsonb *bcd_with_counted(const BcdResource *resource, Jsonb *options, Jsonb *read, Jsonb *known);
extern char *bcd_counted_difference(Jsonb *fields, Jsonb *known, const char *field);

#endif							/* BCD_COUNTED_H */
