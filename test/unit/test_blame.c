/*
 * test_blame.c
 *		What of a batch an error text speaks of.
 */
#include "postgres.h"

#include "../../src/store/blame.c"
#include "tap.h"

static void
test_id(void)
{
	ok(bcd_blames_id("404 Product 148 was not found", 148), "an id");
	ok(bcd_blames_id("404 not found: 148.", 148), "at the end of a sentence");
	ok(bcd_blames_id("404 (ids: 147,148)", 148), "in a list");
	ok(!bcd_blames_id("404 Product 1480 was not found", 148), "the beginning of a number");
	ok(!bcd_blames_id("404 SKU A-148 was not found", 148), "part of an article number");
	ok(!bcd_blames_id("404 Product 0", 0), "no id");
	ok(bcd_blames_id("9000000000123 is gone", INT64CONST(9000000000123)), "a large one");
	ok(!bcd_blames_id("99999999999999999999999 is gone", INT64CONST(999999999999999999)), "one without end");
}

static void
test_name(void)
{
	static char book[4 * 1024 * 1024];

	ok(bcd_blames_name("409 The SKU ab-1 exists already", "AB-1"), "whatever the case");
	ok(!bcd_blames_name("409 The SKU AB-12 exists already", "AB-1"), "the beginning of another one");
	ok(!bcd_blames_name("409 The SKU X-AB-1 exists already", "AB-1"), "the end of another one");
	ok(bcd_blames_name("409 \"Söhne & Co.\" exists", "Söhne & Co."), "several words");
	ok(!bcd_blames_name("409 a", "a"), "one letter says nothing");
	ok(!bcd_blames_name("409", "much longer than the text"), "a long one");
	memset(book, 'x', sizeof(book) - 1);
	strcpy(book + sizeof(book) - 6, " AB-1");
	ok(bcd_blames_name(book, "AB-1"), "at the end of a book");
}

static void
test_size(void)
{
	ok(bcd_blames_size("422 The batch is too large", 10), "a batch");
	ok(bcd_blames_size("422 The array may have at most 5 items", 10), "at most");
	ok(bcd_blames_size("422 Maximum of 5 products exceeded", 10), "a maximum");
	ok(bcd_blames_size("422 Limit of 5 customers per call", 10), "whatever the records are called");
	ok(!bcd_blames_size("422 name: at most 250 characters", 10), "a limit of something else");
	ok(!bcd_blames_size("422 categories: more than 1000 items", 10), "one above what was sent");
	ok(!bcd_blames_size("422 The product is not valid (price: 3)", 10), "no limit");
	ok(!bcd_blames_size("", 10), "nothing");
}

int
main(void)
{
	test_id();
	test_name();
	test_size();
	return tap_done();
}
