/*
 * customer.c
 *		Customers: customers.v3.yml.
 *
 * Fields that requests can have but that are left out:
 *
 *	id						assigned by the store
 *	authentication			passwords do not belong in a mapping, and the API
 *							does not accept hashes
 *
 * Metafields are left out as well; they have endpoints of their own.
 *
 * registration_ip_address can only be read, although updates can have it.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const nested_address_type[] = {"residential", "commercial", NULL};

/* State and postal code are required only of addresses that are made alone. */
static const BcdField nested_address_fields[] = {
	{"address1", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	FREE_TEXT("address2", 0),
	ENUM("address_type", nested_address_type, 0),
	TEXT("city", 1, 100, BCD_F_REQUIRED),
	TEXT("company", 0, 255, 0),
	TEXT("country_code", 2, 2, BCD_F_REQUIRED),
	TEXT("first_name", 1, 255, BCD_F_REQUIRED),
	TEXT("last_name", 1, 255, BCD_F_REQUIRED),
	TEXT("phone", 0, 50, 0),
	TEXT("postal_code", 0, 30, 0),
	TEXT("state_or_province", 0, 100, 0),
};
static const BcdRecords nested_address = {BCD_FIELDS(nested_address_fields),.key = BCD_LIST(NULL)};

static const BcdField nested_attribute_fields[] = {
	WHOLE("attribute_id", 1, INT32_MOST, BCD_F_REQUIRED),
	TEXT("attribute_value", 0, 255, BCD_F_REQUIRED),
};
static const BcdRecords nested_attribute = {BCD_FIELDS(nested_attribute_fields),.key = BCD_LIST("attribute_id")};

static const BcdField store_credit_fields[] = {
	PRICE("amount", BCD_F_REQUIRED),
};
static const BcdRecords store_credit = {BCD_FIELDS(store_credit_fields),.key = BCD_LIST("amount")};

/*
 * The specification gives email a limit of 250 for creates and 255 for
 * updates. No channel_ids, or null, means that the customer can sign in to all
 * channels; an empty array is not allowed. The store sends a welcome mail only
 * if the request that creates the customer asks for it.
 *
 * Addresses and attributes can be sent with a new customer; later, they have
 * endpoints of their own, and updates ignore them.
 */
static const BcdField customer_fields[] = {
	FLAG("accepts_product_review_abandoned_cart_emails"),
	{"addresses", BCD_RECORDS, 0, 10, -1, BCD_F_WRITE_ONLY | BCD_F_SHOWN | BCD_F_CREATE_ONLY,.records = &nested_address},
	{"attributes", BCD_RECORDS, 0, 10, -1, BCD_F_WRITE_ONLY | BCD_F_SHOWN | BCD_F_CREATE_ONLY,.records = &nested_attribute},
	{"channel_ids", BCD_INTEGERS, 1, BCD_NO_MAX, -1, BCD_F_SET | BCD_F_NULLABLE},
	TEXT("company", 0, 255, 0),
	REFERENCE("customer_group_id", INT32_MOST, "customer_group"),
	TEXT("email", 3, 250, BCD_F_REQUIRED | BCD_F_NO_CASE | BCD_F_EMAIL),
	TEXT("first_name", 1, 100, BCD_F_REQUIRED),
	{"form_fields", BCD_RECORDS, 0, BCD_NO_MAX, -1, BCD_F_SET | BCD_F_SOME,.records = &bcd_form_field},
	TEXT("last_name", 1, 100, BCD_F_REQUIRED),
	FREE_TEXT("notes", 0),
	WHOLE("origin_channel_id", 1, INT32_MOST, BCD_F_FIXED),
	TEXT("phone", 0, 50, 0),
	{"store_credit_amounts", BCD_RECORDS, 0, 1, -1, 0,.records = &store_credit},
	TEXT("tax_exempt_category", 0, 255, 0),
	{"trigger_account_created_notification", BCD_BOOLEAN, 0, -1, -1, BCD_F_WRITE_ONLY | BCD_F_CREATE_ONLY},
};

static const BcdField customer_shown[] = {
	WHOLE("address_count", 0, INT32_MOST, 0),
	WHOLE("attribute_count", 0, INT32_MOST, 0),
	INSTANT("date_created", 0),
	INSTANT("date_modified", 0),
	FREE_TEXT("registration_ip_address", 0),
};

static const BcdIncluded customer_parts[] = {
	{"addresses", "addresses"},
	{"attributes", "attributes"},
	{"form_fields", "formfields"},
	{"store_credit_amounts", "storecredit"},
	{NULL}
};

/* Left out: registration_ip_address, which is documented to take integers */
static const BcdFilter customer_filters[] = {
	{"id", BCD_BY_IN, "id:in",.exact = true},
	{"company", BCD_BY_IN, "company:in"},
	{"customer_group_id", BCD_BY_IN, "customer_group_id:in",.exact = true,.not_zero = true},
	BY_DATE("date_created"),
	BY_DATE("date_modified"),
	{"email", BCD_BY_IN, "email:in"},
	{"phone", BCD_BY_IN, "phone:in"},
	{NULL}
};

/*
 * Neither the number of concurrent creates nor the size of a delete is
 * documented. Creates have the limit of updates. Lists do not accept
 * include_fields.
 */
static const BcdEndpoint customer_list = {"GET", "/customers", BCD_PAGE_LIMIT};
static const BcdEndpoint customer_create = {"POST", "/customers", 10, BCD_ARRAY, &bcd_reply_customers,.concurrent = 3};
static const BcdEndpoint customer_update = {"PUT", "/customers", 10, BCD_ARRAY, &bcd_reply_customers,.concurrent = 3};
static const BcdEndpoint customer_delete = {"DELETE", "/customers", 100, BCD_NO_BODY, &bcd_reply_silent,.assumed = true};

static const BcdFacet customer_facets[] = {
	{
		.create = {&customer_create},
		.update = {&customer_update},
		.remove = {&customer_delete, "id:in={id,}"},
	},
};

/* Parts of customers that are shown if they are asked for */
#define PARTS	"&include=formfields,storecredit"

/*
 * The specification calls e-mail addresses unique; according to the guide for
 * stores with several storefronts, they are unique per channel: that from which
 * the customer came.
 */
static const BcdKey customer_keys[] = {
	{
		BCD_LIST("email"),
		.one = {&customer_list, "email:in={email}" PARTS},
		.many = {&customer_list, "email:in={email,}" PARTS},
		.shared = true,
		.apart_by = "origin_channel_id",
	},
	{NULL}
};

StaticAssertDecl(lengthof(customer_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(customer_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_customer = {
	.name = "customer",
	.id = "id",
	.keys = customer_keys,
	.after = "customer_attribute",
	BCD_FIELDS(customer_fields),
	BCD_SHOWN(customer_shown),
	.parts = customer_parts,
	.filters = customer_filters,
	BCD_FACETS(customer_facets),
	.view = {&customer_list, "id:in={id,}" PARTS},
	.list = {&customer_list},
	.dated = true,
	.tells_fields = true,
	.changed = {&customer_list, "include=formfields,storecredit"},
	.gone_is_refused = true,
	.twin_is_refused = true,
};
