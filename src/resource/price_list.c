/*
 * price_list.c
 *		Price lists, without their records and assignments: price_lists.v3.yml.
 *
 * Left out: id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

/* The specification gives name no limit; an empty one cannot be found. */
static const BcdField price_list_fields[] = {
	FLAG("active"),
	{"name", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
};

static const BcdField price_list_shown[] = {
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
};

static const BcdFilter price_list_filters[] = {
	{"id", BCD_BY_IN, "id:in",.exact = true},
	BY_DATE("date_created"),
	BY_DATE("date_modified"),
	{"name", BCD_BY_EQUAL, "name"},
	{NULL}
};

/*
 * Price lists are deleted one by one: a delete by a filter would remove all of
 * them if it were left out.
 */
static const BcdEndpoint price_list_list = {"GET", "/pricelists", BCD_PAGE_LIMIT};
static const BcdEndpoint price_list_create = {"POST", "/pricelists", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint price_list_update = {"PUT", "/pricelists/{id}", 1, BCD_ONE, &bcd_reply_records};
static const BcdEndpoint price_list_delete = {"DELETE", "/pricelists/{id}", 1, BCD_NO_BODY, &bcd_reply_silent,.concurrent = 1};

static const BcdFacet price_list_facets[] = {
	{
		.create = {&price_list_create},
		.update = {&price_list_update,.needs = "name"},
		.remove = {&price_list_delete},
	},
};

static const BcdKey price_list_keys[] = {
	{BCD_LIST("name"),.one = {&price_list_list, "name={name}"}},
	{NULL}
};

StaticAssertDecl(lengthof(price_list_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(price_list_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_price_list = {
	.name = "price_list",
	.id = "id",
	.keys = price_list_keys,
	BCD_FIELDS(price_list_fields),
	BCD_SHOWN(price_list_shown),
	.filters = price_list_filters,
	BCD_FACETS(price_list_facets),
	.view = {&price_list_list, "id:in={id,}"},
	.list = {&price_list_list},
	.dated = true,
	.small = true,
};
