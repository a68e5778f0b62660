/*
 * resource.c
 *		The BigCommerce resources: fields, limits, endpoints.
 *
 * The tables list what may be written, as the vendor's OpenAPI files have it
 * in the bodies of POST and PUT (each table names its file).  Left out are
 * fields that the store maintains itself and records nested in a product
 * (variants, images, videos, custom fields, bulk pricing rules), which have
 * endpoints of their own.
 *
 * The tables are sorted by name, for bsearch().
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "resource/resource.h"

/* Bounds of whole numbers that several fields share */
#define INT32_LEAST			(-2147483648.0)
#define INT32_MOST			2147483647.0
#define QUANTITY_MOST		1000000000.0
#define MEASURE_MOST		9999999999.0

/*
 * Prices keep four decimals (the vendor's catalog guide); the precision of
 * measures is not documented, the same is assumed.
 */
#define DECIMALS			4

#define TEXT(name, least, most, flags) \
	{name, BCD_STRING, least, most, -1, flags, NULL}
#define FREE_TEXT(name, flags) \
	{name, BCD_STRING, 0, -1, -1, flags, NULL}
#define ENUM(name, values, flags) \
	{name, BCD_STRING, 0, -1, -1, flags, values}
#define PRICE(name, flags) \
	{name, BCD_NUMBER, 0, BCD_NO_MAX, DECIMALS, flags, NULL}
#define MEASURE(name, flags) \
	{name, BCD_NUMBER, 0, MEASURE_MOST, DECIMALS, flags, NULL}
#define WHOLE(name, least, most, flags) \
	{name, BCD_INTEGER, least, most, -1, flags, NULL}
#define FLAG(name) \
	{name, BCD_BOOLEAN, 0, -1, -1, 0, NULL}
#define OBJECT(name, flags) \
	{name, BCD_OBJECT, 0, -1, -1, flags, NULL}
#define REFERENCE(name, most, resource) \
	{name, BCD_INTEGER, 0, most, -1, 0, NULL, resource}
#define REFERENCES(name, most, resource) \
	{name, BCD_INTEGERS, 0, most, -1, BCD_F_SET, NULL, resource}
#define WORDS(name) \
	{name, BCD_STRINGS, 0, -1, -1, 0, NULL}

static const char *const availability[] = {"available", "disabled", "preorder", NULL};
static const char *const condition[] = {"New", "Used", "Refurbished", NULL};
static const char *const gift_wrapping[] = {"any", "none", "list", NULL};
static const char *const inventory_tracking[] = {"none", "product", "variant", NULL};
static const char *const open_graph_type[] = {"product", "album", "book", "drink", "food",
"game", "movie", "song", "tv_show", NULL};
static const char *const product_type[] = {"physical", "digital", NULL};
static const char *const product_sort[] = {"use_store_settings", "featured", "newest",
	"best_selling", "alpha_asc", "alpha_desc", "avg_customer_review", "price_asc",
"price_desc", NULL};

/*
 * brands_catalog.v3.yml.  image_url is the picture's source on the way in and
 * the store's own copy on the way out.
 */
static const BcdField brand_fields[] = {
	OBJECT("custom_url", 0),
	FREE_TEXT("image_url", BCD_F_WRITE_ONLY),
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
	TEXT("name", 1, 255, BCD_F_REQUIRED),
	TEXT("page_title", 0, 255, 0),
	TEXT("search_keywords", 0, 65535, 0),
};

/*
 * category-trees_catalog.v3.yml.  A create needs parent_id or tree_id too:
 * see needs_tree.  The description's limit is in the text of the operation.
 */
static const BcdField category_fields[] = {
	ENUM("default_product_sort", product_sort, 0),
	TEXT("description", 0, 65535, BCD_F_HTML),
	FREE_TEXT("image_url", BCD_F_WRITE_ONLY),
	FLAG("is_visible"),
	TEXT("layout_file", 0, 50, 0),
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
	TEXT("name", 1, 50, BCD_F_REQUIRED),
	FREE_TEXT("page_title", 0),
	REFERENCE("parent_id", BCD_NO_MAX, "category"),
	TEXT("search_keywords", 0, 255, 0),
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, 0),
	WHOLE("tree_id", 0, BCD_NO_MAX, 0),
	OBJECT("url", 0),
	WHOLE("views", 0, BCD_NO_MAX, BCD_F_WRITE_ONLY),
};

/*
 * products_catalog.v3.yml.  The counters that the store goes on counting
 * (reviews, sales, views) may be set but cannot be compared.  brand_name is
 * looked up or made into a brand, hence a brand's limit; it is never echoed.
 * Three fields are missing from the values that include_fields may have.
 */
static const BcdField product_fields[] = {
	ENUM("availability", availability, 0),
	TEXT("availability_description", 0, 255, 0),
	TEXT("bin_picking_number", 0, 255, 0),
	REFERENCE("brand_id", QUANTITY_MOST, "brand"),
	TEXT("brand_name", 0, 255, BCD_F_WRITE_ONLY | BCD_F_NO_CASE),
	REFERENCES("categories", 1000, "category"),
	ENUM("condition", condition, 0),
	PRICE("cost_price", 0),
	OBJECT("custom_url", 0),
	{"date_last_imported", BCD_DATETIME, 0, -1, -1, BCD_F_WRITE_ONLY, NULL},
	MEASURE("depth", 0),
	FREE_TEXT("description", BCD_F_HTML),
	PRICE("fixed_cost_shipping_price", 0),
	{"gift_wrapping_options_list", BCD_INTEGERS, 0, -1, -1, BCD_F_SET | BCD_F_UNLISTED, NULL},
	ENUM("gift_wrapping_options_type", gift_wrapping, BCD_F_UNLISTED),
	TEXT("gtin", 0, 14, 0),
	MEASURE("height", 0),
	WHOLE("inventory_level", 0, INT32_MOST, 0),
	ENUM("inventory_tracking", inventory_tracking, 0),
	WHOLE("inventory_warning_level", 0, INT32_MOST, 0),
	FLAG("is_condition_shown"),
	FLAG("is_featured"),
	FLAG("is_free_shipping"),
	FLAG("is_preorder_only"),
	FLAG("is_price_hidden"),
	FLAG("is_visible"),
	TEXT("layout_file", 0, 500, 0),
	{"map_price", BCD_NUMBER, 0, -1, DECIMALS, 0, NULL},
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
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
	{"preorder_release_date", BCD_DATETIME, 0, -1, -1, BCD_F_NULLABLE, NULL},
	PRICE("price", BCD_F_REQUIRED),
	TEXT("price_hidden_label", 0, 200, 0),
	TEXT("product_tax_code", 0, 255, 0),
	REFERENCES("related_products", -1, "product"),
	PRICE("retail_price", 0),
	WHOLE("reviews_count", 0, INT32_MOST, BCD_F_WRITE_ONLY),
	WHOLE("reviews_rating_sum", 0, INT32_MOST, BCD_F_WRITE_ONLY),
	PRICE("sale_price", 0),
	TEXT("search_keywords", 0, 65535, 0),
	TEXT("sku", 0, 255, BCD_F_NO_CASE),
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, BCD_F_UNLISTED),
	WHOLE("tax_class_id", 0, 255, 0),
	WHOLE("total_sold", 0, INT32_MOST, BCD_F_WRITE_ONLY),
	ENUM("type", product_type, BCD_F_REQUIRED),
	TEXT("upc", 0, 14, 0),
	WHOLE("view_count", 0, QUANTITY_MOST, BCD_F_WRITE_ONLY),
	TEXT("warranty", 0, 65535, BCD_F_HTML),
	MEASURE("weight", BCD_F_REQUIRED),
	MEASURE("width", 0),
};

static const char *const name_only[] = {"name", NULL};
static const char *const sku_or_name[] = {"sku", "name", NULL};

/*
 * In order of dependency.  Batches of categories are not documented; above
 * ten the vendor's issue tracker knows of a defect.  For none of these
 * endpoints is a limit of parallel requests stated.
 */
static const BcdResource resources[] = {
	{
		.name = "category",
		.rank = 10,
		.id = "category_id",
		.fields = category_fields,
		.nfields = lengthof(category_fields),
		.natural = name_only,
		.scope = "parent_id",
		.small = true,
		.list_path = "/catalog/trees/categories",
		.list_ids = "category_id:in",
		.create = {"POST", "/catalog/trees/categories", 10, true,.assumed = true},
		.update = {"PUT", "/catalog/trees/categories", 10, true,.assumed = true},
		.remove = {"DELETE", "/catalog/trees/categories?category_id:in=", 50, false,.assumed = true},
		.hidden_by = "is_visible",
		.gone_is_refused = true,
		.silent_update = true,
		.needs_tree = "tree_id",
	},
	{
		.name = "brand",
		.rank = 20,
		.id = "id",
		.fields = brand_fields,
		.nfields = lengthof(brand_fields),
		.natural = name_only,
		.small = true,
		.list_path = "/catalog/brands",
		.list_ids = "id:in",
		.create = {"POST", "/catalog/brands", 1, false},
		.update = {"PUT", "/catalog/brands/{id}", 1, false},
		.remove = {"DELETE", "/catalog/brands/{id}", 1, false},
		.update_needs = "name",
	},
	{
		.name = "product",
		.rank = 30,
		.id = "id",
		.fields = product_fields,
		.nfields = lengthof(product_fields),
		.natural = sku_or_name,
		.exchanges = true,
		.lookup_list = "sku:in",
		.list_path = "/catalog/products",
		.list_ids = "id:in",
		.list_after = "id:greater",
		.create = {"POST", "/catalog/products", 1, false},
		.update = {"PUT", "/catalog/products", 10, true},
		.remove = {"DELETE", "/catalog/products?id:in=", 250, false},
		.hidden_by = "is_visible",
		.gone_is_refused = true,
	},
};

static int	compare_field(const void *name, const void *field);

/* The resource of this name, or NULL */
const BcdResource *
bcd_resource_find(const char *name)
{
	int			i;

	for (i = 0; i < lengthof(resources); i++)
		if (strcmp(resources[i].name, name) == 0)
			return &resources[i];
	return NULL;
}

/* The nth resource in order of dependency, counted from 0; NULL after the last */
const BcdResource *
bcd_resource_nth(int n)
{
	return n >= 0 && n < lengthof(resources) ? &resources[n] : NULL;
}

/* The field of this name, or NULL when the resource has none that is written */
const BcdField *
bcd_resource_field(const BcdResource *resource, const char *name)
{
	return bsearch(name, resource->fields, resource->nfields, sizeof(BcdField),
				   compare_field);
}

/* The fields' names in a comma list, for a hint; palloc'd */
char *
bcd_resource_field_names(const BcdResource *resource)
{
	StringInfoData names;
	int			i;

	initStringInfo(&names);
	for (i = 0; i < resource->nfields; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", resource->fields[i].name);
	return names.data;
}

static int
compare_field(const void *name, const void *field)
{
	return strcmp(name, ((const BcdField *) field)->name);
}
