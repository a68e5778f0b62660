/*
 * metafield.c
 *		Metafields of products, variants, brands, categories and customers:
 *		products_catalog.v3.yml, product-variants_catalog.v3.yml,
 *		brands_catalog.v3.yml, categories_catalog.v3.yml, customers.v3.yml.
 *
 * Each kind of parent has a resource of its own: the ids of parents and of
 * metafields are told apart by the path alone.
 *
 * A metafield is identified by its parent, its namespace and its key. The store
 * refuses a second one, so a new one is not looked up. Although namespace and
 * key could be changed, a row with others gets another metafield: whoever reads
 * the old one finds that it is gone.
 *
 * Left out: id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/metafield.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const permissions[] = {"app_only", "read", "write", "read_and_sf_access", "write_and_sf_access", NULL};

/* description_least: least length of a description */
#define METAFIELD_FIELDS(parent, place, description_least) \
	TEXT("description", description_least, 255, 0), \
	TEXT("key", 1, 64, BCD_F_REQUIRED | (place)), \
	TEXT("namespace", 1, 64, BCD_F_REQUIRED | (place)), \
	ENUM("permission_set", permissions, BCD_F_REQUIRED), \
	{"resource_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED | (place), NULL, parent}, \
	TEXT("value", 1, 65535, BCD_F_REQUIRED)

static const BcdField product_metafield_fields[] = {METAFIELD_FIELDS("product", BCD_F_PLACE, 0)};
static const BcdField variant_metafield_fields[] = {METAFIELD_FIELDS("variant", BCD_F_PLACE, 1)};
static const BcdField brand_metafield_fields[] = {METAFIELD_FIELDS("brand", BCD_F_PLACE, 0)};
static const BcdField category_metafield_fields[] = {METAFIELD_FIELDS("category", BCD_F_PLACE, 0)};
static const BcdField customer_metafield_fields[] = {METAFIELD_FIELDS("customer", BCD_F_PLACE, 0)};

static const BcdField metafield_shown[] = {
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
	FREE_TEXT("owner_client_id", 0),
	FREE_TEXT("resource_type", 0),
};

/* Not by their parents */
static const BcdFilter metafield_filters[] = {
	BY_DATE("date_created"),
	BY_DATE("date_modified"),
	{"key", BCD_BY_EQUAL, "key"},
	{"key", BCD_BY_IN, "key:in"},
	{"namespace", BCD_BY_EQUAL, "namespace"},
	{"namespace", BCD_BY_IN, "namespace:in"},
	{NULL}
};

/* Those that are elements of a collection */
static const BcdField element_fields[] = {
	TEXT("description", 0, 255, 0),
	TEXT("key", 1, 64, BCD_F_REQUIRED),
	TEXT("namespace", 1, 64, BCD_F_REQUIRED),
	ENUM("permission_set", permissions, BCD_F_REQUIRED),
	TEXT("value", 1, 65535, BCD_F_REQUIRED),
};
const BcdRecords bcd_metafield = {BCD_FIELDS(element_fields),.key = BCD_LIST("namespace", "key")};
const BcdMember bcd_metafield_parent[] = {{"resource_id", BCD_FROM_PARENT}, {NULL}};

/*
 * The sizes of batches are not documented. A batch that the store refuses is
 * saved in part, and the reply lists that part. Lists of all metafields can be
 * limited to namespaces and keys, but neither to ids nor to parents. The ids of
 * a delete are its body.
 */
#define LIST_ALL(path)		{"GET", path, BCD_PAGE_LIMIT, .narrows = true}
#define LIST_BELOW(path)	{"GET", path, BCD_PAGE_LIMIT}
#define MAKE(path)			{"POST", path, BCD_PAGE_LIMIT, BCD_ARRAY, &bcd_reply_metafields, .assumed = true}
#define CHANGE(path)		{"PUT", path, BCD_PAGE_LIMIT, BCD_ARRAY, &bcd_reply_metafields, .assumed = true}
#define DROP(path)			{"DELETE", path, BCD_PAGE_LIMIT, BCD_IDS, &bcd_reply_metafields, .assumed = true}

const BcdEndpoint bcd_product_metafield_list = LIST_ALL("/catalog/products/metafields");
const BcdEndpoint bcd_product_metafield_below = LIST_BELOW("/catalog/products/{resource_id}/metafields");
const BcdEndpoint bcd_product_metafield_create = MAKE("/catalog/products/metafields");
const BcdEndpoint bcd_product_metafield_update = CHANGE("/catalog/products/metafields");
const BcdEndpoint bcd_product_metafield_delete = DROP("/catalog/products/metafields");

/*
 * The path to the metafields of one variant needs its product, which rows do
 * not tell.
 */
const BcdEndpoint bcd_variant_metafield_list = LIST_ALL("/catalog/variants/metafields");
const BcdEndpoint bcd_variant_metafield_create = MAKE("/catalog/variants/metafields");
const BcdEndpoint bcd_variant_metafield_update = CHANGE("/catalog/variants/metafields");
const BcdEndpoint bcd_variant_metafield_delete = DROP("/catalog/variants/metafields");

const BcdEndpoint bcd_brand_metafield_list = LIST_ALL("/catalog/brands/metafields");
const BcdEndpoint bcd_brand_metafield_below = LIST_BELOW("/catalog/brands/{resource_id}/metafields");
const BcdEndpoint bcd_brand_metafield_create = MAKE("/catalog/brands/metafields");
const BcdEndpoint bcd_brand_metafield_update = CHANGE("/catalog/brands/metafields");
const BcdEndpoint bcd_brand_metafield_delete = DROP("/catalog/brands/metafields");

const BcdEndpoint bcd_category_metafield_list = LIST_ALL("/catalog/categories/metafields");
const BcdEndpoint bcd_category_metafield_below = LIST_BELOW("/catalog/categories/{resource_id}/metafields");
const BcdEndpoint bcd_category_metafield_create = MAKE("/catalog/categories/metafields");
const BcdEndpoint bcd_category_metafield_update = CHANGE("/catalog/categories/metafields");
const BcdEndpoint bcd_category_metafield_delete = DROP("/catalog/categories/metafields");

/*
 * The delete of several is documented without a body, which leaves open what it
 * would delete.
 */
const BcdEndpoint bcd_customer_metafield_list = LIST_ALL("/customers/metafields");
const BcdEndpoint bcd_customer_metafield_below = LIST_BELOW("/customers/{resource_id}/metafields");
const BcdEndpoint bcd_customer_metafield_create = MAKE("/customers/metafields");
const BcdEndpoint bcd_customer_metafield_update = CHANGE("/customers/metafields");
const BcdEndpoint bcd_customer_metafield_delete = {"DELETE", "/customers/{resource_id}/metafields/{id}", 1, BCD_NO_BODY, &bcd_reply_metafield_deleted};

#define WRITTEN(parent) \
	.create = {&bcd_##parent##_metafield_create}, \
	.update = {&bcd_##parent##_metafield_update}, \
	.remove = {&bcd_##parent##_metafield_delete}

static const BcdFacet product_metafield_facets[] = {{WRITTEN(product)}};
static const BcdFacet variant_metafield_facets[] = {{WRITTEN(variant)}};
static const BcdFacet brand_metafield_facets[] = {{WRITTEN(brand)}};
static const BcdFacet category_metafield_facets[] = {{WRITTEN(category)}};
static const BcdFacet customer_metafield_facets[] = {{WRITTEN(customer)}};

#define IDENTITY_OF_METAFIELD	BCD_LIST("resource_id", "namespace", "key")
#define LOOKED_UP				"namespace={namespace}&key={key}"

static const BcdKey product_metafield_keys[] = {{IDENTITY_OF_METAFIELD,.one = {&bcd_product_metafield_below, LOOKED_UP}}, {NULL}};
static const BcdKey variant_metafield_keys[] = {{IDENTITY_OF_METAFIELD}, {NULL}};
static const BcdKey brand_metafield_keys[] = {{IDENTITY_OF_METAFIELD,.one = {&bcd_brand_metafield_below, LOOKED_UP}}, {NULL}};
static const BcdKey category_metafield_keys[] = {{IDENTITY_OF_METAFIELD,.one = {&bcd_category_metafield_below, LOOKED_UP}}, {NULL}};
static const BcdKey customer_metafield_keys[] = {{IDENTITY_OF_METAFIELD,.one = {&bcd_customer_metafield_below, LOOKED_UP}}, {NULL}};

#define DESCRIBED(kind) \
	.name = #kind "_metafield", \
	.id = "id", \
	.keys = kind##_metafield_keys, \
	.parent = "resource_id", \
	.within = "namespace", \
	BCD_FIELDS(kind##_metafield_fields), \
	BCD_SHOWN(metafield_shown), \
	.filters = metafield_filters, \
	BCD_FACETS(kind##_metafield_facets), \
	.view = {&bcd_##kind##_metafield_list, .siblings = true, .whole = true}, \
	.list = {&bcd_##kind##_metafield_list}, \
	.dated = true, \
	.small = true, \
	.guarded = true, \
	.gone_is_refused = true, \
	.twin_is_refused = true

const BcdResource bcd_product_metafield = {DESCRIBED(product),.view_one = {&bcd_product_metafield_below}};
const BcdResource bcd_variant_metafield = {DESCRIBED(variant)};
const BcdResource bcd_brand_metafield = {DESCRIBED(brand),.view_one = {&bcd_brand_metafield_below}};
const BcdResource bcd_category_metafield = {DESCRIBED(category),.view_one = {&bcd_category_metafield_below}};
const BcdResource bcd_customer_metafield = {DESCRIBED(customer),.view_one = {&bcd_customer_metafield_below}};
