/*
 * registry.h
 *		Finds resources and their parts; resource.h includes it.
 */
#ifndef BCD_REGISTRY_H
#define BCD_REGISTRY_H

#include "resource/resource.h"

/* all of them, and NULL */
extern const BcdResource *const bcd_resources[];

extern const BcdResource *bcd_resource_find(const char *name);
extern const BcdResource *bcd_resource_nth(int n);
extern int	bcd_resource_rank(const BcdResource *resource);
extern char *bcd_resource_field_names(const BcdResource *resource);
extern const BcdField *bcd_resource_field(const BcdResource *resource, const char *name);
extern const BcdField *bcd_resource_shown(const BcdResource *resource, const char *name);
extern bool bcd_resource_shows(const BcdResource *resource, const BcdField *field);
extern bool bcd_resource_is_listed(const BcdResource *resource);
extern char *bcd_resource_listed_names(void);
extern const BcdIncluded *bcd_resource_part(const BcdResource *resource, const char *field);
extern const BcdFacet *bcd_facet_whole(const BcdResource *resource, const BcdFacet *facet);
extern const BcdRecords *bcd_facet_records(const BcdResource *resource, const BcdFacet *facet);
extern const BcdFacet *bcd_resource_facet_of(const BcdResource *resource, const BcdField *field);
extern const BcdField *bcd_records_field(const BcdRecords *records, const char *name);

#endif							/* BCD_REGISTRY_H */
