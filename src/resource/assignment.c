/*
 * assignment.c
 *		The channels and the categories that products are assigned to:
 *		products_catalog.v3.yml.
 *
 * An assignment is a pair, and nothing else. A delete removes all pairs of the
 * products and the channels that it lists, so a request has one channel.
 * Requests that assign are sent one at a time.
 *
 * A product also has a list of categories, and a write of that replaces all of
 * them: a feed should use the one or the other.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

#define ID(name, resource) \
	{name, BCD_INTEGER, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED, NULL, resource}

/* The size of a batch is not documented */
#define PUT(path)	{"PUT", path, 50, BCD_ARRAY, &bcd_reply_silent, .concurrent = 1, .assumed = true}
#define DELETE(path) \
	{"DELETE", path, BCD_PAGE_LIMIT, BCD_NO_BODY, &bcd_reply_silent, .concurrent = 1, .assumed = true}

#define CHANNELS	"/catalog/products/channel-assignments"
#define CATEGORIES	"/catalog/products/category-assignments"

static const BcdField channel_pair_fields[] = {
	ID("channel_id", NULL),
	ID("product_id", "product"),
};
static const BcdEndpoint channel_pair_list = {"GET", CHANNELS, BCD_PAGE_LIMIT};
const BcdEndpoint bcd_channel_assign = PUT(CHANNELS);
const BcdEndpoint bcd_channel_unassign = DELETE(CHANNELS);
static const BcdFacet channel_pair_facets[] = {
	{
		.update = {&bcd_channel_assign,.whole = true},
		.remove = {&bcd_channel_unassign, "product_id:in={product_id,}&channel_id:in={channel_id}"},
	},
};
static const BcdKey channel_pair_keys[] = {{BCD_LIST("channel_id", "product_id")}, {NULL}};

const BcdResource bcd_channel_assignment = {
	.name = "channel_assignment",
	.keys = channel_pair_keys,
	BCD_FIELDS(channel_pair_fields),
	BCD_FACETS(channel_pair_facets),
	.view = {&channel_pair_list, "product_id:in={product_id,}&channel_id:in={channel_id}"},
	.total = &channel_pair_list,
};

static const BcdField category_pair_fields[] = {
	ID("category_id", "category"),
	ID("product_id", "product"),
};
static const BcdEndpoint category_pair_list = {"GET", CATEGORIES, BCD_PAGE_LIMIT};
static const BcdEndpoint category_pair_put = PUT(CATEGORIES);
static const BcdEndpoint category_pair_delete = DELETE(CATEGORIES);
static const BcdFacet category_pair_facets[] = {
	{
		.update = {&category_pair_put,.whole = true},
		.remove = {&category_pair_delete, "product_id:in={product_id,}&category_id:in={category_id}"},
	},
};
static const BcdKey category_pair_keys[] = {{BCD_LIST("category_id", "product_id")}, {NULL}};

const BcdResource bcd_category_assignment = {
	.name = "category_assignment",
	.keys = category_pair_keys,
	BCD_FIELDS(category_pair_fields),
	BCD_FACETS(category_pair_facets),
	.view = {&category_pair_list, "product_id:in={product_id,}&category_id:in={category_id}"},
	.total = &category_pair_list,
};
