/*
 * price_record.c
 *		Prices of variants in price lists: price_lists.v3.yml.
 *
 * A record is identified by its price list, its currency, and its variant,
 * which may be named by its article number: a product without variants has one
 * variant, whose number is that of the product.
 *
 * It is always written whole: whether the store keeps or clears a price that an
 * upsert leaves out is not documented.  Nor is whether 0 means none: a sale price
 * of 0 would give the goods away, so it is sent only if the row says so.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const price_tier_types[] = {"fixed", "percent", "price", NULL};

/* Without quantity_max, a tier has no upper end */
static const BcdField price_tier_fields[] = {
	PRICE("amount", BCD_F_REQUIRED),
	WHOLE("quantity_max", 0, INT32_MOST, BCD_F_NULLABLE),
	WHOLE("quantity_min", 0, INT32_MOST, BCD_F_REQUIRED),
	ENUM("type", price_tier_types, BCD_F_REQUIRED),
};
static const BcdRecords price_tier = {BCD_FIELDS(price_tier_fields),.key = BCD_LIST("quantity_min")};

/* Tiers are a part of the record, and written with it as a whole */
static const BcdField price_record_fields[] = {
	{"bulk_pricing_tiers", BCD_RECORDS, 0, BCD_NO_MAX, -1, 0,.records = &price_tier},
	TEXT("currency", 3, 3, BCD_F_REQUIRED | BCD_F_NO_CASE),
	PRICE("map_price", BCD_F_NO_NONE),
	PRICE("price", BCD_F_REQUIRED),
	{"price_list_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED, NULL, "price_list"},
	PRICE("retail_price", BCD_F_NO_NONE),
	PRICE("sale_price", BCD_F_NO_NONE),
	TEXT("sku", 1, 255, BCD_F_NO_CASE),
	{"variant_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "variant"},
};

static const BcdEndpoint price_record_list = {"GET", "/pricelists/{price_list_id}/records", BCD_PAGE_LIMIT};
static const BcdEndpoint price_record_put = {
	"PUT", "/pricelists/{price_list_id}/records", 1000, BCD_ARRAY, &bcd_reply_price_records,.concurrent = 1
};

/* Without a filter, it would delete all records of the list */
static const BcdEndpoint price_record_delete = {
	"DELETE", "/pricelists/{price_list_id}/records", BCD_PAGE_LIMIT, BCD_NO_BODY, &bcd_reply_silent,
	.concurrent = 1,.assumed = true
};

static const BcdFacet price_record_facets[] = {
	{
		.update = {&price_record_put,.whole = true},
		.remove = {&price_record_delete, "{identity_name}:in={identity,}&currency={currency}"},
	},
};

static const BcdKey price_record_keys[] = {
	{BCD_LIST("price_list_id", "currency"),.one_of = BCD_LIST("sku", "variant_id")},
	{NULL}
};

const BcdResource bcd_price_record = {
	.name = "price_record",
	.keys = price_record_keys,
	BCD_FIELDS(price_record_fields),
	BCD_FACETS(price_record_facets),
	.view = {&price_record_list, "{identity_name}:in={identity,}&currency={currency}&include=bulk_pricing_tiers,sku"},
	.dated = true,
};
