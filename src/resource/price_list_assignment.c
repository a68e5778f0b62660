/*
 * price_list_assignment.c
 *		Which price list a customer group has in a channel: price_lists.v3.yml.
 *
 * A group has at most one list in a channel, so the two identify an assignment.
 * The API also knows assignments of a group, or of a channel, alone; but a filter
 * for those would remove others with them, and no upsert takes them.
 *
 * New assignments are written many at a time. The API does not say what becomes
 * of one that exists already; it has an upsert for a single one, which moves it
 * to another list.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

#define ASSIGNMENTS	"/pricelists/assignments"

static const BcdField price_list_assignment_fields[] = {
	WHOLE("channel_id", 1, INT32_MOST, BCD_F_REQUIRED),
	{"customer_group_id", BCD_INTEGER, 1, INT32_MOST, -1, BCD_F_REQUIRED, NULL, "customer_group"},
	{"price_list_id", BCD_INTEGER, 1, INT32_MOST, -1, BCD_F_REQUIRED, NULL, "price_list"},
};

static const BcdEndpoint price_list_assignment_list = {"GET", ASSIGNMENTS, BCD_PAGE_LIMIT};
static const BcdEndpoint price_list_assignment_post = {"POST", ASSIGNMENTS, 25, BCD_ARRAY, &bcd_reply_price_list_assignments,.concurrent = 1};
static const BcdEndpoint price_list_assignment_put = {
	"PUT", "/pricelists/{price_list_id}/assignments", 1, BCD_ONE, &bcd_reply_silent,.concurrent = 25
};

/*
 * At least one filter is needed. With the channel alone, the assignments of all
 * groups would be removed; with the group alone, those to all channels.
 */
static const BcdEndpoint price_list_assignment_delete = {
	"DELETE", ASSIGNMENTS, BCD_PAGE_LIMIT, BCD_NO_BODY, &bcd_reply_silent,.concurrent = 1,.assumed = true
};

static const BcdMember price_list_assignment_pair[] = {
	{"customer_group_id", BCD_FROM_FIELD, "customer_group_id"},
	{"channel_id", BCD_FROM_FIELD, "channel_id"},
	{NULL}
};

static const BcdFacet price_list_assignment_facets[] = {
	{
		.update = {&price_list_assignment_post,.whole = true},
		.remove = {&price_list_assignment_delete, "customer_group_id={customer_group_id}&channel_id:in={channel_id,}"},
	},
	{
		.name = "move",
		.changes_of = "price_list_id",
		.update = {&price_list_assignment_put,.members = price_list_assignment_pair},
	},
};

static const BcdKey price_list_assignment_keys[] = {{BCD_LIST("customer_group_id", "channel_id")}, {NULL}};

const BcdResource bcd_price_list_assignment = {
	.name = "price_list_assignment",
	.keys = price_list_assignment_keys,
	BCD_FIELDS(price_list_assignment_fields),
	BCD_FACETS(price_list_assignment_facets),
	.view = {&price_list_assignment_list, "channel_id={channel_id}&customer_group_id:in={customer_group_id,}"},
	.total = &price_list_assignment_list,
	.twin_is_refused = true,
};
