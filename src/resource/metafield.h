/*
 * metafield.h
 *		Metafields as a collection of the records that they are below:
 *		metafield.c.
 */
#ifndef BCD_METAFIELD_H
#define BCD_METAFIELD_H

#include "resource/resource.h"

/* The same endpoints serve metafields from a table of their own. */
#define METAFIELD_ENDPOINTS_OF(parent) \
	extern const BcdEndpoint bcd_##parent##_metafield_list; \
	extern const BcdEndpoint bcd_##parent##_metafield_below; \
	extern const BcdEndpoint bcd_##parent##_metafield_create; \
	extern const BcdEndpoint bcd_##parent##_metafield_update; \
	extern const BcdEndpoint bcd_##parent##_metafield_delete

METAFIELD_ENDPOINTS_OF(product);
METAFIELD_ENDPOINTS_OF(variant);
METAFIELD_ENDPOINTS_OF(brand);
METAFIELD_ENDPOINTS_OF(category);
METAFIELD_ENDPOINTS_OF(customer);

extern const BcdRecords bcd_metafield;
extern const BcdMember bcd_metafield_parent[];

/* Most metafields of one record */
#define METAFIELDS_MOST		250

/* The facet, in braces; records may have a list of theirs, too */
#define METAFIELDS_FACET(parent) \
	.name = "metafields", \
	.collection = "metafields", \
	.create = {&bcd_##parent##_metafield_create,.members = bcd_metafield_parent,.whole = true}, \
	.update = {&bcd_##parent##_metafield_update}, \
	.remove = {&bcd_##parent##_metafield_delete}, \
	.list = {&bcd_##parent##_metafield_list}
#define METAFIELDS_FIELD	RECORDS("metafields", METAFIELDS_MOST, &bcd_metafield, "metafields")

#endif							/* BCD_METAFIELD_H */
