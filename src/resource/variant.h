/*
 * variant.h
 *		Variants as a collection of their products: variant.c.
 */
#ifndef BCD_VARIANT_H
#define BCD_VARIANT_H

#include "resource/resource.h"

extern const BcdRecords bcd_variant_records;
extern const BcdChoices bcd_variant_choices;
extern const BcdMember bcd_variant_parent[];
extern const BcdEndpoint bcd_variant_update;
extern const BcdEndpoint bcd_element_create;
extern const BcdEndpoint bcd_element_single;
extern const BcdEndpoint bcd_element_delete;

/* The facet of products that consists of their variants */
#define VARIANTS_OF_PRODUCT \
	.name = "variants",.nested = true,.collection = "variants", \
	.create = {&bcd_element_create,.members = bcd_variant_parent,.whole = true}, \
	.update = {&bcd_variant_update}, \
	.alone = {&bcd_element_single}, \
	.remove = {&bcd_element_delete}, \
	.rows = "variant", \
	.choices = &bcd_variant_choices

#endif							/* BCD_VARIANT_H */
