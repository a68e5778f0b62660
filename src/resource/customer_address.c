/*
 * customer_address.c
 *		Addresses of customers: customers.v3.yml.
 *
 * Left out: id, which the store assigns.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const address_type[] = {"residential", "commercial", NULL};

/*
 * address1 and address2 have no documented limit. The store wants names of
 * states written out.  An address cannot move to another customer.
 */
static const BcdField address_fields[] = {
	{"address1", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	FREE_TEXT("address2", 0),
	ENUM("address_type", address_type, 0),
	TEXT("city", 1, 100, BCD_F_REQUIRED),
	TEXT("company", 0, 255, 0),
	TEXT("country_code", 2, 2, BCD_F_REQUIRED | BCD_F_NO_CASE),
	{"customer_id", BCD_INTEGER, 1, INT32_MOST, -1, BCD_F_REQUIRED | BCD_F_PLACE, NULL, "customer"},
	TEXT("first_name", 1, 255, BCD_F_REQUIRED),
	{"form_fields", BCD_RECORDS, 0, BCD_NO_MAX, -1, BCD_F_SET | BCD_F_SOME,.records = &bcd_form_field},
	TEXT("last_name", 1, 255, BCD_F_REQUIRED),
	TEXT("phone", 0, 50, 0),
	TEXT("postal_code", 0, 30, BCD_F_REQUIRED),
	TEXT("state_or_province", 0, 100, BCD_F_REQUIRED),
};

/* The name that belongs to country_code */
static const BcdField address_shown[] = {
	FREE_TEXT("country", 0),
};

static const BcdIncluded address_parts_shown[] = {{"form_fields", "formfields"}, {NULL}};

static const BcdFilter address_filters[] = {
	{"id", BCD_BY_IN, "id:in",.exact = true},
	{"company", BCD_BY_IN, "company:in"},
	{"customer_id", BCD_BY_IN, "customer_id:in",.exact = true},
	{NULL}
};

/*
 * The sizes of batches and deletes are not documented. A delete needs a list of
 * ids.
 */
#define ADDRESSES	"/customers/addresses"

static const BcdEndpoint address_list = {"GET", ADDRESSES, BCD_PAGE_LIMIT};
static const BcdEndpoint address_create = {"POST", ADDRESSES, 10, BCD_ARRAY, &bcd_reply_addresses,.concurrent = 10,.assumed = true};
static const BcdEndpoint address_update = {"PUT", ADDRESSES, 10, BCD_ARRAY, &bcd_reply_addresses,.concurrent = 3,.assumed = true};
static const BcdEndpoint address_delete = {"DELETE", ADDRESSES, 100, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet address_facets[] = {
	{
		.create = {&address_create},
		.update = {&address_update},
		.remove = {&address_delete, "id:in={id,}"},
	},
};

/* What is shown if it is asked for */
#define WITH_FIELDS	"&include=formfields"

/*
 * Everything but the id and the form fields makes an address: the store ignores a write that would
 * give a customer the same one twice.
 */
static const BcdMadeOf address_parts[] = {
	{"first_name"}, {"last_name"}, {"company"}, {"address1"}, {"address2"}, {"city"}, {"state_or_province"},
	{"postal_code"}, {"country_code"}, {"phone"}, {"address_type", "residential"}, {NULL}
};

static const BcdKey address_keys[] = {
	{
		BCD_LIST("customer_id", "address"),
		.many = {&address_list, "customer_id:in={customer_id,}" WITH_FIELDS,.siblings = true},
		.made_of = address_parts,
	},
	{NULL}
};

StaticAssertDecl(lengthof(address_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(address_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_customer_address = {
	.name = "customer_address",
	.id = "id",
	.keys = address_keys,
	.parent = "customer_id",
	BCD_FIELDS(address_fields),
	BCD_SHOWN(address_shown),
	.parts = address_parts_shown,
	.filters = address_filters,
	BCD_FACETS(address_facets),
	.view = {&address_list, "id:in={id,}" WITH_FIELDS},
	.list = {&address_list},
	.exchanges = true,
	.gone_is_refused = true,
};
