/*
 * redirect.c
 *		301 redirects: redirects.v3.yml.
 *
 * Left out: id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const redirect_types[] = {"product", "brand", "category", "page", "post", "url", NULL};

/* A redirect leads to a URL, or to a record that its type names */
static const BcdField redirect_to_fields[] = {
	{"entity_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_by = "type",.only_if = "type",.differs = "url"},
	ENUM("type", redirect_types, BCD_F_REQUIRED),
	{"url", BCD_STRING, 1, 2048, -1, 0,.only_if = "type",.equals = "url"},
};
static const BcdRecords redirect_to = {BCD_FIELDS(redirect_to_fields)};

/* The specification gives from_path no limit; to.url has 2048. */
static const BcdField redirect_fields[] = {
	TEXT("from_path", 1, 2048, BCD_F_REQUIRED | BCD_F_PLACE),
	{"site_id", BCD_INTEGER, 0, BCD_NO_MAX, -1, BCD_F_REQUIRED | BCD_F_PLACE},
	{"to", BCD_OBJECT, 0, -1, -1, BCD_F_REQUIRED,.records = &redirect_to},
};

static const BcdField redirect_shown[] = {
	FREE_TEXT("to_url", 0),
};

static const BcdIncluded redirect_parts[] = {{"to_url", "to_url"}, {NULL}};

static const BcdFilter redirect_filters[] = {
	{"id", BCD_BY_IN, "id:in",.exact = true},
	BY_ID_RANGE("id"),
	{"site_id", BCD_BY_EQUAL, "site_id",.exact = true},
	{NULL}
};

/*
 * A redirect is written by its path and site, whether it exists or not. The
 * size of a batch is not documented. Paths can only be searched by how they
 * begin; sorted, the path itself comes first. A delete must not have site_id,
 * which would remove all redirects of the site.
 */
static const BcdEndpoint redirect_list = {"GET", "/storefront/redirects", BCD_PAGE_LIMIT};
static const BcdEndpoint redirect_put = {"PUT", "/storefront/redirects", 50, BCD_ARRAY, &bcd_reply_redirects,.assumed = true};
static const BcdEndpoint redirect_delete = {"DELETE", "/storefront/redirects", BCD_PAGE_LIMIT, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet redirect_facets[] = {
	{
		.create = {&redirect_put},
		.update = {&redirect_put,.whole = true},
		.remove = {&redirect_delete, "id:in={id,}"},
	},
};

static const BcdKey redirect_keys[] = {
	{
		BCD_LIST("site_id", "from_path"),
		.one = {&redirect_list, "site_id={site_id}&keyword={from_path}&sort=from_path&direction=asc"},
	},
	{NULL}
};

StaticAssertDecl(lengthof(redirect_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(redirect_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_redirect = {
	.name = "redirect",
	.id = "id",
	.keys = redirect_keys,
	.parent = "site_id",
	.after = "product",
	.leads_to = "to.url",
	BCD_FIELDS(redirect_fields),
	BCD_SHOWN(redirect_shown),
	.parts = redirect_parts,
	.filters = redirect_filters,
	BCD_FACETS(redirect_facets),
	.view = {&redirect_list, "id:in={id,}"},
	.list = {&redirect_list},
	.ranges = true,
	.small = true,
	.upserts = true,
};
