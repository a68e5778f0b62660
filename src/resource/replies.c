/*
 * replies.c
 *		The families of replies: how each speaks of the records of a batch.
 *
 * The vendor's documents describe the replies of each endpoint; many are alike.
 * Samples show their shapes; "..." is a text. What is common to all:
 *
 * - The order of the records in a reply is not promised; they are found by
 *	 their ids or keys.
 * - Whether a batch that is refused is saved in part is documented for some
 *	 families only (keeps_some). For the others it is not promised that it is
 *	 not; a repeat of their writes does no harm, since keys are unique.
 * - Counters, where a reply has them, are in "meta": success, failed.
 *
 * store/batch_reply.c reads them.
 */
#include "postgres.h"

#include "resource/resource.h"

/* The delay of the inventory is said to be short; how short is not documented */
#define INVENTORY_DELAY_MS	5000

/*
 * Single records (data is an object), and batches of products.
 *
 * 200 {"data": [{"id": 501, ...}], "meta": {}}
 * 207 {"data": [...], "errors": {"status": 207, "title": "...", "errors": {"custom_url": "..."}}}
 * 409, 422 {"status": 409, "title": "...", "errors": {"sku": "..."}}
 *
 * The keys of the errors are names of fields. A text may quote a SKU or an id.
 */
const BcdReplyForm bcd_reply_records = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * Batches of variants.
 *
 * 422 {"batch_errors": [{"status": 422, "title": "...", "errors": {"price": "..."}}]}
 *
 * The places in the array of errors are not documented to be those in the
 * batch.
 */
const BcdReplyForm bcd_reply_variants = {
	.records = "data",.errors = "batch_errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * Customers, their attributes and values.
 *
 * 422 {"status": 422, "title": "...", "errors": {".customer_create": "..."}}
 */
const BcdReplyForm bcd_reply_customers = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_NONE,
};

/*
 * Addresses of customers: as above, but an address that the customer has
 * already is not written, and not in data; alone, the reply is {}.
 */
const BcdReplyForm bcd_reply_addresses = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_NONE,.drops_twins = true,
};

/*
 * Metafields of any resource.
 *
 * 200 {"data": [...], "errors": [], "meta": {"total": 2, "success": 2, "failed": 0}}
 * 422 {"data": [<the saved ones>], "errors": [{"status": 422, "title": "...", "errors": {"1": "..."}}], "meta": {...}}
 *
 * Whether the keys are places or ids is not documented.
 */
const BcdReplyForm bcd_reply_metafields = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,
};

/*
 * New categories of trees.
 *
 * 201 {"data": [...], "meta": {"total": 2, "success": 2, "failed": 0}}
 * 207 {"data": [...], "errors": {"status": 207, "title": "...", "errors": {"1.url": "..."}}, "meta": {...}}
 * 422 {"errors": {"status": 422, "title": "...", "errors": {"1.url": "..."}}, "meta": {...}}
 * 400 {"errors": [{"status": 400, "title": "..."}]}
 *
 * The form of the keys was observed, and is not documented.
 */
const BcdReplyForm bcd_reply_categories = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,
};

/* Updates of categories of trees: the same without data. */
const BcdReplyForm bcd_reply_categories_updated = {
	.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,
};

/*
 * Records of one price list, or of several.
 *
 * 200 {"data": {}, "meta": {}}
 * 422 {"batch_errors": [{"data": {"price_list_id": 3, "variant_id": 901, "currency": "usd"},
 *		"field_errors": {"price": "..."}}]}
 *
 * Those of several price lists are said to have one such error as their whole
 * body.
 */
const BcdReplyForm bcd_reply_price_records = {
	.errors = "batch_errors",.blames = BCD_BLAMES_ECHO,.keeps_some = true,
};

/*
 * Assignments of price lists to groups and channels; success has no body.
 *
 * 422 {"status": 422, "title": "...", "errors": {...}, "meta": {"saved_records": 1}}
 *
 * What the keys of the map are is not documented.
 */
const BcdReplyForm bcd_reply_price_list_assignments = {
	.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,
};

/*
 * Assignments of products to channels and categories, and deletes; success has
 * no body, or counters at most.
 *
 * 422 {"status": 422, "title": "...", "errors": {"501": "..."}}
 *
 * The errors are said to be listed by reference id.
 */
const BcdReplyForm bcd_reply_silent = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * Adjustments of the inventory.
 *
 * 200 {"transaction_id": "..."}
 * 422 {"status": 422, "title": "... variant_id 901 ...", "errors": {}}
 */
const BcdReplyForm bcd_reply_stock = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,.delay_ms = INVENTORY_DELAY_MS,
};

/* Settings of the inventory: the same, but keys such as "setting.0.settings" */
const BcdReplyForm bcd_reply_stock_settings = {
	.errors = "errors",.blames = BCD_BLAMES_PLACE,.delay_ms = INVENTORY_DELAY_MS,
};

/*
 * Redirects: 201 with data. No refusal is documented.
 */
const BcdReplyForm bcd_reply_redirects = {
	.records = "data",.blames = BCD_BLAMES_NONE,
};
