/*
 * test_json.c
 *		Reading replies within limits, error texts, escaping.
 */
#include "postgres.h"

#include "../../src/base/json.c"
#include "../../src/store/error_text.c"
#include "tap.h"

/* Parse a copy that ends where the text does, so that reading on is caught */
static cJSON *
parse(const char *text, size_t len, const char **reason)
{
	char	   *copy = malloc(Max(len, 1));
	cJSON	   *root;

	memcpy(copy, text, len);
	root = bcd_json_parse(copy, len, reason);
	free(copy);
	return root;
}

/* An array of so many zeros */
static char *
zeros(int n)
{
	char	   *text = malloc(2 * n + 2);
	int			i;

	text[0] = '[';
	for (i = 0; i < n; i++)
	{
		text[2 * i + 1] = '0';
		text[2 * i + 2] = ',';
	}
	memcpy(text + 2 * n, "]", 2);
	return text;
}

static void
refused(const char *text, size_t len, const char *wanted, const char *name)
{
	const char *reason = NULL;
	cJSON	   *root = parse(text, len, &reason);

	ok(root == NULL, "refused: %s", name);
	is_text(reason, wanted, name);
	cJSON_Delete(root);
}

#define REFUSED(text, wanted, name)	refused(text, sizeof(text) - 1, wanted, name)

static void
string_is(const char *text, const char *wanted, const char *name)
{
	const char *reason;
	cJSON	   *root = parse(text, strlen(text), &reason);

	is_text(root ? cJSON_GetStringValue(root) : reason, wanted, name);
	cJSON_Delete(root);
}

static char *
nested(int depth)
{
	char	   *text = malloc(2 * depth + 1);

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
	return text;
}

static void
test_parse(void)
{
	const char *reason;
	cJSON	   *root;
	char	   *text;

	ok(bcd_json_parse(NULL, 0, &reason) == NULL, "no text at all");
	is_text(reason, "empty", "is empty");
	REFUSED("", "empty", "nothing");
	REFUSED(" \t\r\n", "empty", "white space");
	REFUSED("\xEF\xBB\xBF", "empty", "a byte order mark alone");
	REFUSED("{", "not valid JSON", "an open object");
	REFUSED("{\"a\":\"b", "cut off", "cut off in a string");
	REFUSED("{\"a\":\"b\\", "cut off", "cut off in an escape");
	REFUSED("{\"a\":\"b\\\"", "cut off", "cut off behind an escaped quote");
	REFUSED("{} {}", "text after the JSON value", "two values");
	REFUSED("{}x", "text after the JSON value", "garbage behind");
	REFUSED("[]]", "text after the JSON value", "a bracket too many");
	REFUSED("<html>", "not valid JSON", "not JSON at all");
	REFUSED("Unauthorized", "not valid JSON", "a word");
	REFUSED("{\"a\":\0}", "not valid JSON", "a NUL outside strings");
	REFUSED("{\"a\":\"\0\"}", "a NUL byte", "a NUL in a string");
	REFUSED("\"\xC3\"", "not valid UTF-8", "half a character");
	REFUSED("\"\xC0\x80\"", "not valid UTF-8", "an overlong NUL");
	REFUSED("\"\xE0\x80\xAF\"", "not valid UTF-8", "an overlong slash");
	REFUSED("\"\xED\xA0\x80\"", "not valid UTF-8", "an encoded surrogate");
	REFUSED("\"\xF4\x90\x80\x80\"", "not valid UTF-8", "beyond Unicode");
	REFUSED("\"\xFF\"", "not valid UTF-8", "no UTF-8 at all");
	REFUSED("\"\xF0\x9F\x98", "not valid UTF-8", "a character cut off");
	REFUSED("\"a\"\xC3\xA4", "not valid JSON", "letters outside strings");
	REFUSED("\"\\ud83d\\u\"", "not valid JSON", "an escape without digits");
	REFUSED("\"\\u12", "cut off", "an escape cut off");

	text = nested(BCD_JSON_MAX_DEPTH);
	root = parse(text, strlen(text), &reason);
	ok(root != NULL, "as deep as allowed");
	cJSON_Delete(root);
	free(text);
	text = nested(BCD_JSON_MAX_DEPTH + 1);
	refused(text, strlen(text), "nested too deeply", "one deeper");
	free(text);
	text = nested(1000000);
	refused(text, strlen(text), "nested too deeply", "a million deeper");
	free(text);
	text = malloc(BCD_JSON_MAX_SIZE + 1);
	memset(text, ' ', BCD_JSON_MAX_SIZE + 1);
	refused(text, BCD_JSON_MAX_SIZE + 1, "too large", "too large");
	free(text);

	text = zeros(BCD_JSON_MAX_VALUES - 1);
	root = parse(text, strlen(text), &reason);
	ok(root != NULL, "as many values as allowed");
	cJSON_Delete(root);
	free(text);
	text = zeros(BCD_JSON_MAX_VALUES);
	refused(text, strlen(text), "too many values", "one more");
	free(text);
	text = zeros(15000000);
	refused(text, strlen(text), "too many values", "30 MB of tiny ones");
	free(text);

	string_is("\"\"", "", "an empty string");
	string_is("\xEF\xBB\xBF\"a\"", "a", "a byte order mark is skipped");
	string_is("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
			  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "brackets in a string are not deep");
	string_is("\"a\\u0000b\"", "a\xEF\xBF\xBD" "b", "an escaped NUL is replaced");
	string_is("\"a\\\\u0000b\"", "a\\u0000b", "not behind an escaped backslash");
	string_is("\"a\\\\\\u0000b\"", "a\\\xEF\xBF\xBD" "b", "but behind that and its own");
	string_is("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", "a pair of surrogates");
	string_is("\"\\uD83Dx\"", "\xEF\xBF\xBDx", "a lone high one");
	string_is("\"\\ude00\\ud83d\"", "\xEF\xBF\xBD\xEF\xBF\xBD", "two in the wrong order");
	string_is("\"\\ud83d\\ud83d\\ude00\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80", "a lone one before a pair");
	string_is("\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "UTF-8 as it is");
}

/* The ids of records: data.0.id and so on */
static void
test_id(void)
{
	static const struct
	{
		const char *record;
		int64		id;			/* 0: there is none */
	}			cases[] = {
		{"{\"id\":1}", 1}, {"{\"id\":9007199254740991}", INT64CONST(9007199254740991)},
		{"{\"id\":7.0}", 7}, {"{\"id\":-1}", 0}, {"{\"id\":0}", 0}, {"{\"id\":1.5}", 0},
		{"{\"id\":1e300}", 0}, {"{\"id\":9223372036854775808}", 0}, {"{\"id\":\"7\"}", 0},
		{"{\"id\":null}", 0}, {"{\"id\":true}", 0}, {"{\"id\":[7]}", 0}, {"{\"id\":{\"id\":7}}", 0},
		{"{\"ID\":7}", 0}, {"{}", 0}, {"[7]", 0}, {"7", 0}, {"null", 0}
	};
	int			i;

	for (i = 0; i < lengthof(cases); i++)
	{
		const char *reason;
		cJSON	   *root = parse(cases[i].record, strlen(cases[i].record), &reason);
		int64		id = -7;

		ok(bcd_json_id(root, "id", &id) == (cases[i].id != 0) && id == cases[i].id,
		   "the id of %s", cases[i].record);
		cJSON_Delete(root);
	}
}

static void
test_path(void)
{
	const char *reason;
	const char *text = "{\"meta\":{\"pagination\":{\"total\":401,\"\":5}},\"data\":[{\"id\":7},{\"id\":8}],"
	"\"big\":9007199254740993,\"edge\":9007199254740991,\"neg\":-9007199254740991,\"half\":1.5,"
	"\"text\":\"12\",\"null\":null,\"exp\":1e3,\"huge\":1e300,\"0\":\"zero\",\"inf\":1e999}";
	cJSON	   *root = parse(text, strlen(text), &reason);
	int64		v = -1;

	ok(root != NULL, "parsed");
	ok(bcd_json_int64(bcd_json_path(root, "meta.pagination.total"), &v) && v == 401, "down the names");
	ok(bcd_json_int64(bcd_json_path(root, "data.1.id"), &v) && v == 8, "an index");
	ok(bcd_json_path(root, "") == root, "nowhere");
	ok(bcd_json_path(root, "data.2") == NULL, "beyond an array");
	ok(bcd_json_path(root, "data.-1") == NULL && bcd_json_path(root, "data.x") == NULL &&
	   bcd_json_path(root, "data.1x") == NULL && bcd_json_path(root, "data.99999999999") == NULL,
	   "what is no index");
	ok(bcd_json_path(root, "meta.nothing.total") == NULL, "a name that is not there");
	ok(bcd_json_path(root, "met") == NULL && bcd_json_path(root, "META") == NULL, "names match whole");
	ok(bcd_json_path(root, "text.length") == NULL, "through a text");
	ok(bcd_json_path(NULL, "a") == NULL, "through nothing");
	is_text(cJSON_GetStringValue(bcd_json_path(root, "0")), "zero", "a number may be a name");

	ok(bcd_json_int64(bcd_json_path(root, "edge"), &v) && v == INT64CONST(9007199254740991), "the largest exact integer");
	ok(bcd_json_int64(bcd_json_path(root, "neg"), &v) && v == -INT64CONST(9007199254740991), "the smallest");
	ok(bcd_json_int64(bcd_json_path(root, "exp"), &v) && v == 1000, "an exponent");
	ok(!bcd_json_int64(bcd_json_path(root, "big"), &v), "one too large");
	ok(!bcd_json_int64(bcd_json_path(root, "huge"), &v), "much too large");
	ok(!bcd_json_int64(bcd_json_path(root, "inf"), &v), "infinite");
	ok(!bcd_json_int64(bcd_json_path(root, "half"), &v), "a fraction");
	ok(!bcd_json_int64(bcd_json_path(root, "text"), &v), "a text");
	ok(!bcd_json_int64(bcd_json_path(root, "null"), &v), "null");
	ok(!bcd_json_int64(NULL, &v), "nothing");
	cJSON_Delete(root);
}

static void
error_is(long status, const char *type, const char *body, const char *wanted)
{
	StringInfoData out;
	size_t		len = strlen(body);
	char	   *copy = malloc(Max(len, 1));

	memcpy(copy, body, len);	/* without a NUL at the end */
	initStringInfo(&out);
	bcd_json_error_text(&out, status, type, copy, len);
	is_text(out.data, wanted, wanted);
	pfree(out.data);
	free(copy);
}

/* The families of error replies, as the vendor documents them */
static void
test_error_families(void)
{
	error_is(409, "application/json",
			 "{\"status\":409,\"title\":\"The name is taken.\",\"type\":\"https://x/\","
			 "\"errors\":{\"name\":\"is not unique\",\"sku\":\"is not unique\"}}",
			 "409 The name is taken. (name: is not unique, sku: is not unique)");
	error_is(422, "application/json",
			 "{\"status\":422,\"title\":\"Invalid\",\"type\":\"t\",\"errors\":{}}", "422 Invalid");
	error_is(422, NULL, "{\"title\":\"Invalid\",\"errors\":[]}", "422 Invalid");
	error_is(404, "application/json", "{\"status\":404,\"title\":\"Not found\",\"detail\":\"no product 7\"}",
			 "404 Not found (no product 7)");
	error_is(405, "application/json", "{\"detail\":\"method POST is not supported\"}",
			 "405 method POST is not supported");
	error_is(422, "application/json",
			 "{\"batch_errors\":[{\"status\":422,\"title\":\"Bad price\",\"type\":\"t\",\"errors\":{\"price\":\"negative\"}}]}",
			 "422 Bad price (price: negative)");
	error_is(422, "application/json",
			 "{\"batch_errors\":[{\"data\":{\"price_list_id\":3,\"sku\":\"NO-SUCH\",\"currency\":\"usd\"},"
			 "\"field_errors\":{\"sku\":\"no such variant\"}}]}",
			 "422 sku: no such variant (price_list_id: 3, sku: NO-SUCH, currency: usd)");
	error_is(422, "application/json",
			 "{\"data\":{\"sku\":\"A\"},\"field_errors\":{\"price\":\"missing\"}}",
			 "422 price: missing (sku: A)");
	error_is(422, "application/json",
			 "{\"data\":[{\"id\":1}],\"errors\":[{\"status\":422,\"title\":\"Bulk operation has failed\",\"type\":\"t\","
			 "\"errors\":{\"1\":\"key exists\",\"2\":\"value is empty\"}}],\"meta\":{\"total\":2,\"success\":1,\"failed\":1}}",
			 "422 Bulk operation has failed (1: key exists, 2: value is empty)");
	/* a success that is not what was expected */
	error_is(200, "application/json", "{\"data\":[],\"meta\":{}}", "unexpected reply: 200 data: , meta:");
	error_is(207, "application/json",
			 "{\"data\":[{\"id\":501}],\"errors\":{\"status\":207,\"title\":\"Partly done\",\"type\":\"t\","
			 "\"errors\":{\"inventory_level\":\"not saved\"}},\"meta\":{}}",
			 "207 Partly done (inventory_level: not saved)");
	error_is(422, "application/json", "{\"errors\":{\"1.url\":\"is taken\"},\"meta\":{\"total\":2}}",
			 "422 1.url: is taken");
	error_is(400, "application/json", "{\"errors\":[{\"status\":400,\"title\":\"Bad tree\",\"type\":\"t\"}]}",
			 "400 Bad tree");
	error_is(400, "application/json", "[{\"status\":400,\"message\":\"The field is not valid.\",\"details\":{\"invalid\":\"zip\"}}]",
			 "400 The field is not valid. (invalid: zip)");
	error_is(503, "application/json",
			 "{\"error\":{\"code\":\"busy\",\"message\":\"Try later\",\"details\":\"deleting\",\"retry_after_seconds\":30}}",
			 "503 Try later (deleting)");
	error_is(400, "application/json", "{\"error\":\"invalid_client\"}", "400 invalid_client");
	error_is(422, "application/problem+json",
			 "{\"status\":422,\"title\":\"[Item with variant_id 901 is tracked by product]\",\"type\":\"t\",\"errors\":{}}",
			 "422 [Item with variant_id 901 is tracked by product]");
	error_is(422, "application/json", "{\"title\":\"T\",\"errors\":{\"title\":\"too long\"}}",
			 "422 T (title: too long)");
	error_is(422, "application/json", "{\"title\":\"T\",\"errors\":{\"name\":[\"too long\",\"not unique\"]}}",
			 "422 T (name: too long; not unique)");
	error_is(422, "application/json",
			 "[{\"message\":\"a\"},{\"message\":\"b\"},{\"message\":\"c\"},{\"message\":\"d\"},{\"message\":\"e\"},"
			 "{\"message\":\"f\"},{\"message\":\"g\"}]",
			 "422 a; b; c; d; e; and 2 more");
}

static void
test_error_bodies(void)
{
	error_is(401, "text/plain", "Unauthorized", "401 Unauthorized");
	error_is(401, "plain/text", " 401 Unauthorized\n", "401 Unauthorized");
	error_is(401, "application/json", "Unauthorized", "401 Unauthorized");
	error_is(401, NULL, "\"Unauthorized\"", "401 Unauthorized");
	error_is(415, "text/html", "<html><head><title>415 Unsupported Media Type</title>"
			 "<style>b { color: red }</style></head><body><h1>No</h1></body></html>",
			 "415 Unsupported Media Type");
	error_is(502, "text/html; charset=UTF-8", "<HTML><STYLE>h1{}</STYLE><script>if (a<b) x()</script><!-- <b>no</b> -->"
			 "<BODY><h1>Bad&nbsp;gateway</h1>\r\n<p>A &lt;proxy&gt; &amp; its store</BODY>",
			 "502 Bad gateway A <proxy> & its store");
	error_is(502, NULL, "<title></title><p>hello", "502 hello");
	error_is(502, "text/html", "<html", "502 Bad Gateway");
	error_is(502, "text/html", "just text & more", "502 just text & more");
	error_is(404, "application/json", "", "404 Not Found");
	error_is(404, "application/json", " \n", "404 Not Found");
	error_is(404, "application/json", "{}", "404 Not Found");
	error_is(404, "application/json", "[]", "404 Not Found");
	error_is(404, "application/json", "null", "404 Not Found");
	error_is(418, NULL, "", "418 (empty reply)");
	error_is(422, "application/json", "{\"title\":\"cut of", "422 {\"title\":\"cut of");
	error_is(404, NULL, "404", "404 404");
	error_is(0, NULL, "no reply", "no reply");
	error_is(500, NULL, "a\x01\x02\tb\x7F\n\nc\xC2\x85" "d\r\n", "500 a b c d");
	error_is(500, NULL, "a\xFF\xC3(b\xE2\x82", "500 a\xEF\xBF\xBD\xEF\xBF\xBD(b\xEF\xBF\xBD\xEF\xBF\xBD");
	error_is(500, "application/json", "{\"title\":\"\\u0000\\u001b[31m red\"}", "500 \xEF\xBF\xBD [31m red");
}

/* However long or odd the reply is, the text is short and valid UTF-8 */
static void
test_error_limits(void)
{
	StringInfoData out;
	char	   *body;
	char	   *p;
	int			offset;
	bool		valid = true;

	initStringInfo(&out);
	body = malloc(100001);
	for (offset = 0; offset < 4; offset++)
	{
		for (p = body; p < body + offset; p++)
			*p = 'x';
		for (; p + 4 <= body + 100000; p += 4)
			memcpy(p, "\xF0\x9F\x98\x80", 4);
		resetStringInfo(&out);
		appendStringInfoString(&out, "before ");
		bcd_json_error_text(&out, 500, NULL, body, p - body);
		valid &= out.len <= 7 + BCD_JSON_ERROR_MAX && out.len > BCD_JSON_ERROR_MAX - 5;
		valid &= strcmp(out.data + out.len - 3, "...") == 0;
		for (p = out.data; *p; p += bcd_utf8_length(p, out.data + out.len))
			if (bcd_utf8_length(p, out.data + out.len) == 0)
			{
				valid = false;
				break;
			}
	}
	ok(valid, "a long text is cut between characters");

	/* 497 bytes of text and the number fit exactly */
	memset(body, 'x', 1000);
	resetStringInfo(&out);
	bcd_json_error_text(&out, 500, NULL, body, 490);
	is_int(out.len, 494, "a text that fits is whole");

	/* every short string of awkward characters */
	{
		static const char odd[] = "<>&;[]{}\"\\:, u0t/-!";
		uint64		seed = 1;
		int			i;

		for (i = 0; i < 200000; i++)
		{
			char	   *copy;
			int			len;
			int			j;

			seed = seed * UINT64CONST(6364136223846793005) + 1;
			len = (seed >> 40) % 12;
			copy = malloc(Max(len, 1));
			for (j = 0; j < len; j++)
				copy[j] = odd[(seed >> (4 * j + 8)) % (sizeof(odd) - 1)];
			resetStringInfo(&out);
			bcd_json_error_text(&out, 500, i % 2 ? "text/html" : NULL, copy, len);
			free(copy);
		}
		ok(true, "odd replies do no harm");
	}
	free(body);
	pfree(out.data);
}

static void
test_escape(void)
{
	StringInfoData out;

	initStringInfo(&out);
	bcd_url_escape(&out, "aZ09-._~ +,&=%/?#\xC3\xA4'\"");
	is_text(out.data, "aZ09-._~%20%2B%2C%26%3D%25%2F%3F%23%C3%A4%27%22", "a part of a URL");
	pfree(out.data);
}

int
main(void)
{
	test_parse();
	test_path();
	test_id();
	test_error_families();
	test_error_bodies();
	test_error_limits();
	test_escape();
	return tap_done();
}
