/*
 * replies.c
 *		The families of replies: how each refers to the records of a batch.
 *
 * The vendor documents the replies of each endpoint; many are alike.  The
 * samples below show their structure; "..." stands for text.  For all of them:
 *
 * - The order of records in a reply is not guaranteed, so they are matched by
 *	 their ids or keys.
 * - Some families are documented to save a part of a batch that they refuse
 *	 (keeps_some).  The others do not rule it out, but since keys are unique,
 *	 repeating their writes does no harm.
 * - Counters, if a reply has any, are in "meta": success, failed.
 *
 * store/batch_reply.c reads the replies.
 */
#include "postgres.h"

#include "resource/replies.h"
#include "resource/resource.h"

/*
 * Inventory changes are said to be delayed briefly; how long is not documented
 */
#define INVENTORY_DELAY_MS	5000

/*
 * Single records (data is an object), and batches of products.
 *
 * 200 {"data": [{"id": 501, ...}], "meta": {}}
 * 207 {"data": [...], "errors": {"status": 207, "title": "...", "errors": {"custom_url": "..."}}}
 * 409, 422 {"status": 409, "title": "...", "errors": {"sku": "..."}}
 *
 * The keys of the errors are field names.  The text may quote a SKU or an id.
 */
const BcdReplyForm bcd_reply_records = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * Batches of variants.
 *
 * 422 {"batch_errors": [{"status": 422, "title": "...", "errors": {"price": "..."}}]}
 *
 * Positions in the array of errors are not documented to correspond to those
 * in the batch.
 */
const BcdReplyForm bcd_reply_variants = {
	.records = "data",.errors = "batch_errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * The same batch, with new variants.  Whether a part of a refused batch is
 * saved is not documented; its variants would be refused as duplicates when
 * sent again.
 */
const BcdReplyForm bcd_reply_variants_created = {
	.records = "data",.errors = "batch_errors",.blames = BCD_BLAMES_TEXT,.keeps_some = true,
};

/*
 * Customers and customer attributes.
 *
 * 422 {"status": 422, "title": "...", "errors": {".customer_create": "..."}}
 *
 * Whether a part of a refused batch is saved is not documented. If it were, the
 * records that were saved would be refused as duplicates when sent again.
 */
const BcdReplyForm bcd_reply_customers = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_NONE,.keeps_some = true,
};

/*
 * Values of customer attributes: the same, but what was saved of a refused batch
 * is overwritten when it is sent again.
 */
const BcdReplyForm bcd_reply_attribute_values = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_NONE,
};

/*
 * Addresses of customers: as above, but an address that the customer already
 * has is neither written nor listed in data.  If it was the only one, the reply
 * is {}.
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
 * 403: a metafield of another app, which that has not shared for writing
 *
 * Whether the keys are positions or ids is not documented.
 */
const BcdReplyForm bcd_reply_metafields = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,.denies_records = true,
};

/* Deletes of single metafields: no body, or as above. */
const BcdReplyForm bcd_reply_metafield_deleted = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,.denies_records = true,
};

/*
 * New categories of trees.
 *
 * 201 {"data": [...], "meta": {"total": 2, "success": 2, "failed": 0}}
 * 207 {"data": [...], "errors": {"status": 207, "title": "...", "errors": {"1.url": "..."}}, "meta": {...}}
 * 422 {"errors": {"status": 422, "title": "...", "errors": {"1.url": "..."}}, "meta": {...}}
 * 400 {"errors": [{"status": 400, "title": "..."}]}
 *
 * The form of the keys was observed; it is not documented.
 */
const BcdReplyForm bcd_reply_categories = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,
};

/* Updates of categories of trees: the same, without data. */
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
 * For several price lists, the body is documented to be a single such error.
 */
const BcdReplyForm bcd_reply_price_records = {
	.errors = "batch_errors",.blames = BCD_BLAMES_ECHO,.keeps_some = true,
};

/*
 * Assignments of price lists to groups and channels; success has no body, and
 * the status 200.
 *
 * 422 {"status": 422, "title": "...", "errors": {...}, "meta": {"saved_records": 1}}
 *
 * The meaning of the keys is not documented.
 */
const BcdReplyForm bcd_reply_price_list_assignments = {
	.errors = "errors",.blames = BCD_BLAMES_PLACE,.keeps_some = true,.empty = true,
};

/*
 * Assignments of products to channels and categories, and deletes; a successful
 * reply has no body, or only counters.
 *
 * 422 {"status": 422, "title": "...", "errors": {"501": "..."}}
 *
 * Errors are documented to be listed by reference id.
 */
const BcdReplyForm bcd_reply_silent = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,
};

/*
 * Inventory adjustments.
 *
 * 200 {"transaction_id": "..."}
 * 422 {"status": 422, "title": "... variant_id 901 ...", "errors": {}}
 */
const BcdReplyForm bcd_reply_stock = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,.delay_ms = INVENTORY_DELAY_MS,
};

/* Inventory settings: the same, but with keys such as "setting.0.settings" */
const BcdReplyForm bcd_reply_stock_settings = {
	.errors = "errors",.blames = BCD_BLAMES_PLACE,.delay_ms = INVENTORY_DELAY_MS,
};

/*
 * Redirects: 201 with data. No refusal is documented.
 */
const BcdReplyForm bcd_reply_redirects = {
	.records = "data",.blames = BCD_BLAMES_NONE,
};

/*
 * Locations: 200 {"transaction_id": "..."} for creates as well, which are done
 * later.  Refusals are as those of inventory adjustments.
 */
const BcdReplyForm bcd_reply_locations = {
	.errors = "errors",.blames = BCD_BLAMES_TEXT,.delay_ms = INVENTORY_DELAY_MS,
};

/*
 * Records of V2, as store/envelope.c passes them on.
 *
 * 200 {"data": {"id": 3, ...}}
 * 207 {"data": {"status": 207, "message": "..."}}
 * 400 [{"status": 400, "message": "..."}]
 */
const BcdReplyForm bcd_reply_bare = {
	.records = "data",.errors = "errors",.blames = BCD_BLAMES_TEXT,
};
