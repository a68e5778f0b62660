/*
 * customer.c
 *		Customers: customers.v3.yml.
 *
 * Fields that requests can have but that are left out:
 *
 *	id						assigned by the store
 *	addresses, attributes	collections of records below the customer, which
 *							have endpoints of their own; updates ignore them
 *	form_fields, store_credit_amounts
 *							arrays of objects, which come with the collections
 *	authentication			passwords do not belong in a mapping, and the API
 *							does not accept hashes
 *
 * Metafields are left out as well; they have endpoints of their own.
 *
 * Read-only: address_count, attribute_count, date_created, date_modified,
 * origin_channel_id (requests can have it, but it never changes),
 * registration_ip_address (updates can have it, but it is called read-only).
 *
 * Groups of customers are not a resource yet, so customer_group_id is a number.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/resource.h"

/*
 * The specification gives email a limit of 250 for creates and 255 for
 * updates. No channel_ids, or null, means that the customer can sign in to all
 * channels; an empty array is not allowed. The store sends a welcome mail only
 * if the request that creates the customer asks for it.
 */
static const BcdField customer_fields[] = {
	FLAG("accepts_product_review_abandoned_cart_emails"),
	{"channel_ids", BCD_INTEGERS, 1, BCD_NO_MAX, -1, BCD_F_SET | BCD_F_NULLABLE},
	TEXT("company", 0, 255, 0),
	WHOLE("customer_group_id", 0, INT32_MOST, 0),
	TEXT("email", 3, 250, BCD_F_REQUIRED | BCD_F_NO_CASE | BCD_F_EMAIL),
	TEXT("first_name", 1, 100, BCD_F_REQUIRED),
	TEXT("last_name", 1, 100, BCD_F_REQUIRED),
	FREE_TEXT("notes", 0),
	TEXT("phone", 0, 50, 0),
	TEXT("tax_exempt_category", 0, 255, 0),
	{"trigger_account_created_notification", BCD_BOOLEAN, 0, -1, -1, BCD_F_WRITE_ONLY | BCD_F_CREATE_ONLY},
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

/*
 * The specification calls e-mail addresses unique; according to the guide for
 * stores with several storefronts, they are unique per channel.
 */
static const BcdKey customer_keys[] = {
	{
		BCD_LIST("email"),
		.one = {&customer_list, "email:in={email}"},
		.many = {&customer_list, "email:in={email,}"},
		.shared = true,
	},
	{NULL}
};

StaticAssertDecl(lengthof(customer_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(customer_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_customer = {
	.name = "customer",
	.id = "id",
	.keys = customer_keys,
	BCD_FIELDS(customer_fields),
	BCD_FACETS(customer_facets),
	.view = {&customer_list, "id:in={id,}"},
	.list = {&customer_list},
	.gone_is_refused = true,
	.twin_is_refused = true,
};
