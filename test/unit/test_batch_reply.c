/*
 * test_batch_reply.c
 *		What replies of each family say of the records of a batch.
 */
#include "postgres.h"

#include "../../src/base/json.c"
#include "../../src/resource/replies.c"
#include "../../src/store/batch_reply.c"
#include "../../src/store/blame.c"
#include "tap.h"

#define MOST	10

/* Elements: with an id; with a key and its values; with a name that people use */
#define BY_ID(n)			{.id = n}
#define NAMED(n, ...)		{.id = n,.names = BCD_LIST(__VA_ARGS__)}
#define NEW(key_, ...)		{.key = key_,.values = BCD_LIST(__VA_ARGS__)}
#define COUNT(elements)		(sizeof(elements) / sizeof((elements)[0]))

/* S saved, P saved in part, T twin, B blamed, H held up, ? unknown */
static const char *
fates(const BcdReplyForm *form, const char *id, BcdVerdict verdict, const char *json, BcdElement *elements, int n)
{
	static const char letters[] = "SPTBH?";
	static char result[MOST + 1];
	const char *reason;
	char	   *text = json ? strdup(json) : NULL;
	cJSON	   *reply = text ? bcd_json_parse(text, strlen(text), &reason) : NULL;
	int			i;

	ok(json == NULL || reply, "the sample is JSON");
	bcd_batch_reply_read(form, id, verdict, reply, elements, n);
	for (i = 0; i < n; i++)
		result[i] = letters[elements[i].fate];
	result[n] = '\0';
	cJSON_Delete(reply);
	free(text);
	return result;
}

#define says(form, id, verdict, json, elements, wanted, name) \
	is_text(fates(&(form), id, verdict, json, elements, COUNT(elements)), wanted, name)

static void
test_products(void)
{
	BcdElement	three[] = {NAMED(501, "STOOL", "Oak stool"), NAMED(502, "TABLE", "Oak table"), NAMED(503, "LAMP-3", "Lamp")};
	BcdElement	one[] = {NEW(BCD_LIST("sku", "name"), "STOOL", "Oak stool")};

	says(bcd_reply_records, "id", BCD_OK,
		 "{\"data\": [{\"id\": 503}, {\"id\": 501}, {\"id\": 502}], \"meta\": {}}", three, "SSS",
		 "products: a reply lists records in any order");
	says(bcd_reply_records, "id", BCD_OK, "{\"data\": [{\"id\": 503}], \"meta\": {}}", three, "??S",
		 "products: what a success does not list is unknown");
	says(bcd_reply_records, "id", BCD_OK, "{\"data\": [{\"id\": \"501\"}, {\"id\": 502.5}, {\"id\": -503}]}", three, "???",
		 "products: so is what it lists without a usable id");
	says(bcd_reply_records, "id", BCD_OK, NULL, three, "???", "products: or all, when it says nothing");
	says(bcd_reply_records, "id", BCD_PARTIAL,
		 "{\"data\": [{\"id\": 501}, {\"id\": 502}], \"errors\": {\"status\": 207, \"title\": \"Partly\", \"errors\": {\"custom_url\": \"unusable\"}}}",
		 three, "PP?", "products: a 207 does not say of which record a part is missing");
	says(bcd_reply_records, "id", BCD_CONFLICT,
		 "{\"status\": 409, \"title\": \"Duplicate\", \"type\": \"https://example.com/501\", \"errors\": {\"sku\": \"the SKU table is in use\"}}",
		 three, "HBH", "products: a conflict may quote a SKU; the address of a page is no id");
	says(bcd_reply_records, "id", BCD_REFUSED, "{\"title\": \"Product 503 is not valid\", \"errors\": {\"name\": \"too long\"}}",
		 three, "HHB", "products: or the title an id");
	says(bcd_reply_records, "id", BCD_REFUSED, "{\"status\": 502, \"title\": \"No\", \"errors\": {\"1.name\": \"too long\", \"LAMP-30\": \"\"}}",
		 three, "HHH", "products: a status is no id, a key no place, and a word no other one");
	says(bcd_reply_records, "id", BCD_REFUSED, "[{\"status\": 422, \"message\": \"Oak Stool and lamp-3\"}]", three, "BHB",
		 "errors of the older version of the API are a list");
	says(bcd_reply_records, "id", BCD_TOO_LARGE, "{\"title\": \"502 is too much\"}", three, "HHH", "413: nobody is to blame");
	says(bcd_reply_records, "id", BCD_AGAIN, NULL, three, "HHH", "429: nothing was written");
	says(bcd_reply_records, "id", BCD_TROUBLE, NULL, three, "???", "500: nobody knows");
	says(bcd_reply_records, "id", BCD_OK, "{\"data\": {\"id\": 9, \"sku\": \"Stool\", \"name\": \"oak stool\"}}", one, "S",
		 "a new record is bare, and found by its key regardless of case");
	says(bcd_reply_records, "id", BCD_PARTIAL, "{\"data\": [{\"id\": 9, \"sku\": \"STOOL\", \"name\": \"Oak stool\"}], \"errors\": {\"title\": \"x\"}}",
		 one, "P", "or in an array");
	says(bcd_reply_records, "id", BCD_OK, "{\"data\": {\"id\": 9, \"sku\": \"STOOL-2\", \"name\": \"Oak stool\"}}", one, "?",
		 "one with another key is another one's");
}

static void
test_variants(void)
{
	BcdElement	two[] = {NAMED(901, "STOOL-N"), NAMED(902, "STOOL-D")};

	says(bcd_reply_variants, "id", BCD_REFUSED,
		 "{\"batch_errors\": [{\"status\": 422, \"title\": \"Variant stool-d is wrong\", \"errors\": {\"price\": \"negative\"}}]}",
		 two, "HB", "variants: the errors of a batch are in a list");
	says(bcd_reply_variants, "id", BCD_REFUSED, "{\"batch_errors\": [{\"errors\": {\"0\": \"x\"}}, {\"errors\": {}}]}", two, "HH",
		 "variants: which has no order");
}

static void
test_customers(void)
{
	static const char *const key[] = {"customer_id", "first_name", "address1", "company", NULL};
	BcdElement	two[] = {NEW(BCD_LIST("email"), "ann@example.org"), NEW(BCD_LIST("email"), "bob@example.org")};
	BcdElement	named[] = {NAMED(71, "ann@example.org"), NAMED(72, "bob@example.org")};
	BcdElement	addresses[] = {NEW(key, "71", "Ann", "1 Road", NULL), NEW(key, "71", "Ann", "2 Road", NULL)};
	BcdElement	one[] = {NEW(key, "71", "Ann", "1 Road", NULL)};

	says(bcd_reply_customers, "id", BCD_OK,
		 "{\"data\": [{\"id\": 8, \"email\": \"BOB@example.org\"}, {\"id\": 7, \"email\": \"ann@example.org\"}]}", two, "SS",
		 "customers: found by e-mail address");
	says(bcd_reply_customers, "id", BCD_REFUSED,
		 "{\"status\": 422, \"title\": \"Create failed for ann@example.org\", \"errors\": {\".customer_create\": \"71\"}}", named, "??",
		 "customers: a refusal does not say whom it means");
	says(bcd_reply_addresses, "id", BCD_OK, "{\"data\": [{\"id\": 5, \"customer_id\": 71, \"first_name\": \"Ann\", \"address1\": \"2 Road\", \"company\": \"\"}]}",
		 addresses, "TS", "addresses: one that success leaves out is there already");
	says(bcd_reply_addresses, "id", BCD_OK, "{}", one, "T", "addresses: even alone");
	says(bcd_reply_addresses, "id", BCD_OK, "{\"id\": 5, \"customer_id\": 71, \"first_name\": \"Ann\", \"address1\": \"1 Road\"}", one, "S",
		 "addresses: one may come without an envelope");
	says(bcd_reply_addresses, "id", BCD_REFUSED, "{\"status\": 422, \"title\": \"Bad\", \"errors\": {}}", addresses, "HH",
		 "addresses: a refusal leaves out all, none of them a twin");
}

static void
test_metafields(void)
{
	static const char *const key[] = {"resource_id", "namespace", "key", NULL};
	BcdElement	two[] = {NEW(key, "501", "erp", "lot"), NEW(key, "502", "erp", "lot")};
	BcdElement	ids[] = {BY_ID(3001), BY_ID(3002), BY_ID(1)};

	says(bcd_reply_metafields, "id", BCD_REFUSED,
		 "{\"data\": [{\"id\": 3001, \"resource_id\": 501, \"namespace\": \"erp\", \"key\": \"lot\"}], \"errors\": [{\"status\": 422, \"title\": \"Failed\", \"errors\": {\"1\": \"no product\"}}], \"meta\": {\"total\": 2, \"success\": 1, \"failed\": 1}}",
		 two, "SB", "metafields: a refusal lists what it has saved");
	says(bcd_reply_metafields, "id", BCD_REFUSED,
		 "{\"data\": [{\"id\": 3001, \"resource_id\": 501, \"namespace\": \"erp\", \"key\": \"lot\"}], \"errors\": [{\"errors\": {\"0\": \"odd\"}}]}",
		 two, "S?", "metafields: who is saved is not to blame, whatever the number means");
	says(bcd_reply_metafields, "id", BCD_REFUSED, "{\"data\": [], \"errors\": [{\"errors\": {\"3002\": \"gone\"}}]}", ids, "?B?",
		 "metafields: a number may be an id");
	says(bcd_reply_metafields, "id", BCD_REFUSED, "{\"data\": [], \"errors\": [{\"errors\": {}}], \"meta\": {\"total\": 3, \"success\": 0, \"failed\": 3}}",
		 ids, "HHH", "metafields: nothing was saved where the counters say so");
	says(bcd_reply_metafields, "id", BCD_REFUSED, "{\"status\": 400, \"title\": \"Bad\", \"detail\": \"malformed\"}", ids, "???",
		 "metafields: else nobody knows");
	says(bcd_reply_metafields, "id", BCD_STOP_FEED, "{\"title\": \"The plan allows no more\"}", ids, "???",
		 "507: a limit may have been met in the midst of a batch");
	says(bcd_reply_metafields, "id", BCD_STOP_STORE, NULL, ids, "HHH", "401: nobody looked at it");
	says(bcd_reply_records, "id", BCD_STOP_FEED, NULL, ids, "HHH", "403: single records are not written");
	says(bcd_reply_metafields, "id", BCD_OK, "{\"data\": [{\"id\": 3001}, {\"id\": 1}], \"errors\": [], \"meta\": {\"total\": 3, \"success\": 2, \"failed\": 1}}",
		 ids, "P?P", "success that counts failures is none");
}

static void
test_categories(void)
{
	static const char *const key[] = {"parent_id", "name", NULL};
	BcdElement	new[] = {NEW(key, "0", "Stools"), NEW(key, "36", "Stools"), NEW(key, "36", "Lamps"), NEW(key, "36", "Rugs")};
	BcdElement	ids[] = {NAMED(37, "Stools"), NAMED(38, "Bar stools"), NAMED(39, "Lamps"), NAMED(3, "Rugs")};

	says(bcd_reply_categories, "category_id", BCD_PARTIAL,
		 "{\"data\": [{\"category_id\": 41, \"parent_id\": 36, \"name\": \"Stools\"}], \"errors\": {\"status\": 207, \"title\": \"x\", \"errors\": {\"3.url\": \"in use\"}}, \"meta\": {\"total\": 4, \"success\": 1, \"failed\": 3}}",
		 new, "?P?B", "categories: told apart by their parents; a place is to blame");
	says(bcd_reply_categories, "category_id", BCD_REFUSED,
		 "{\"errors\": {\"status\": 422, \"title\": \"x\", \"errors\": {\"0.name\": \"too long\", \"2.url\": \"in use\"}}, \"meta\": {\"total\": 4, \"success\": 0, \"failed\": 4}}",
		 new, "BHBH", "categories: or several; and none was saved");
	says(bcd_reply_categories, "category_id", BCD_REFUSED, "{\"errors\": {\"title\": \"x\", \"errors\": {\"2.url\": \"in use\"}}}",
		 new, "??B?", "categories: without counters some may have been");
	says(bcd_reply_categories, "category_id", BCD_REFUSED, "{\"errors\": [{\"status\": 400, \"title\": \"Bad\"}]}", new, "????",
		 "categories: a list of errors has no places");

	says(bcd_reply_categories_updated, "category_id", BCD_OK, "{\"meta\": {\"total\": 4, \"success\": 4, \"failed\": 0}}", ids, "SSSS",
		 "updates of categories: success names none");
	says(bcd_reply_categories_updated, "category_id", BCD_PARTIAL,
		 "{\"errors\": {\"title\": \"x\", \"errors\": {\"1.url\": \"in use\"}}, \"meta\": {\"total\": 4, \"success\": 3, \"failed\": 1}}", ids, "?B??",
		 "updates of categories: nor does partial success");
	says(bcd_reply_categories_updated, "category_id", BCD_PARTIAL, "{\"errors\": {}, \"meta\": {\"total\": 4, \"success\": 4, \"failed\": 0}}", ids, "SSSS",
		 "a 207 without an error, all of it counted, is success");
	says(bcd_reply_categories_updated, "category_id", BCD_PARTIAL, "{\"errors\": {\"1\": \"x\"}, \"meta\": {\"success\": 4, \"failed\": 0}}", ids, "?B??",
		 "but not with an error");
	says(bcd_reply_categories_updated, "category_id", BCD_PARTIAL, "{\"meta\": {\"success\": 3, \"failed\": 0}}", ids, "????", "nor with one too few");
	says(bcd_reply_categories_updated, "category_id", BCD_OK, "{\"meta\": {\"total\": 4, \"success\": 3, \"failed\": 1}}", ids, "????",
		 "updates of categories: success that counts failures is none");
	says(bcd_reply_categories_updated, "category_id", BCD_REFUSED,
		 "{\"errors\": {\"errors\": {\"13.name\": \"x\", \"name3\": \"x\", \"a-3.name\": \"x\", \"v.03.5x\": \"x\"}}}", ids, "???B",
		 "a place is a number between dots, and no part of one");
	says(bcd_reply_categories_updated, "category_id", BCD_REFUSED, "{\"errors\": {\"errors\": {\"99999999999999999999\": \"x\"}}}", ids, "????",
		 "nor one without end");
	says(bcd_reply_categories_updated, "category_id", BCD_GONE, "{\"errors\": {\"title\": \"Category 38 was not found\"}}", ids, "?B??",
		 "where no place is to blame, words may be");
}

static void
test_prices(void)
{
	static const char *const key[] = {"price_list_id", "variant_id", "currency", NULL};
	BcdElement	three[] = {NEW(key, "3", "901", "USD"), NEW(key, "3", "902", "USD"), NEW(key, "3", "902", "EUR")};

	says(bcd_reply_price_records, "id", BCD_OK, "{\"data\": {}, \"meta\": {}}", three, "SSS", "prices: success repeats none");
	says(bcd_reply_price_records, "id", BCD_REFUSED,
		 "{\"batch_errors\": [{\"data\": {\"price_list_id\": 3, \"variant_id\": 902, \"sku\": \"X\", \"currency\": \"usd\"}, \"field_errors\": {\"price\": \"x\"}}]}",
		 three, "?B?", "prices: a refusal repeats keys; the others may have been saved");
	says(bcd_reply_price_records, "id", BCD_REFUSED, "{\"data\": {\"price_list_id\": \"3\", \"variant_id\": 901, \"currency\": \"usd\"}, \"field_errors\": {}}",
		 three, "B??", "prices: or it is about one record as a whole");
	says(bcd_reply_price_records, "id", BCD_REFUSED, "{\"batch_errors\": [{\"data\": {\"price_list_id\": 3, \"sku\": \"X\", \"currency\": \"usd\"}}]}",
		 three, "???", "prices: half a key is none");
}

static void
test_silent(void)
{
	static const char *const key[] = {"product_id", "channel_id", NULL};
	BcdElement	pairs[] = {NEW(key, "501", "1"), NEW(key, "502", "1")};
	BcdElement	ids[] = {BY_ID(501), BY_ID(502)};
	BcdElement	lists[] = {NEW(key, "1", "2"), NEW(key, "3", "4")};

	says(bcd_reply_silent, "id", BCD_OK, NULL, pairs, "SS", "assignments: 204 is success");
	says(bcd_reply_silent, "id", BCD_REFUSED, "{\"status\": 422, \"title\": \"x\", \"errors\": {\"502\": \"no product\"}}", ids, "HB",
		 "assignments: errors are listed by id");
	says(bcd_reply_price_list_assignments, "id", BCD_OK, NULL, lists, "SS", "price lists: an assignment has no reply");
	says(bcd_reply_price_list_assignments, "id", BCD_REFUSED, "{\"title\": \"x\", \"errors\": {\"0\": \"x\"}, \"meta\": {\"saved_records\": 1}}", lists, "B?",
		 "price lists: a refusal counts what it has saved");
	says(bcd_reply_price_list_assignments, "id", BCD_REFUSED, "{\"title\": \"x\", \"errors\": {\"0\": \"x\"}, \"meta\": {\"saved_records\": 0}}", lists, "BH",
		 "price lists: which may be nothing");
}

static void
test_inventory(void)
{
	BcdElement	items[] = {BY_ID(901), BY_ID(106)};

	says(bcd_reply_stock, "variant_id", BCD_OK, "{\"transaction_id\": \"180150837653573888\"}", items, "SS", "stock: a transaction is success");
	is_int(items[0].delay_ms, INVENTORY_DELAY_MS, "which cannot be seen at once");
	says(bcd_reply_stock, "variant_id", BCD_REFUSED, "{\"status\": 422, \"title\": \"[Item with variant_id 106 is tracked by product]\", \"errors\": {}}", items, "HB",
		 "stock: the title has the id");
	is_int(items[0].delay_ms, 0, "what is not written needs no time");
	says(bcd_reply_stock, "variant_id", BCD_TROUBLE, NULL, items, "??", "stock: a lost reply");
	is_int(items[0].delay_ms, INVENTORY_DELAY_MS, "a read at once would tell nothing");
	says(bcd_reply_stock_settings, "variant_id", BCD_REFUSED, "{\"status\": 422, \"title\": \"x\", \"errors\": {\"setting.1.settings\": \"x\"}}", items, "HB",
		 "settings: the keys have a place in their midst");
	says(bcd_reply_records, "id", BCD_OK, "{\"data\": [{\"id\": 901}, {\"id\": 106}]}", items, "SS", "catalog");
	is_int(items[0].delay_ms, 0, "is seen at once");
}

static void
test_redirects(void)
{
	static const char *const key[] = {"site_id", "from_path", NULL};
	BcdElement	two[] = {NEW(key, "1000", "/old"), NEW(key, "1001", "/old")};

	two[0].names = BCD_LIST("/old");
	says(bcd_reply_redirects, "id", BCD_OK, "{\"data\": [{\"id\": 4, \"site_id\": 1001, \"from_path\": \"/old\"}], \"meta\": {}}", two, "?S",
		 "redirects: found by site and path");
	says(bcd_reply_redirects, "id", BCD_REFUSED, "{\"title\": \"/old\", \"errors\": {\"0\": \"x\"}}", two, "HH", "redirects: no refusal is documented");
}

/* Whatever comes, nothing is taken for saved that was not said to be. */
static void
test_odd(void)
{
	static const BcdReplyForm *const forms[] = {&bcd_reply_records, &bcd_reply_variants, &bcd_reply_customers,
		&bcd_reply_metafields, &bcd_reply_categories, &bcd_reply_categories_updated, &bcd_reply_price_records,
	&bcd_reply_price_list_assignments, &bcd_reply_silent, &bcd_reply_stock, &bcd_reply_stock_settings, &bcd_reply_redirects};
	static const char *const replies[] = {"null", "[]", "{}", "3", "\"501\"", "[null]", "{\"data\": null, \"errors\": null}",
		"{\"data\": [null, 3, \"x\", []], \"errors\": [null, 3, [[]]], \"batch_errors\": {\"data\": 3}, \"meta\": 3}",
	"{\"errors\": \"x\", \"meta\": {\"success\": \"2\", \"failed\": 1.5, \"saved_records\": null}}"};
	BcdElement	two[] = {BY_ID(1501), {.id = 0}};
	int			i;
	int			j;

	for (i = 0; i < lengthof(forms); i++)
		for (j = 0; j < lengthof(replies); j++)
		{
			says(*forms[i], "id", BCD_REFUSED, replies[j], two, forms[i]->keeps_some ? "??" : "HH", "odd refusal");
			says(*forms[i], "id", BCD_PARTIAL, replies[j], two, "??", "odd partial success");
			says(*forms[i], "id", BCD_OK, replies[j], two, forms[i]->records ? "??" : "SS", "odd success");
		}
}

int
main(void)
{
	test_products();
	test_variants();
	test_customers();
	test_metafields();
	test_categories();
	test_prices();
	test_silent();
	test_inventory();
	test_redirects();
	test_odd();
	return tap_done();
}
