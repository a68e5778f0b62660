/*
 * test_url.c
 *		Paths and queries are made of templates, and never shorter than meant.
 */
#include "postgres.h"

#include "../../src/base/json.c"
#include "../../src/payload/url.c"
#include "raises.h"

static char *
value(const char *name, int nth, const void *arg)
{
	const char *const *values = arg;

	if (strcmp(name, "none") == 0)
		return NULL;
	if (strcmp(name, "empty") == 0)
		return pstrdup("");
	return pstrdup(values[nth]);
}

static char *
expanded(const char *path, const char *query, int n)
{
	static const char *const values[] = {"a b", "50%", "x&y=z,\xc3\xa9"};
	StringInfoData url;

	initStringInfo(&url);
	bcd_url_append(&url, path, query, n, value, values);
	return url.data;
}

int
main(void)
{
	static const int64 ids[] = {7, INT64CONST(9007199254740993)};
	static const int64 none[] = {0};
	StringInfoData url;

	is_text(expanded("/p", NULL, 1), "/p", "a path alone");
	is_text(expanded("/p/{x}", NULL, 1), "/p/a%20b", "a value in the path is encoded");
	is_text(expanded("/p", "k={x}", 1), "/p?k=a%20b", "and one in the query");
	is_text(expanded("/p", "k:in={x,}", 3), "/p?k:in=a%20b,50%25,x%26y%3Dz%2C%C3%A9", "a list has one for each record");
	is_text(expanded("/p", "k={x}", 3), "/p?k=a%20b", "what all share is the first one's");
	is_text(expanded("/p", "k={x}&t={none?}", 1), "/p?k=a%20b", "a parameter that may be left out");
	is_text(expanded("/p", "t={none?}&k={x}", 1), "/p?k=a%20b", "also the first");
	is_text(expanded("/p", "t={none?}", 1), "/p", "also the only one");
	is_text(expanded("/p", "a=1&b=2", 1), "/p?a=1&b=2", "parameters without placeholders");
	raises(expanded("/p/{none}", NULL, 1), "a value that is missing is an error");
	raises(expanded("/p", "id:in={empty,}", 1), "and so is an empty one in a list");
	initStringInfo(&url);
	bcd_url_append(&url, "/p", "id:in={id,}", 2, bcd_url_of_id, ids);
	is_text(url.data, "/p?id:in=7,9007199254740993", "ids are whole");
	raises(bcd_url_append(&url, "/p", "id:in={id,}", 1, bcd_url_of_id, none), "no id, no request");
	return tap_done();
}
