/*
 * location.c
 *		Locations of stock: locations.v3.yml.
 *
 * Left out: id, which the store assigns.
 *
 * Writes are carried out later, and their replies name no record: a new
 * location is found by its code when the store lists it.
 */
#include "postgres.h"

#include "resource/fields.h"
#include "resource/replies.h"
#include "resource/resource.h"
#include "resource/resources.h"

static const char *const location_types[] = {"PHYSICAL", "VIRTUAL", NULL};

static const BcdField special_hours_fields[] = {
	FLAG("all_day"),
	FLAG("annual"),
	FREE_TEXT("closing", 0),
	FREE_TEXT("date", BCD_F_REQUIRED),
	FREE_TEXT("label", BCD_F_REQUIRED),
	{"open", BCD_BOOLEAN, 0, -1, -1, BCD_F_REQUIRED},
	FREE_TEXT("opening", 0),
};
static const BcdRecords special_hours = {BCD_FIELDS(special_hours_fields),.key = BCD_LIST("date", "label")};

static const BcdField coordinates_fields[] = {
	{"latitude", BCD_NUMBER, -90, 90, -1, BCD_F_REQUIRED},
	{"longitude", BCD_NUMBER, -180, 180, -1, BCD_F_REQUIRED},
};
static const BcdRecords coordinates = {BCD_FIELDS(coordinates_fields)};

/*
 * All of these are required of a new location; an address that is updated needs
 * its country and coordinates only, but is always sent as a whole.
 */
static const BcdField location_address_fields[] = {
	{"address1", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	FREE_TEXT("address2", 0),
	{"city", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	TEXT("country_code", 2, 3, BCD_F_REQUIRED),
	{"email", BCD_STRING, 3, BCD_NO_MAX, -1, BCD_F_REQUIRED | BCD_F_EMAIL},
	{"geo_coordinates", BCD_OBJECT, 0, -1, -1, BCD_F_REQUIRED,.records = &coordinates},
	FREE_TEXT("phone", 0),
	{"state", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	{"zip", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
};
static const BcdRecords location_address = {BCD_FIELDS(location_address_fields)};

static const BcdField hours_fields[] = {
	FREE_TEXT("closing", 0),
	FLAG("open"),
	FREE_TEXT("opening", 0),
};
static const BcdRecords hours = {BCD_FIELDS(hours_fields)};

#define DAY(name)	{name, BCD_OBJECT, 0, -1, -1, 0, .records = &hours}
static const BcdField week_fields[] = {
	DAY("friday"), DAY("monday"), DAY("saturday"), DAY("sunday"), DAY("thursday"), DAY("tuesday"), DAY("wednesday"),
};
static const BcdRecords week = {BCD_FIELDS(week_fields)};

/*
 * The specification gives no lengths.  It requires an address only of physical
 * locations.
 */
static const BcdField location_fields[] = {
	{"address", BCD_OBJECT, 0, -1, -1, 0,.records = &location_address},
	{"code", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	FREE_TEXT("description", 0),
	FLAG("enabled"),
	{"label", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	{"managed_by_external_source", BCD_BOOLEAN, 0, -1, -1, BCD_F_REQUIRED},
	{"operating_hours", BCD_OBJECT, 0, -1, -1, 0,.records = &week},
	{"special_hours", BCD_RECORDS, 0, BCD_NO_MAX, -1, 0,.records = &special_hours},
	FLAG("storefront_visibility"),
	{"time_zone", BCD_STRING, 1, BCD_NO_MAX, -1, BCD_F_REQUIRED},
	ENUM("type_id", location_types, BCD_F_REQUIRED),
};

static const BcdField location_shown[] = {
	INSTANT("created_at", 0),
	INSTANT("updated_at", 0),
};

/* Left out: is_active, which may be more than the field enabled */
static const BcdFilter location_filters[] = {
	{"id", BCD_BY_IN, "location_id:in",.exact = true},
	{"code", BCD_BY_IN, "location_code:in"},
	{"managed_by_external_source", BCD_BY_EQUAL, "managed_by_external_source",.exact = true},
	{"storefront_visibility", BCD_BY_EQUAL, "storefront_visibility",.exact = true},
	{NULL}
};

/* Batch sizes are not documented; a store has at most 100 active locations. */
static const BcdEndpoint location_list = {"GET", "/inventory/locations", BCD_PAGE_LIMIT,.concurrent = 50};
static const BcdEndpoint location_create = {"POST", "/inventory/locations", 100, BCD_ARRAY, &bcd_reply_locations,.concurrent = 50,.assumed = true};
static const BcdEndpoint location_update = {"PUT", "/inventory/locations", 100, BCD_ARRAY, &bcd_reply_locations,.concurrent = 50,.assumed = true};
static const BcdEndpoint location_delete = {"DELETE", "/inventory/locations", 100, BCD_NO_BODY, &bcd_reply_locations,.assumed = true};

static const BcdFacet location_facets[] = {
	{
		.create = {&location_create},
		.update = {&location_update},
		.remove = {&location_delete, "location_id:in={id,}"},
	},
};

static const BcdKey location_keys[] = {
	{
		BCD_LIST("code"),
		.one = {&location_list, "location_code:in={code}"},
		.many = {&location_list, "location_code:in={code,}"},
	},
	{NULL}
};

StaticAssertDecl(lengthof(location_keys) - 1 <= BCD_MAX_KEYS, "BCD_MAX_KEYS is too small");
StaticAssertDecl(lengthof(location_facets) <= BCD_MAX_FACETS, "BCD_MAX_FACETS is too small");

const BcdResource bcd_location = {
	.name = "location",
	.id = "id",
	.keys = location_keys,
	BCD_FIELDS(location_fields),
	BCD_SHOWN(location_shown),
	.filters = location_filters,
	BCD_FACETS(location_facets),
	.view = {&location_list, "location_id:in={id,}"},
	.list = {&location_list},
	.tells_fields = true,
	.hidden_by = "enabled",
	.gone_is_refused = true,
	.twin_is_refused = true,
};
