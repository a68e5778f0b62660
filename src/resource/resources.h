/*
 * resources.h
 *		The descriptors of all resources.
 */
#ifndef BCD_RESOURCES_H
#define BCD_RESOURCES_H

#include "resource/resource.h"

extern const BcdResource bcd_brand;
extern const BcdResource bcd_brand_metafield;
extern const BcdResource bcd_category;
extern const BcdResource bcd_category_metafield;
extern const BcdResource bcd_customer;
extern const BcdResource bcd_customer_address;
extern const BcdResource bcd_customer_attribute;
extern const BcdResource bcd_customer_attribute_value;
extern const BcdResource bcd_customer_group;
extern const BcdResource bcd_location;
extern const BcdResource bcd_customer_metafield;
extern const BcdResource bcd_inventory;
extern const BcdResource bcd_price_record;
extern const BcdResource bcd_channel_assignment;
extern const BcdResource bcd_category_assignment;
extern const BcdResource bcd_price_list;
extern const BcdResource bcd_price_list_assignment;
extern const BcdResource bcd_product;
extern const BcdResource bcd_product_metafield;
extern const BcdResource bcd_variant;
extern const BcdResource bcd_variant_metafield;
extern const BcdResource bcd_redirect;

#endif							/* BCD_RESOURCES_H */
