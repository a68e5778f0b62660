/*
 * category.c
 *		Categories of trees: category-trees_catalog.v3.yml.
 *
 * Left out: category_id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/metafield.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const product_sort[] = {"use_store_settings", "featured", "newest",
	"best_selling", "alpha_asc", "alpha_desc", "avg_customer_review", "price_asc",
"price_desc", NULL};

/*
 * A new category needs parent_id or tree_id according to the text of the
 * operation, both according to its schema and its examples.
 */
static const BcdDefault default_tree = {
	.path = "/catalog/trees?channel_id:in=1",
	.value = "data.0.id",
	.beside = "parent_id",
	.missing = "the store has no category tree for its default channel; set the feed's option tree_id",
};

/*
 * The limit of the description is documented in the text of the operation. The
 * store itself counts the views.
 */
static const BcdField category_fields[] = {
	ENUM("default_product_sort", product_sort, 0),
	TEXT("description", 0, 65535, BCD_F_HTML),
	FREE_TEXT("image_url", BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	FLAG("is_visible"),
	TEXT("layout_file", 0, 50, 0),
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
	METAFIELDS_FIELD,
	TEXT("name", 1, 50, BCD_F_REQUIRED),
	FREE_TEXT("page_title", 0),
	REFERENCE("parent_id", BCD_NO_MAX, "category"),
	TEXT("search_keywords", 0, 255, 0),
	WHOLE("sort_order", INT32_LEAST, INT32_MOST, 0),
	{"tree_id", BCD_INTEGER, 0, BCD_NO_MAX, -1,.otherwise = &default_tree},
	OBJECT("url", 0),
	WHOLE("views", 0, BCD_NO_MAX, BCD_F_WRITE_ONLY | BCD_F_SHOWN),
};

static const BcdField category_shown[] = {
	FREE_TEXT("category_uuid", 0),
};

/*
 * Left out: category_uuid, as a text that is no UUID would be refused.  All
 * categories at the top have 0 as their parent, and are found by that.
 */
static const BcdFilter category_filters[] = {
	{"category_id", BCD_BY_IN, "category_id:in",.exact = true},
	{"is_visible", BCD_BY_EQUAL, "is_visible",.exact = true},
	{"name", BCD_BY_EQUAL, "name"},
	{"page_title", BCD_BY_EQUAL, "page_title"},
	{"parent_id", BCD_BY_IN, "parent_id:in",.exact = true},
	{"tree_id", BCD_BY_IN, "tree_id:in",.exact = true},
	{NULL}
};

/*
 * Batch sizes are not documented; the vendor's issue tracker reports a defect
 * with more than ten records.
 */
static const BcdEndpoint category_list = {"GET", "/catalog/trees/categories", BCD_PAGE_LIMIT,.narrows = true};
static const BcdEndpoint category_create = {"POST", "/catalog/trees/categories", 10, BCD_ARRAY, &bcd_reply_categories,.assumed = true};
static const BcdEndpoint category_update = {"PUT", "/catalog/trees/categories", 10, BCD_ARRAY, &bcd_reply_categories_updated,.assumed = true};
static const BcdEndpoint category_delete = {"DELETE", "/catalog/trees/categories", 50, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet category_facets[] = {
	{
		.create = {&category_create},
		.update = {&category_update},
		.remove = {&category_delete, "category_id:in={id,}"},
	},
	{METAFIELDS_FACET(category),.list_one = {&bcd_category_metafield_below}},
};

static const BcdKey category_keys[] = {
	{
		BCD_LIST("parent_id", "tree_id", "name"),
		.one = {&category_list, "name={name}&parent_id:in={parent_id}&tree_id:in={tree_id?}"},
	},
	{NULL}
};

StaticAssertDecl(lengthof(category_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(category_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_category = {
	.name = "category",
	.id = "category_id",
	.keys = category_keys,
	.parent = "parent_id",
	.defaulted = "tree_id",
	BCD_FIELDS(category_fields),
	BCD_SHOWN(category_shown),
	.filters = category_filters,
	BCD_FACETS(category_facets),
	.view = {&category_list, "category_id:in={id,}"},
	.list = {&category_list},
	.most = 16000,
	.deepest = 8,
	.small = true,
	.tells_fields = true,
	.tells_all = true,
	.hidden_by = "is_visible",
	.gone_is_refused = true,
};
