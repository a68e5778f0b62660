/*
 * variant.c
 *		Variants of products: product-variants_catalog.v3.yml.
 *
 * Fields that requests can have but that are left out: id, which the store
 * assigns. Metafields have endpoints of their own.
 *
 * Left out of those that can only be read: calculated_weight, which lists do not
 * have.
 *
 * The batch for updates lacks sku, mpn, gtin and image_url, so these are a
 * facet of their own, which is written alone. The option values of a variant
 * cannot be changed at all, and a variant never moves to another product: a row
 * that does gets another variant.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/metafield.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"
#include "resource/variant.h"

/*
 * null means that the variant has its product's value.  When written,
 * image_url is the address from which the store copies the image.
 */
static const BcdField variant_fields[] = {
	TEXT("bin_picking_number", 0, 255, BCD_F_NULLABLE),
	PRICE("cost_price", BCD_F_NULLABLE),
	MEASURE("depth", BCD_F_NULLABLE),
	PRICE("fixed_cost_shipping_price", BCD_F_NULLABLE),
	{"gtin", BCD_STRING, 0, 14, -1, BCD_F_NULLABLE,.facet = "single"},
	MEASURE("height", BCD_F_NULLABLE),
	{"image_url", BCD_STRING, 0, -1, -1, BCD_F_WRITE_ONLY | BCD_F_SHOWN,.facet = "single"},
	{"inventory_level", BCD_INTEGER, 0, INT32_MOST, -1, BCD_F_COUNTED,.facet = "stock"},
	WHOLE("inventory_warning_level", 0, INT32_MOST, BCD_F_NULLABLE),
	FLAG("is_free_shipping"),
	METAFIELDS_FIELD,
	{"mpn", BCD_STRING, 0, -1, -1, BCD_F_NULLABLE,.facet = "single"},
	{"option_values", BCD_RECORDS, 0, -1, -1, BCD_F_REQUIRED | BCD_F_SET | BCD_F_NO_CASE | BCD_F_FIXED | BCD_F_CHOICES},
	PRICE("price", BCD_F_NULLABLE),
	{"product_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED | BCD_F_PLACE, NULL, "product"},
	FLAG("purchasing_disabled"),
	TEXT("purchasing_disabled_message", 0, 255, 0),
	PRICE("retail_price", BCD_F_NULLABLE),
	PRICE("sale_price", BCD_F_NULLABLE),
	{"sku", BCD_STRING, 1, 255, -1, BCD_F_REQUIRED | BCD_F_NO_CASE | BCD_F_CODE,.facet = "single"},
	TEXT("upc", 0, 14, BCD_F_NULLABLE),
	MEASURE("weight", BCD_F_NULLABLE),
	MEASURE("width", BCD_F_NULLABLE),
};

/* A base variant has no sku_id */
static const BcdField variant_shown[] = {
	PRICE("calculated_price", 0),
	WHOLE("sku_id", 0, BCD_NO_MAX, 0),
};

static const BcdFilter variant_filters[] = {
	{"id", BCD_BY_EQUAL, "id",.exact = true},
	{"product_id", BCD_BY_IN, "product_id:in",.exact = true},
	{"sku", BCD_BY_EQUAL, "sku"},
	{"upc", BCD_BY_EQUAL, "upc"},
	{NULL}
};

/*
 * According to the description of the batch operation, items without an id
 * create variants, although the schema of its body lacks all fields that this
 * needs.  So the first variant finds out whether the store does as described;
 * if not, each is created by a request of its own, which the schema supports.
 * Nothing says that the batch has the other fields that its schema lacks.
 */
static const BcdEndpoint variant_list = {"GET", "/catalog/variants", BCD_PAGE_LIMIT,.narrows = true};
static const BcdEndpoint variant_create = {"POST", "/catalog/products/{product_id}/variants", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint variant_create_many = {"PUT", "/catalog/variants", 50, BCD_ARRAY, &bcd_reply_variants_created,.lacks = BCD_LIST("gtin", "image_url", "mpn")};
const BcdEndpoint bcd_variant_update = {"PUT", "/catalog/variants", 50, BCD_ARRAY, &bcd_reply_variants};
static const BcdEndpoint variant_single = {"PUT", "/catalog/products/{product_id}/variants/{id}", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint variant_delete = {"DELETE", "/catalog/products/{product_id}/variants/{id}", 1, BCD_NO_BODY, &bcd_reply_silent};

/* The description requires the parent in the body as well. */
const BcdMember bcd_variant_parent[] = {{"product_id", BCD_FROM_PARENT}, {NULL}};

static const BcdMember variant_stock[] = {
	{"location_id", BCD_FROM_OPTION, "location_id", "1"},
	{"variant_id", BCD_FROM_ID},
	{"quantity", BCD_FROM_FIELD, "inventory_level"},
	{NULL}
};

/* A page of products that show their options has ten of them. */
static const BcdEndpoint variant_products = {"GET", "/catalog/products", 10, BCD_NO_BODY, &bcd_reply_records};

/*
 * Options and their values are records of the product. Limits are documented
 * in the text of the operations.
 */
const BcdChoices bcd_variant_choices = {
	.field = "option_values",
	.list = "/catalog/products/{product_id}/options",
	.shown = {&variant_products, "id:in={product_id,}&include=options&include_fields=id&limit=10"},
	.member = "options",
	.page = 10,
	.option = "/catalog/products/{product_id}/options",
	.value = "/catalog/products/{product_id}/options/%s/values",
	.parent = "product_id",
	.type = "\"type\": \"dropdown\"",
	.most_values = 250,
	.most_records = 600,
};

static const BcdFacet variant_facets[] = {
	{
		.create = {&variant_create,.members = bcd_variant_parent,.many = &variant_create_many},
		.update = {&bcd_variant_update},
		.remove = {&variant_delete},
		.choices = &bcd_variant_choices,
	},
	{
		.name = "single",
		.nested = true,
		.separate = true,
		.update = {&variant_single},
	},
	{
		.name = "stock",
		.nested = true,
		.placed_by = "location_id",
		.update = {&bcd_stock_absolute,.members = variant_stock},
	},
	{METAFIELDS_FACET(variant)},
};

/*
 * Lists of keys are not accepted, but lists of products, with all their
 * variants.
 */
static const BcdKey variant_keys[] = {
	{
		BCD_LIST("product_id", "sku"),
		.one = {&variant_list, "sku={sku}"},
		.many = {&variant_list, "product_id:in={product_id,}",.siblings = true},
	},
	{NULL}
};

/*
 * The same as elements of a collection of their product, without stock by
 * location. No variant ever gets other option values, so these tell which is
 * which.
 */
static const BcdField nested_variant_fields[] = {
	TEXT("bin_picking_number", 0, 255, BCD_F_NULLABLE),
	PRICE("cost_price", BCD_F_NULLABLE),
	MEASURE("depth", BCD_F_NULLABLE),
	PRICE("fixed_cost_shipping_price", BCD_F_NULLABLE),
	{"gtin", BCD_STRING, 0, 14, -1, BCD_F_NULLABLE,.facet = "alone"},
	MEASURE("height", BCD_F_NULLABLE),
	{"image_url", BCD_STRING, 0, -1, -1, BCD_F_WRITE_ONLY,.facet = "alone"},
	WHOLE("inventory_level", 0, INT32_MOST, 0),
	WHOLE("inventory_warning_level", 0, INT32_MOST, BCD_F_NULLABLE),
	FLAG("is_free_shipping"),
	{"mpn", BCD_STRING, 0, -1, -1, BCD_F_NULLABLE,.facet = "alone"},
	{"option_values", BCD_RECORDS, 1, 250, -1, BCD_F_REQUIRED | BCD_F_SET | BCD_F_NO_CASE | BCD_F_FIXED | BCD_F_CHOICES},
	PRICE("price", BCD_F_NULLABLE),
	FLAG("purchasing_disabled"),
	TEXT("purchasing_disabled_message", 0, 255, 0),
	PRICE("retail_price", BCD_F_NULLABLE),
	PRICE("sale_price", BCD_F_NULLABLE),
	{"sku", BCD_STRING, 1, 255, -1, BCD_F_REQUIRED | BCD_F_NO_CASE | BCD_F_CODE,.facet = "alone"},
	TEXT("upc", 0, 14, BCD_F_NULLABLE),
	MEASURE("weight", BCD_F_NULLABLE),
	MEASURE("width", BCD_F_NULLABLE),
};

const BcdRecords bcd_variant_records = {
	BCD_FIELDS(nested_variant_fields),
	.key = BCD_LIST("option_values"),
	.unique = "sku",
};

const BcdEndpoint bcd_element_create = {"POST", "/catalog/products/{parent}/variants", 1, BCD_ONE, &bcd_reply_records};
const BcdEndpoint bcd_element_single = {"PUT", "/catalog/products/{parent}/variants/{id}", 1, BCD_ONE, &bcd_reply_records};
const BcdEndpoint bcd_element_delete = {"DELETE", "/catalog/products/{parent}/variants/{id}", 1, BCD_NO_BODY, &bcd_reply_silent};

StaticAssertDecl(lengthof(variant_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(variant_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

/*
 * As long as a product has no other variants, it has one without options,
 * which is the product itself.
 */
const BcdResource bcd_variant = {
	.name = "variant",
	.id = "id",
	.keys = variant_keys,
	.parent = "product_id",
	.keys_everywhere = true,
	.keys_with = "product",
	.same_by = "option_values",
	.implied_without = "option_values",
	BCD_FIELDS(variant_fields),
	BCD_SHOWN(variant_shown),
	.filters = variant_filters,
	BCD_FACETS(variant_facets),
	.view = {&variant_list, "product_id:in={product_id,}",.siblings = true},
	.view_one = {&variant_list, "id={id}"},
	.list = {&variant_list},
	.hidden_by = "purchasing_disabled",
	.hidden_when = true,
	.tells_fields = true,
	.gone_is_refused = true,
	.twin_is_refused = true,
};
