/*
 * inventory.c
 *		Stock by location, from a table of its own: inventory.v3.yml.
 *
 * An item is a product without variants, or a variant. It is identified by
 * exactly one of its product, its variant and its article number, together with
 * the location. The default location always exists, and its id is 1.
 *
 * Stock exists for every item whose inventory is tracked: it is neither created
 * nor deleted. In place of a removal its quantity is set to 0.
 *
 * With the option adjustment = relative, a quantity is set once. After that, the
 * differences between the quantities of the row are sent, so that what the
 * store has sold is not undone.
 *
 * Fields that requests can have but that are left out:
 *
 *	is_in_stock				follows from the quantity
 *	backorder_limit, qty_backordered
 *							part of a beta
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

/* The identity of an item */
#define IDENTITY	BCD_LIST("product_id", "sku", "variant_id")

static const BcdField inventory_fields[] = {
	{"bin_picking_number", BCD_STRING, 0, 255, -1, 0,.facet = "settings"},
	{"location_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED,.refers_to = "location"},
	{"product_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "product"},
	WHOLE("quantity", 0, INT32_MOST, BCD_F_REQUIRED | BCD_F_COUNTED),
	{"safety_stock", BCD_INTEGER, 0, INT32_MOST, -1, 0,.facet = "settings"},
	TEXT("sku", 1, 255, BCD_F_NO_CASE),
	{"variant_id", BCD_INTEGER, 1, BCD_NO_MAX, -1, 0,.refers_to = "variant"},
	{"warning_level", BCD_INTEGER, 0, INT32_MOST, -1, 0,.facet = "settings"},
};

/* A filter is a list of ids or article numbers; pages have up to 1,000 items */
static const BcdEndpoint inventory_items = {"GET", "/inventory/items", 1000};

/*
 * Settings that a request leaves out stay as they are, but it needs one of those
 * that are numbers
 */
static const BcdEndpoint inventory_settings = {
	"PUT", "/inventory/locations/{location_id}/items", 2000, BCD_ARRAY, &bcd_reply_stock_settings,
	.concurrent = 1,
	.inside = "settings",
	.alone = true,
};

static const BcdMember inventory_none[] = {
	{"location_id", BCD_FROM_FIELD, "location_id"},
	{"", BCD_FROM_IDENTITY},
	{"quantity", BCD_FROM_CONSTANT, NULL, "0"},
	{NULL}
};
static const BcdMember inventory_identity[] = {
	{"identity", BCD_FROM_IDENTITY},
	{NULL}
};
static const BcdMember inventory_difference[] = {
	{"location_id", BCD_FROM_FIELD, "location_id"},
	{"", BCD_FROM_IDENTITY},
	{"quantity", BCD_FROM_DIFFERENCE, "quantity"},
	{NULL}
};

static const BcdFacet inventory_facets[] = {
	{
		.update = {&bcd_stock_absolute,.whole = true},
		.remove = {&bcd_stock_absolute,.members = inventory_none},
	},
	{
		.name = "adjustment",
		.changes_of = "quantity",
		.by_option = "adjustment",
		.by_value = "relative",
		.not_below = "safety_stock",
		.update = {&bcd_stock_relative,.members = inventory_difference},
	},
	{
		.name = "settings",
		.update = {&inventory_settings,.members = inventory_identity,.least = BCD_LIST("safety_stock", "warning_level")},
	},
};

static const BcdKey inventory_keys[] = {
	{BCD_LIST("location_id"),.one_of = IDENTITY},
	{NULL}
};

static const BcdPlace inventory_places[] = {
	{"product_id", "identity.product_id", true},
	{"sku", "identity.sku", true},
	{"variant_id", "identity.variant_id", true},
	{"quantity", "total_inventory_onhand"},
	{"bin_picking_number", "settings.bin_picking_number"},
	{"safety_stock", "settings.safety_stock"},
	{"warning_level", "settings.warning_level"},
	{NULL}
};
static const BcdShape inventory_shape = {"locations", inventory_places};

const BcdResource bcd_inventory = {
	.name = "inventory",
	.keys = inventory_keys,
	BCD_FIELDS(inventory_fields),
	BCD_FACETS(inventory_facets),
	.view = {&inventory_items, "{identity_name}:in={identity,}"},
	.shape = &inventory_shape,
	.open_if = "location_enabled",
	.gone_is_refused = true,
};
