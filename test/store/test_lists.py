"""Lists of products and brands: filters, order, pages, choice of fields."""

import unittest
from decimal import Decimal
from urllib.parse import quote

from harness import StoreCase

PRODUCTS = "/catalog/products"
BRANDS = "/catalog/brands"


class Late(StoreCase):
    def test_new_records_are_listed_later(self):
        self.set(list_delay_ms=3600000)
        one = self.brand("Nordic")["id"]
        self.assertEqual(self.ids("?name=Nordic", BRANDS), [])
        self.assertEqual(self.ids("?id:in=%d" % one, BRANDS), [])
        self.ok("GET", "%s/%d" % (BRANDS, one))
        self.refused(409, "POST", BRANDS, {"name": "Nordic"})
        self.control.post("/settle")
        self.assertEqual(self.ids("?name=Nordic", BRANDS), [one])


class Filters(StoreCase):
    """One catalog, many questions."""

    def setUp(self):
        super().setUp()
        self.brand_id = self.brand("Nordic")["id"]
        self.cats = [self.category(n)["category_id"] for n in "abc"]
        self.control.seed("products", [
            {"id": 10, "name": "Oak", "sku": "A-1", "price": "1.5",
             "categories": self.cats[:2], "brand_id": self.brand_id,
             "date_modified": "2020-01-01T00:00:00+00:00"},
            {"id": 20, "name": "Elm", "sku": "a-2", "price": "2",
             "categories": self.cats[:1], "is_visible": False, "mpn": "M",
             "date_modified": "2021-06-15T12:30:00+00:00",
             "inventory_level": 5, "inventory_tracking": "product"},
            {"id": 30, "name": "Ash", "type": "digital", "upc": "U",
             "condition": "Used", "is_featured": True, "weight": "2.5",
             "description": "not of oak", "availability": "disabled",
             "date_modified": "2022-01-01T00:00:00+00:00",
             "date_last_imported": "2022-01-01T00:00:00+00:00",
             "inventory_level": 9, "total_sold": 3}])

    def check(self, *expectations):
        for query, expected in expectations:
            self.assertEqual(self.ids("?" + query), expected, query)

    def test_ids(self):
        self.check(
            ("id=20", [20]), ("id=21", []), ("id:in=30,10,99", [10, 30]),
            ("id:in=10", [10]), ("id:not_in=10,30", [20]), ("id:min=20",
                                                            [20, 30]),
            ("id:max=20", [10, 20]), ("id:greater=20", [30]),
            ("id:less=20", [10]), ("id:greater=10&id:less=30", [20]),
            ("id:min=10&id:greater=10&id:max=99", [20, 30]),
            ("id:min=40", []), ("id:greater=30&id:less=10", []),
            ("id:in=10,20&id:not_in=10", [20]),
            ("id:in=10,20&id:greater=10", [20]))

    def test_keys(self):
        self.check(
            ("sku=A-1", [10]), ("sku=a-1", [10]), ("sku:in=a-1,A-2,x",
                                                   [10, 20]),
            ("name=Oak", [10]), ("name=oak", []), ("upc=U", [30]),
            ("mpn=M", [20]), ("sku:in=A-1&name=Elm", []),
            ("name=Oak&sku=A-1&id=10", [10]))

    def test_references(self):
        a, b, c = self.cats
        self.ok("PUT", PRODUCTS + "/channel-assignments",
                [{"product_id": 10, "channel_id": 1}], 204)
        self.check(
            ("brand_id=%d" % self.brand_id, [10]), ("brand_id=7", []),
            ("categories:in=%d" % a, [10, 20]),
            ("categories:in=%d,%d" % (a, b), [10]),
            ("categories:in=%d,%d" % (a, c), []),
            ("categories=%d" % a, [20]), ("categories=%d" % b, []),
            ("channel_id:in=1,2", [10]), ("channel_id:in=2", []))
        self.set(categories_in="any")
        self.check(("categories:in=%d,%d" % (b, c), [10]))

    def test_values(self):
        self.check(
            ("is_visible=false", [20]), ("is_visible=1", [10, 30]),
            ("is_featured=1", [30]), ("type=digital", [30]),
            ("condition=used", [30]), ("condition=new", [10, 20]),
            ("availability=disabled", [30]), ("price=1.50", [10]),
            ("price=2", [20]), ("weight=2.5", [30]),
            ("is_free_shipping=0", [10, 20, 30]), ("total_sold=3", [30]))

    def test_inventory(self):
        self.check(
            ("inventory_level=5", [20]), ("inventory_level:in=0,9",
                                          [10, 30]),
            ("inventory_level:not_in=0,9", [20]),
            ("inventory_level:min=5", [20, 30]),
            ("inventory_level:max=5", [10, 20]),
            ("inventory_level:greater=5", [30]),
            ("inventory_level:less=5", [10]), ("inventory_low=1", []),
            ("out_of_stock=1", []))

    def test_keyword(self):
        self.check(("keyword=OAK", [10, 30]), ("keyword=nordic", [10]),
                   ("keyword=a-2", [20]), ("keyword=oak&keyword_context="
                                           "merchant", [10, 30]))

    def test_dates(self):
        plus = quote("2021-06-15T14:30:00+02:00", safe="")
        self.check(
            ("date_modified:min=2021-06-15T12:30:00Z", [20, 30]),
            ("date_modified:min=" + plus, [20, 30]),
            ("date_modified:min=2021-06-15T12:30:01Z", [30]),
            ("date_modified:max=2021-06-15T12:30:00Z", [10, 20]),
            ("date_modified=2021-06-15", [20]),
            ("date_modified=2021-06-15T12:30:00Z", [20]),
            ("date_last_imported:min=2021-01-01T00:00:00Z", [30]),
            ("date_last_imported:max=2021-01-01T00:00:00Z", []),
            ("date_last_imported:not=2021-01-01T00:00:00Z", [30]))

    def test_a_date_without_time_gets_the_time_of_day(self):
        # The clock is set to three quarters of an hour past noon.
        now = int(self.client(version="v2")("GET", "/time").json["time"])
        self.set(clock_offset_s=12 * 3600 + 45 * 60 - now % 86400)
        self.check(("date_modified:min=2021-06-15", [30]),
                   ("date_modified:min=2021-06-14", [20, 30]))

    def test_recent_changes_after_undone_batches(self):
        self.api("PUT", PRODUCTS, [{"id": 10, "price": 5},
                                   {"id": 20, "price": -1}])
        self.check(("date_modified:min=2021-01-01T00:00:00Z", [20, 30]))
        self.ok("PUT", PRODUCTS + "/10", {"price": 7})
        self.check(("date_modified:min=2021-01-01T00:00:00Z", [10, 20, 30]))

    def test_order(self):
        self.check(
            ("sort=id&direction=desc", [30, 20, 10]),
            ("sort=name", [30, 20, 10]), ("sort=name&direction=desc",
                                          [10, 20, 30]),
            ("sort=price", [30, 10, 20]), ("sort=sku", [30, 10, 20]),
            ("sort=date_modified&direction=desc", [30, 20, 10]),
            ("sort=calculated_price", [30, 10, 20]),
            ("sort=inventory_level", [10, 20, 30]),
            ("sort=is_visible", [20, 10, 30]), ("direction=desc",
                                                [30, 20, 10]),
            ("sort=total_sold&id:in=10,30", [10, 30]))


class Parameters(StoreCase):
    def bad(self, query, *names):
        self.assertEqual(self.refused(422, "GET", PRODUCTS + "?" + query),
                         sorted(names), query)

    def test_unknown_ones(self):
        for name in ("colour", "name:like", "name:in", "sku:not_in",
                     "price:min", "fields", "after", "Page"):
            self.bad(name + "=1", name)

    def test_unfit_values(self):
        for query in ("id=abc", "id:in=1,x", "id:in=", "id:in=1,,2",
                      "is_visible=yes", "is_featured=true", "type=other",
                      "condition=New", "sort=weight", "direction=up",
                      "page=0", "limit=0", "limit=-1", "page=1.5",
                      "price=abc", "name=", "date_modified:min=yesterday",
                      "date_modified:min=2021-02-30", "include=everything",
                      "date_modified:min=2021-06-15T14:30:00+02:00",
                      "include_fields=colour", "exclude_fields=colour",
                      "include_fields=name,sort_order"):
            self.bad(query, query.partition("=")[0])

    def test_twice(self):
        self.bad("id=1&id=2", "id")
        self.bad("id%3Ain=1&id:in=2", "id:in")

    def test_encoding(self):
        self.product("A + B", sku="x,y")
        self.assertEqual(len(self.ids("?name=A+%2B+B")), 1)
        self.assertEqual(len(self.ids("?name=A%20%2b%20B")), 1)
        for query in ("name=%zz", "name=%4", "name=%ff", "name"):
            self.assertEqual(self.api("GET", PRODUCTS + "?" + query).status,
                             400, query)

    def test_commas(self):
        self.product(sku="x,y")
        self.assertEqual(len(self.ids("?sku=x%2Cy")), 1)
        self.assertEqual(self.ids("?sku:in=x%2Cy"), [])
        self.set(comma_escape=True)
        self.assertEqual(len(self.ids("?sku:in=x%2Cy,z")), 1)

    def test_writes_know_few(self):
        key = self.product()["id"]
        self.assertEqual(self.refused(
            422, "PUT", "%s/%d?page=1" % (PRODUCTS, key), {}), ["page"])
        self.assertEqual(self.refused(
            422, "POST", PRODUCTS + "?include=images", {}), ["include"])
        self.assertEqual(self.refused(
            422, "POST", BRANDS + "?include_fields=name", {"name": "x"}),
            ["include_fields"])


class Pages(StoreCase):
    def setUp(self):
        super().setUp()
        self.control.post("/seed", {
            "kind": "products", "count": 603, "template": {
                "name": "P {n}", "sku": "S{n}", "price": "1"}})

    def page(self, query):
        answer = self.ok("GET", PRODUCTS + query)
        return ([p["id"] for p in answer.data],
                answer.meta["pagination"])

    def test_meta(self):
        ids, meta = self.page("?page=2&limit=250&include_fields=sku")
        self.assertEqual(ids, list(range(327, 577)))
        self.assertEqual(meta, {
            "total": 603, "count": 250, "per_page": 250, "current_page": 2,
            "total_pages": 3, "links": {
                "previous": "?include_fields=sku&page=1&limit=250",
                "current": "?include_fields=sku&page=2&limit=250",
                "next": "?include_fields=sku&page=3&limit=250"}})

    def test_ends(self):
        ids, meta = self.page("?page=3&limit=250")
        self.assertEqual(len(ids), 103)
        self.assertNotIn("next", meta["links"])
        ids, meta = self.page("?limit=250")
        self.assertNotIn("previous", meta["links"])
        ids, meta = self.page("?page=9&limit=250")
        self.assertEqual((ids, meta["count"], meta["total"]), ([], 0, 603))

    def test_default_size(self):
        ids, meta = self.page("")
        self.assertEqual((len(ids), meta["per_page"]), (50, 50))

    def test_too_large_a_size(self):
        ids, meta = self.page("?limit=251")
        self.assertEqual((len(ids), meta["per_page"]), (250, 250))
        self.set(over_limit="refuse")
        self.refused(413, "GET", PRODUCTS + "?limit=251")
        self.set(max_limit=100)
        self.refused(413, "GET", PRODUCTS + "?limit=101")

    def test_nothing_found(self):
        ids, meta = self.page("?name=nothing")
        self.assertEqual((ids, meta["total"], meta["total_pages"]),
                         ([], 0, 0))

    def test_every_record_once(self):
        for query in ("", "&sort=name", "&direction=desc", "&type=physical"):
            seen = []
            for number in range(1, 8):
                seen += self.page("?limit=100&page=%d&include_fields=id%s"
                                  % (number, query))[0]
            self.assertEqual(sorted(seen), list(range(77, 680)))

    def test_by_keys(self):
        last, seen = 0, []
        while True:
            ids, meta = self.page("?limit=250&id:greater=%d" % last)
            if not ids:
                break
            seen += ids
            last = ids[-1]
        self.assertEqual(seen, list(range(77, 680)))

    def test_options_cut_the_page(self):
        ids, meta = self.page("?limit=250&include=options")
        self.assertEqual((len(ids), meta["per_page"]), (10, 10))


class Choice(StoreCase):
    ALWAYS = {"id", "gift_wrapping_options_type",
              "gift_wrapping_options_list"}

    def fields(self, query):
        return set(self.ok("GET", PRODUCTS + query).data[0])

    def test_fields(self):
        key = self.product()["id"]
        everything = self.fields("")
        self.assertEqual(self.fields("?include_fields=name,price"),
                         {"name", "price"} | self.ALWAYS)
        self.assertEqual(self.fields("?exclude_fields=name,id"),
                         everything - {"name"})
        self.assertEqual(
            self.fields("?include_fields=name,sku&exclude_fields=sku"),
            {"name"} | self.ALWAYS)
        shown = self.ok("GET", "%s/%d?include_fields=calculated_price,"
                        "custom_url" % (PRODUCTS, key)).data
        self.assertEqual(set(shown),
                         {"calculated_price", "custom_url"} | self.ALWAYS)

    def test_sub_resources(self):
        key = self.product(sku="s", price=3)["id"]
        self.ok("PUT", PRODUCTS + "/channel-assignments",
                [{"product_id": key, "channel_id": 1}], 204)
        shown = self.ok("GET", "%s/%d?include=variants,images,channels"
                        % (PRODUCTS, key)).data
        self.assertEqual(shown["images"], [])
        self.assertEqual(shown["channels"], [1])
        self.assertEqual(shown["variants"][0]["id"],
                         shown["base_variant_id"])


class BrandLists(StoreCase):
    def test_filters(self):
        a, b, c = [self.brand(n, page_title=t)["id"] for n, t in (
            ("Nordic", "x"), ("South", "y"), ("nord", "x"))]
        for query, expected in (
                ("", [a, b, c]), ("?id=%d" % b, [b]), ("?id:in=%d,%d"
                                                       % (c, a), [a, c]),
                ("?id:not_in=%d" % b, [a, c]), ("?id:min=%d" % b, [b, c]),
                ("?id:max=%d" % b, [a, b]), ("?id:greater=%d" % b, [c]),
                ("?id:less=%d" % b, [a]), ("?name=Nordic", [a]),
                ("?name=nordic", []), ("?name:like=NORD", [a, c]),
                ("?page_title=x", [a, c]), ("?sort=name", [c, a, b]),
                ("?sort=name&direction=desc", [b, a, c]),
                ("?page=2&limit=2", [c])):
            self.assertEqual(self.ids(query, BRANDS), expected, query)
        self.assertEqual(self.refused(
            422, "GET", BRANDS + "?name:in=a,b"), ["name:in"])
        self.assertEqual(self.refused(
            422, "GET", BRANDS + "?sort=id"), ["sort"])

    def test_fields(self):
        key = self.brand()["id"]
        self.assertEqual(self.ok(
            "GET", "%s/%d?include_fields=name" % (BRANDS, key)).data,
            {"id": key, "name": "Nordic"})


class Exactness(StoreCase):
    def test_filter_and_order_do_not_go_through_floats(self):
        for number, text in enumerate(("9007199254740993.0001",
                                       "9007199254740993.0002")):
            self.control.seed("products", [{"name": "p%d" % number,
                                            "price": text}])
        found = self.ok("GET", PRODUCTS
                        + "?price=9007199254740993.0002").data
        self.assertEqual([p["price"] for p in found],
                         [Decimal("9007199254740993.0002")])
        self.assertEqual(
            [p["name"] for p in self.ok(
                "GET", PRODUCTS + "?sort=price&direction=desc").data],
            ["p1", "p0"])


if __name__ == "__main__":
    unittest.main()
