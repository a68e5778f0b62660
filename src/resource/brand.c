/*
 * brand.c
 *		Brands: brands_catalog.v3.yml.
 *
 * Left out: id, which the store assigns. There are no other fields, not even
 * read-only ones.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/metafield.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

/*
 * When written, image_url is the address from which the store copies the
 * image; when read, it is the address of that copy.
 */
static const BcdField brand_fields[] = {
	OBJECT("custom_url", 0),
	FREE_TEXT("image_url", BCD_F_WRITE_ONLY | BCD_F_SHOWN),
	TEXT("meta_description", 0, 65535, 0),
	WORDS("meta_keywords"),
	METAFIELDS_FIELD,
	TEXT("name", 1, 255, BCD_F_REQUIRED),
	TEXT("page_title", 0, 255, 0),
	TEXT("search_keywords", 0, 65535, 0),
};

static const BcdFilter brand_filters[] = {
	{"id", BCD_BY_EQUAL, "id",.exact = true},
	{"id", BCD_BY_IN, "id:in",.exact = true},
	BY_ID_RANGE("id"),
	{"id", BCD_BY_GREATER, "id:greater",.exact = true},
	{"id", BCD_BY_LESS, "id:less",.exact = true},
	{"name", BCD_BY_EQUAL, "name"},
	{"page_title", BCD_BY_EQUAL, "page_title"},
	{NULL}
};

static const BcdEndpoint brand_list = {"GET", "/catalog/brands", BCD_PAGE_LIMIT,.narrows = true};
static const BcdEndpoint brand_create = {"POST", "/catalog/brands", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint brand_update = {"PUT", "/catalog/brands/{id}", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint brand_delete = {"DELETE", "/catalog/brands/{id}", 1, BCD_NO_BODY, &bcd_reply_silent};

static const BcdFacet brand_facets[] = {
	{
		.create = {&brand_create},
		.update = {&brand_update,.needs = "name"},
		.remove = {&brand_delete},
	},
	{METAFIELDS_FACET(brand),.list_one = {&bcd_brand_metafield_below}},
};

static const BcdKey brand_keys[] = {
	{BCD_LIST("name"),.one = {&brand_list, "name={name}"}},
	{NULL}
};

StaticAssertDecl(lengthof(brand_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(brand_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_brand = {
	.name = "brand",
	.id = "id",
	.keys = brand_keys,
	BCD_FIELDS(brand_fields),
	.filters = brand_filters,
	BCD_FACETS(brand_facets),
	.view = {&brand_list, "id:in={id,}"},
	.list = {&brand_list},
	.ranges = true,
	.tells_fields = true,
	.tells_all = true,
	.most = 30000,
	.small = true,
};
