/*
 * customer_attribute.c
 *		Attributes of customers, and the values that customers have of them:
 *		customers.v3.yml.
 *
 * Left out: id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const attribute_type[] = {"string", "number", "date", NULL};

/* Another type would need another attribute, and all values would be lost. */
static const BcdField attribute_fields[] = {
	TEXT("name", 1, 255, BCD_F_REQUIRED),
	{"type", BCD_STRING, 0, -1, -1, BCD_F_REQUIRED | BCD_F_FIXED, attribute_type},
};

static const BcdField dates_shown[] = {
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
};

static const BcdFilter attribute_filters[] = {
	BY_DATE("date_created"),
	BY_DATE("date_modified"),
	{"name", BCD_BY_EQUAL, "name"},
	{NULL}
};

/*
 * A store has 50 attributes at most, and they cannot be listed by id, so each
 * read lists all of them. The sizes of batches are not documented. Updates need
 * the name. A delete removes the values, too.
 */
#define ATTRIBUTES	"/customers/attributes"

static const BcdEndpoint attribute_list = {"GET", ATTRIBUTES, BCD_PAGE_LIMIT};
static const BcdEndpoint attribute_create = {"POST", ATTRIBUTES, 10, BCD_ARRAY, &bcd_reply_customers,.concurrent = 3,.assumed = true};
static const BcdEndpoint attribute_update = {"PUT", ATTRIBUTES, 10, BCD_ARRAY, &bcd_reply_customers,.concurrent = 3,.assumed = true};
static const BcdEndpoint attribute_delete = {"DELETE", ATTRIBUTES, 50, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet attribute_facets[] = {
	{
		.create = {&attribute_create},
		.update = {&attribute_update,.needs = "name"},
		.remove = {&attribute_delete, "id:in={id,}"},
	},
};

static const BcdKey attribute_keys[] = {
	{BCD_LIST("name"),.one = {&attribute_list, "name={name}"},.many = {&attribute_list, "page=1"}},
	{NULL}
};

StaticAssertDecl(lengthof(attribute_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(attribute_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_customer_attribute = {
	.name = "customer_attribute",
	.id = "id",
	.keys = attribute_keys,
	BCD_FIELDS(attribute_fields),
	BCD_SHOWN(dates_shown),
	.filters = attribute_filters,
	BCD_FACETS(attribute_facets),
	.view = {&attribute_list, "page=1"},
	.list = {&attribute_list},
	.dated = true,
	.small = true,
	.gone_is_refused = true,
	.twin_is_refused = true,
};

/* A value is always a text, whatever the type of its attribute. */
static const BcdField attribute_value_fields[] = {
	{"attribute_id", BCD_INTEGER, 1, INT32_MOST, -1, BCD_F_REQUIRED | BCD_F_PLACE, NULL, "customer_attribute"},
	{"customer_id", BCD_INTEGER, 1, INT32_MOST, -1, BCD_F_REQUIRED | BCD_F_PLACE, NULL, "customer"},
	{"value", BCD_STRING, 0, 255, -1, BCD_F_REQUIRED,.typed_by = "attribute_id"},
};

static const BcdFilter attribute_value_filters[] = {
	{"attribute_id", BCD_BY_IN, "attribute_id:in",.exact = true},
	{"customer_id", BCD_BY_IN, "customer_id:in",.exact = true},
	BY_DATE("date_created"),
	BY_DATE("date_modified"),
	{NULL}
};

/*
 * A value is written by its customer and its attribute, whether it exists or
 * not. A request may have the values of ten customers; how many of each is not
 * documented. Values cannot be read by their ids, but they are deleted by them.
 */
#define VALUES	"/customers/attribute-values"

static const BcdEndpoint attribute_value_list = {"GET", VALUES, BCD_PAGE_LIMIT};
static const BcdEndpoint attribute_value_put = {
	"PUT", VALUES, 100, BCD_ARRAY, &bcd_reply_attribute_values,
	.concurrent = 3,
	.assumed = true,
	.parents = 10,
};
static const BcdEndpoint attribute_value_delete = {"DELETE", VALUES, 100, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet attribute_value_facets[] = {
	{
		.create = {&attribute_value_put},
		.update = {&attribute_value_put,.whole = true},
		.remove = {&attribute_value_delete, "id:in={id,}"},
	},
};

static const BcdMadeOf attribute_value_parts[] = {{"attribute_id"}, {NULL}};

#define VALUES_OF	{&attribute_value_list, "customer_id:in={customer_id,}",.siblings = true}

static const BcdKey attribute_value_keys[] = {
	{BCD_LIST("customer_id", "attribute"),.many = VALUES_OF,.made_of = attribute_value_parts},
	{NULL}
};

StaticAssertDecl(lengthof(attribute_value_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(attribute_value_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

static const BcdPlace attribute_value_aliases[] = {{"value", "attribute_value"}, {NULL}};

const BcdResource bcd_customer_attribute_value = {
	.name = "customer_attribute_value",
	.id = "id",
	.keys = attribute_value_keys,
	.parent = "customer_id",
	BCD_FIELDS(attribute_value_fields),
	BCD_SHOWN(dates_shown),
	.filters = attribute_value_filters,
	BCD_FACETS(attribute_value_facets),
	.view = VALUES_OF,
	.list = {&attribute_value_list},
	.aliases = attribute_value_aliases,
	.dated = true,
	.upserts = true,
	.gone_is_refused = true,
};
