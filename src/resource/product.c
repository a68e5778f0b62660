/*
 * product.c
 *		Products: products_catalog.v3.yml.
 *
 * Fields that requests can have but that are left out:
 *
 *	id						assigned by the store
 *
 * Left out of those that can only be read: reviews, whose form is not documented.
 *
 * The specification gives meta_keywords, an array, a limit that applies to
 * strings only and thus has no effect.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/metafield.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"
#include "resource/variant.h"

static const char *const availability[] = {"available", "disabled", "preorder", NULL};
static const char *const condition[] = {"New", "Used", "Refurbished", NULL};
static const char *const gift_wrapping[] = {"any", "none", "list", NULL};
static const char *const inventory_tracking[] = {"none", "product", "variant", NULL};
static const char *const open_graph_type[] = {"product", "album", "book", "drink", "food",
"game", "movie", "song", "tv_show", NULL};
static const char *const bulk_pricing_type[] = {"price", "percent", "fixed", NULL};
static const char *const adjuster[] = {"relative", "percentage", NULL};
static const char *const modifier_type[] = {"date", "checkbox", "file", "text", "multi_line_text", "numbers_only_text",
"radio_buttons", "rectangles", "dropdown", "product_list", "product_list_with_images", "swatch", NULL};
static const char *const video_type[] = {"youtube", NULL};
static const char *const product_type[] = {"physical", "digital", NULL};

/* Where no limit is documented; more is surely a mistake of the mapping */
#define UNDOCUMENTED_MOST	1000

/*
 * A product may have several custom fields of one name, with different values.
 */
static const BcdField custom_field_fields[] = {
	TEXT("name", 1, 250, BCD_F_REQUIRED),
	TEXT("value", 1, 250, BCD_F_REQUIRED),
};
static const BcdRecords custom_field = {BCD_FIELDS(custom_field_fields),.key = BCD_LIST("name", "value"),.kin = 1};

/* Ranges must not overlap, so no two rules begin at the same quantity. */
static const BcdField bulk_pricing_rule_fields[] = {
	PRICE("amount", BCD_F_REQUIRED),
	WHOLE("quantity_max", 0, QUANTITY_MOST, BCD_F_REQUIRED),
	WHOLE("quantity_min", 0, QUANTITY_MOST, BCD_F_REQUIRED),
	ENUM("type", bulk_pricing_type, BCD_F_REQUIRED),
};
static const BcdRecords bulk_pricing_rule = {BCD_FIELDS(bulk_pricing_rule_fields),.key = BCD_LIST("quantity_min")};

/* The channels that a product is assigned to */
static const BcdField channel_fields[] = {
	WHOLE("channel_id", 1, QUANTITY_MOST, BCD_F_REQUIRED),
};
static const BcdRecords channel = {BCD_FIELDS(channel_fields),.key = BCD_LIST("channel_id"),.bare = true};

/*
 * How the choice of a value changes the price or the weight, or whether the product
 * can be bought. The image of a value cannot be set by JSON.
 */
static const BcdField adjustment_fields[] = {
	ENUM("adjuster", adjuster, BCD_F_NULLABLE),
	NUMBER("adjuster_value", 0, -1, 0),
};
static const BcdRecords adjustment = {BCD_FIELDS(adjustment_fields)};
static const BcdField disabling_fields[] = {
	FREE_TEXT("message", 0),
	FLAG("status"),
};
static const BcdRecords disabling = {BCD_FIELDS(disabling_fields)};

/* A new modifier is documented to have only the prices of its values. */
static const BcdField adjuster_fields[] = {
	{"price", BCD_OBJECT, 0, -1, -1, 0,.records = &adjustment},
	{"purchasing_disabled", BCD_OBJECT, 0, -1, -1, BCD_F_LATER,.records = &disabling},
	{"weight", BCD_OBJECT, 0, -1, -1, BCD_F_LATER,.records = &adjustment},
};
static const BcdRecords adjusters = {BCD_FIELDS(adjuster_fields)};

static const BcdField modifier_value_fields[] = {
	{"adjusters", BCD_OBJECT, 0, -1, -1, 0,.records = &adjusters},
	FLAG("is_default"),
	{"label", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED | BCD_F_NO_CASE},
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, BCD_F_REQUIRED),
	OBJECT("value_data", 0),
};
static const BcdRecords modifier_value = {BCD_FIELDS(modifier_value_fields),.key = BCD_LIST("label")};

/*
 * What a buyer chooses or enters. Its values have requests of their own, because
 * it is not documented whether an update of the modifier keeps values that it does
 * not have. A date without limits makes the store fail, and a checkbox makes
 * its own values.
 */
static const BcdField modifier_fields[] = {
	OBJECT("config", 0),
	{"display_name", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED | BCD_F_NO_CASE},
	{"option_values", BCD_RECORDS, 1, 250, -1, BCD_F_FIXED,.facet = "modifier_values",.records = &modifier_value},
	{"required", BCD_BOOLEAN, 0, -1, -1, BCD_F_REQUIRED},
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, 0),
	ENUM("type", modifier_type, BCD_F_REQUIRED | BCD_F_PLACE),
};
static const BcdDemand modifier_demands[] = {
	{"type", "date", "config"},
	{"type", "dropdown", "option_values"},
	{"type", "radio_buttons", "option_values"},
	{"type", "rectangles", "option_values"},
	{"type", "swatch", "option_values"},
	{"type", "product_list", "option_values"},
	{"type", "product_list_with_images", "option_values"},
	{"type", "checkbox", "option_values", true},
	{NULL}
};
static const BcdRecords modifier = {BCD_FIELDS(modifier_fields),.key = BCD_LIST("display_name"),.demands = modifier_demands};

/*
 * The store copies an image from its URL, and keeps the name of the file alone.
 */
static const BcdField image_fields[] = {
	FREE_TEXT("description", 0),
	TEXT("image_url", 1, 255, BCD_F_REQUIRED | BCD_F_WRITE_ONLY | BCD_F_URL),
	{"is_thumbnail", BCD_BOOLEAN, 0, -1, -1, BCD_F_ONCE},
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, 0),
};
static const BcdRecords image = {BCD_FIELDS(image_fields),.key = BCD_LIST("image_url"),.file = "image_file"};

/* The video itself cannot be changed. */
static const BcdField video_fields[] = {
	FREE_TEXT("description", BCD_F_FILLED),
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, 0),
	TEXT("title", 0, 255, BCD_F_FILLED),
	ENUM("type", video_type, 0),
	TEXT("video_id", 1, 25, BCD_F_REQUIRED),
};
static const BcdRecords video = {BCD_FIELDS(video_fields),.key = BCD_LIST("video_id")};

/*
 * The store itself increments the counters (reviews, sales, views), so they
 * can be set but not compared. brand_name is looked up, or creates a brand,
 * hence a brand's limit; it is never returned. include_fields does not accept
 * three of the fields.
 */
static const BcdField product_fields[] = {
	ENUM("availability", availability, 0),
	TEXT("availability_description", 0, 255, 0),
	TEXT("bin_picking_number", 0, 255, 0),
	REFERENCE("brand_id", QUANTITY_MOST, "brand"),
	TEXT("brand_name", 0, 255, BCD_F_WRITE_ONLY | BCD_F_NO_CASE),
	RECORDS("bulk_pricing_rules", UNDOCUMENTED_MOST, &bulk_pricing_rule, "bulk_pricing_rules"),
	{"categories", BCD_INTEGERS, 0, 1000, -1, BCD_F_SET, NULL, "category",.rows_of = "category_assignment"},
	{"channels", BCD_RECORDS, 0, UNDOCUMENTED_MOST, -1, 0, NULL, NULL, NULL, "channels", &channel,.rows_of = "channel_assignment"},
	ENUM("condition", condition, 0),
	PRICE("cost_price", 0),
	RECORDS("custom_fields", 200, &custom_field, "custom_fields"),
	OBJECT("custom_url", 0),
	INSTANT("date_last_imported", BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	MEASURE("depth", 0),
	FREE_TEXT("description", BCD_F_HTML),
	PRICE("fixed_cost_shipping_price", 0),
	IDS("gift_wrapping_options_list", BCD_F_UNLISTED),
	ENUM("gift_wrapping_options_type", gift_wrapping, BCD_F_UNLISTED),
	TEXT("gtin", 0, 14, 0),
	MEASURE("height", 0),
	RECORDS("images", 1000, &image, "images"),
	{"inventory_level", BCD_INTEGER, 0, INT32_MOST, -1, BCD_F_COUNTED,.facet = "stock"},
	ENUM("inventory_tracking", inventory_tracking, 0),
	WHOLE("inventory_warning_level", 0, INT32_MOST, 0),
	FLAG("is_condition_shown"),
	FLAG("is_featured"),
	FLAG("is_free_shipping"),
	FLAG("is_preorder_only"),
	FLAG("is_price_hidden"),
	FLAG("is_visible"),
	TEXT("layout_file", 0, 500, 0),
	NUMBER("map_price", 0, -1, 0),
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
	METAFIELDS_FIELD,
	RECORDS("modifiers", UNDOCUMENTED_MOST, &modifier, "modifiers"),
	FREE_TEXT("mpn", 0),
	TEXT("name", 1, 250, BCD_F_REQUIRED),
	FREE_TEXT("open_graph_description", 0),
	FREE_TEXT("open_graph_title", 0),
	ENUM("open_graph_type", open_graph_type, 0),
	FLAG("open_graph_use_image"),
	FLAG("open_graph_use_meta_description"),
	FLAG("open_graph_use_product_name"),
	WHOLE("order_quantity_maximum", 0, QUANTITY_MOST, 0),
	WHOLE("order_quantity_minimum", 0, QUANTITY_MOST, 0),
	TEXT("page_title", 0, 255, 0),
	TEXT("preorder_message", 0, 255, 0),
	INSTANT("preorder_release_date", BCD_F_NULLABLE),
	PRICE("price", BCD_F_REQUIRED),
	TEXT("price_hidden_label", 0, 200, 0),
	TEXT("product_tax_code", 0, 255, 0),
	REFERENCES("related_products", -1, "product"),
	PRICE("retail_price", 0),
	WHOLE("reviews_count", 0, INT32_MOST, BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	WHOLE("reviews_rating_sum", 0, INT32_MOST, BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	PRICE("sale_price", 0),
	TEXT("search_keywords", 0, 65535, 0),
	TEXT("sku", 0, 255, BCD_F_NO_CASE),
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, BCD_F_UNLISTED),
	WHOLE("tax_class_id", 0, 255, 0),
	WHOLE("total_sold", 0, INT32_MOST, BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	ENUM("type", product_type, BCD_F_REQUIRED),
	TEXT("upc", 0, 14, 0),
	RECORDS("variants", 600, &bcd_variant_records, "variants"),
	RECORDS("videos", UNDOCUMENTED_MOST, &video, "videos"),
	WHOLE("view_count", 0, QUANTITY_MOST, BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	TEXT("warranty", 0, 65535, BCD_F_HTML),
	MEASURE("weight", BCD_F_REQUIRED),
	MEASURE("width", 0),
};

static const BcdField product_shown[] = {
	WHOLE("base_variant_id", 1, BCD_NO_MAX, 0),
	PRICE("calculated_price", 0),
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
	FREE_TEXT("option_set_display", 0),
	WHOLE("option_set_id", 0, BCD_NO_MAX, 0),
	{"options", BCD_RECORDS},
	{"parent_relations", BCD_RECORDS},
	OBJECT("primary_image", 0),
};

/* With options or modifiers, a page has ten products */
static const BcdIncluded product_parts[] = {
	{"bulk_pricing_rules", "bulk_pricing_rules"},
	{"channels", "channels"},
	{"custom_fields", "custom_fields"},
	{"images", "images"},
	{"modifiers", "modifiers", 10},
	{"options", "options", 10},
	{"parent_relations", "parent_relations"},
	{"primary_image", "primary_image"},
	{"variants", "variants"},
	{"videos", "videos"},
	{NULL}
};

/*
 * Left out: categories, which misses products that are in several of them;
 * condition, whose values are spelled differently; is_featured and
 * is_free_shipping, which take 1 and 0; date_last_imported, which many products
 * do not have; inventory_level and total_sold.
 */
static const BcdFilter product_filters[] = {
	{"id", BCD_BY_EQUAL, "id",.exact = true},
	{"id", BCD_BY_IN, "id:in",.exact = true},
	BY_ID_RANGE("id"),
	{"id", BCD_BY_GREATER, "id:greater",.exact = true},
	{"id", BCD_BY_LESS, "id:less",.exact = true},
	{"availability", BCD_BY_EQUAL, "availability"},
	{"brand_id", BCD_BY_EQUAL, "brand_id",.exact = true,.not_zero = true},
	BY_DATE("date_modified"),
	{"is_visible", BCD_BY_EQUAL, "is_visible",.exact = true},
	{"mpn", BCD_BY_EQUAL, "mpn"},
	{"name", BCD_BY_EQUAL, "name"},
	{"sku", BCD_BY_EQUAL, "sku"},
	{"sku", BCD_BY_IN, "sku:in"},
	{"type", BCD_BY_EQUAL, "type",.exact = true},
	{"upc", BCD_BY_EQUAL, "upc"},
	{NULL}
};

static const BcdEndpoint product_list = {"GET", "/catalog/products", BCD_PAGE_LIMIT,.narrows = true};
static const BcdEndpoint product_create = {"POST", "/catalog/products", 1, BCD_ONE, &bcd_reply_records,.narrows = true};
static const BcdEndpoint product_update = {"PUT", "/catalog/products", 10, BCD_ARRAY, &bcd_reply_records,.narrows = true};

/* Elements below ten products; the limit is that of what one product can have */
static const BcdEndpoint product_elements = {"PUT", "/catalog/products", 2000, BCD_ARRAY, &bcd_reply_records,.parents = 10};
static const BcdEndpoint product_delete = {"DELETE", "/catalog/products", 250, BCD_NO_BODY, &bcd_reply_silent};

/*
 * The default location always exists and always has this id
 * (locations.v3.yml).
 */
static const BcdMember product_stock[] = {
	{"location_id", BCD_FROM_OPTION, "location_id", "1"},
	{"product_id", BCD_FROM_ID},
	{"quantity", BCD_FROM_FIELD, "inventory_level"},
	{NULL}
};

static const BcdMember product_channel[] = {
	{"product_id", BCD_FROM_PARENT},
	{"channel_id", BCD_FROM_FIELD, "channel_id"},
	{NULL}
};

/* Elements below a product, which have requests of their own */
#define WRITTEN_AT(path, whole_update) \
	.create = {&(const BcdEndpoint) {"POST", "/catalog/products/{parent}/" path, 1, BCD_ONE, &bcd_reply_records},.whole = true}, \
	.update = {&(const BcdEndpoint) {"PUT", "/catalog/products/{parent}/" path "/{id}", 1, BCD_ONE, &bcd_reply_records},.whole = (whole_update)}, \
	.remove = {&(const BcdEndpoint) {"DELETE", "/catalog/products/{parent}/" path "/{id}", 1, BCD_NO_BODY, &bcd_reply_silent}}
#define ELEMENTS(field, path, whole_update) \
	.name = (field),.nested = true,.collection = (field),WRITTEN_AT(path, whole_update)

static const BcdFacet product_facets[] = {
	{
		.create = {&product_create},
		.update = {&product_update},
		.remove = {&product_delete, "id:in={id,}"},
	},
	{
		.name = "stock",
		.nested = true,
		.if_field = "inventory_tracking",
		.if_value = "product",
		.placed_by = "location_id",
		.update = {&bcd_stock_absolute,.members = product_stock},
	},
	/* why no others are written together: mapping.md */
	{ELEMENTS("custom_fields", "custom-fields", true),.together = {&product_elements,.whole = true}},
	{ELEMENTS("bulk_pricing_rules", "bulk-pricing-rules", true)},
	{ELEMENTS("images", "images", false)},
	{ELEMENTS("videos", "videos", false)},
	{
		.name = "channels",
		.collection = "channels",
		.create = {&bcd_channel_assign,.members = product_channel},
		.remove = {&bcd_channel_unassign, "product_id:in={parent,}&channel_id:in={channel_id}"},
	},
	{.name = "modifiers",.collection = "modifiers",.page = 10, WRITTEN_AT("modifiers", true)},
	{.name = "modifier_values",.collection = "modifiers",.inside = "option_values", WRITTEN_AT("modifiers/{element}/values", true)},
	{VARIANTS_OF_PRODUCT},
	{METAFIELDS_FACET(product),.list_one = {&bcd_product_metafield_below}},
};

static const BcdKey product_keys[] = {
	{BCD_LIST("sku"),.one = {&product_list, "sku={sku}"},.many = {&product_list, "sku:in={sku,}"}},
	{BCD_LIST("name"),.one = {&product_list, "name={name}"}},
	{NULL}
};

StaticAssertDecl(lengthof(product_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(product_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_product = {
	.name = "product",
	.id = "id",
	.keys = product_keys,
	.keys_with = "variant",
	BCD_FIELDS(product_fields),
	BCD_SHOWN(product_shown),
	.parts = product_parts,
	.filters = product_filters,
	BCD_FACETS(product_facets),
	.view = {&product_list, "id:in={id,}"},
	.list = {&product_list},
	.dated = true,
	.list_after = "id:greater",
	.changed = {&product_list},
	.ranges = true,
	.tells_fields = true,
	.tells_all = true,
	.exchanges = true,
	.hidden_by = "is_visible",
	.gone_is_refused = true,
};
