/*
 * customer_group.c
 *		Groups of customers: customers.v2.yml.
 *
 * Left out: id, which the store assigns.
 *
 * This is a part of V2: records have no envelope, and a list does not say how
 * long it is, nor can it be limited to ids.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const rule_types[] = {"price_list", "category", "product", "all", NULL};
static const char *const rule_methods[] = {"percent", "fixed", "price", NULL};
static const char *const access_types[] = {"all", "specific", "none", NULL};

/* The API takes amounts as text, and may return them with other decimals. */
static const BcdField rule_fields[] = {
	{"amount", BCD_STRING, 1, BCD_NO_MAX, -1, 0,.only_if = "type",.differs = "price_list"},
	{"category_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "category",.only_if = "type",.equals = "category"},
	{"method", BCD_STRING, 0, -1, -1, 0,.values = rule_methods,.only_if = "type",.differs = "price_list"},
	{"price_list_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "price_list",.only_if = "type",.equals = "price_list"},
	{"product_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "product",.only_if = "type",.equals = "product"},
	ENUM("type", rule_types, BCD_F_REQUIRED),
};
static const BcdRecords rule = {BCD_FIELDS(rule_fields),.key = BCD_LIST("type", "category_id", "product_id")};

static const BcdField access_fields[] = {
	{"categories", BCD_INTEGERS, 0, BCD_NO_MAX, -1, BCD_F_SET,.refers_to = "category",.only_if = "type",.equals = "specific"},
	ENUM("type", access_types, BCD_F_REQUIRED),
};
static const BcdRecords category_access = {BCD_FIELDS(access_fields)};

/*
 * Both are overwritten as a whole. The specification gives name no limit; an
 * empty one cannot be found.
 */
static const BcdField customer_group_fields[] = {
	{"category_access", BCD_OBJECT, 0, -1, -1, BCD_F_SET,.records = &category_access},
	{"discount_rules", BCD_RECORDS, 0, BCD_NO_MAX, -1, BCD_F_DECIMALS,.records = &rule},
	FLAG("is_default"),
	FLAG("is_group_for_guests"),
	{"name", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
};

static const BcdField customer_group_shown[] = {
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
};

/*
 * A store has few groups.  Left out: its dates, of which neither the form nor
 * the time zone is documented.
 */
static const BcdFilter customer_group_filters[] = {
	{"name", BCD_BY_EQUAL, "name"},
	{NULL}
};

/* Of updates, no concurrency is documented. */
static const BcdEndpoint group_list = {"GET", "/v2/customer_groups", BCD_PAGE_LIMIT,.concurrent = 40};
static const BcdEndpoint group_create = {"POST", "/v2/customer_groups", 1, BCD_ONE, &bcd_reply_bare,.concurrent = 40};
static const BcdEndpoint group_update = {"PUT", "/v2/customer_groups/{id}", 1, BCD_ONE, &bcd_reply_bare};
static const BcdEndpoint group_delete = {"DELETE", "/v2/customer_groups/{id}", 1, BCD_NO_BODY, &bcd_reply_silent,.concurrent = 40};

static const BcdFacet customer_group_facets[] = {
	{
		.create = {&group_create},
		.update = {&group_update},
		.remove = {&group_delete},
	},
};

/* Whether names are unique is not documented. */
static const BcdKey customer_group_keys[] = {
	{BCD_LIST("name"),.one = {&group_list, "name={name}"},.shared = true},
	{NULL}
};

StaticAssertDecl(lengthof(customer_group_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(customer_group_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

/* Access and discounts refer to categories, products and price lists. */
const BcdResource bcd_customer_group = {
	.name = "customer_group",
	.id = "id",
	.keys = customer_group_keys,
	.after = "product",
	BCD_FIELDS(customer_group_fields),
	BCD_SHOWN(customer_group_shown),
	.filters = customer_group_filters,
	BCD_FACETS(customer_group_facets),
	.view = {&group_list,.siblings = true},
	.list = {&group_list},
	.dated = true,
	.uncounted = true,
	.small = true,
	.gone_is_refused = true,
	.removal_is_refused = true,
	.twin_is_refused = true,
};
