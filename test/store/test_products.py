"""Products: fields, rules, single writes."""

import json
import unittest
from decimal import Decimal

from harness import StoreCase

PRODUCTS = "/catalog/products"


class Create(StoreCase):
    def test_reply_has_all_fields_and_what_the_store_adds(self):
        made = self.product(sku="ST-1", price=7.5)
        self.assertEqual(made["name"], "Stool")
        self.assertEqual(made["custom_url"],
                         {"url": "/stool/", "is_customized": False})
        self.assertEqual(made["calculated_price"], Decimal("7.5"))
        self.assertIsInstance(made["base_variant_id"], int)
        self.assertRegex(made["date_created"],
                         r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")
        self.assertEqual(made["date_modified"], made["date_created"])
        self.assertNotIn("variants", made)
        self.assertGreater(len(made), 60)
        again = self.ok("GET", "%s/%d" % (PRODUCTS, made["id"])).data
        self.assertEqual(again, made)

    def test_required_fields(self):
        self.assertEqual(self.refused(422, "POST", PRODUCTS, {}),
                         ["name", "price", "type", "weight"])

    def test_categories_may_be_required(self):
        self.set(require_categories=True)
        body = {"name": "a", "type": "digital", "price": 1, "weight": 0}
        self.assertEqual(self.refused(422, "POST", PRODUCTS, body),
                         ["categories"])

    def test_one_product_per_call(self):
        self.refused(400, "POST", PRODUCTS, [{"name": "a"}])

    def test_unknown_read_only_and_not_simulated_fields(self):
        body = {"name": "a", "type": "digital", "price": 1, "weight": 0,
                "colour": "red", "id": 5, "calculated_price": 1,
                "date_modified": "2020-01-01T00:00:00Z"}
        self.assertEqual(
            self.refused(422, "POST", PRODUCTS, body),
            ["calculated_price", "colour", "date_modified", "id"])

    def test_unknown_fields_may_be_ignored(self):
        self.set(unknown_fields="ignore")
        self.assertNotIn("colour", self.product(colour="red"))

    def test_brand_by_name_is_found_or_made(self):
        brand = self.brand("Nordic")
        self.assertEqual(self.product(brand_name="nORDIC")["brand_id"],
                         brand["id"])
        made = self.product("Other", brand_name="New")
        self.assertNotIn("brand_name", made)
        self.assertEqual(
            self.ids("?name=New", "/catalog/brands"), [made["brand_id"]])
        entry = self.control.journal(method="POST")[-1]
        self.assertEqual(entry["created"], [["brand", made["brand_id"]],
                                            ["product", made["id"]]])

    def test_brand_id_and_brand_name_together(self):
        key = self.brand()["id"]
        body = {"name": "a", "type": "digital", "price": 1, "weight": 0,
                "brand_id": key, "brand_name": "x"}
        self.assertEqual(self.refused(422, "POST", PRODUCTS, body),
                         ["brand_name"])

    def test_unusable_url_gives_207_with_an_array(self):
        answer = self.ok("POST", PRODUCTS, {
            "name": "Stool", "type": "physical", "price": 1, "weight": 1,
            "custom_url": {"url": "/st\u00fchle/"}}, status=207)
        self.assertEqual(answer.data[0]["custom_url"]["url"], "/stool/")
        self.assertEqual(list(self.errors_of(answer)), ["custom_url"])
        self.assertEqual(len(self.control.state("products")), 1)

    def test_generated_urls_do_not_clash(self):
        self.product("Oak stool")
        self.assertEqual(self.product("Oak-stool!")["custom_url"]["url"],
                         "/oak-stool-1/")


class Fields(StoreCase):
    def bad(self, **fields):
        body = dict({"name": "a", "type": "physical", "price": 1,
                     "weight": 1}, **fields)
        self.assertEqual(self.refused(422, "POST", PRODUCTS, body),
                         sorted(fields), fields)

    def test_lengths(self):
        for field, most in (("name", 250), ("sku", 255), ("upc", 14),
                            ("gtin", 14), ("page_title", 255),
                            ("price_hidden_label", 200),
                            ("layout_file", 500), ("warranty", 65535),
                            ("meta_description", 65535),
                            ("availability_description", 255)):
            self.bad(**{field: "x" * (most + 1)})
            self.control.reset(["catalog"])
            self.product(**{field: "x" * most})
        self.bad(name="")

    def test_length_counts_characters_not_bytes(self):
        self.product("\u20ac" * 250)
        self.bad(name="\U0001f600" * 251)

    def test_types(self):
        for field, value in (
                ("name", 5), ("price", "1.5"), ("price", True),
                ("price", None), ("weight", [1]), ("is_visible", "true"),
                ("is_visible", 1), ("brand_id", "5"), ("brand_id", 5.5),
                ("categories", 5), ("categories", ["a"]),
                ("categories", [True]), ("meta_keywords", "a,b"),
                ("inventory_level", 1.5), ("custom_url", "/a/"),
                ("sort_order", False), ("description", None),
                ("preorder_release_date", "soon"),
                ("custom_url", {"path": "/a/"})):
            self.bad(**{field: value})

    def test_enumerations(self):
        for field in ("type", "availability", "condition",
                      "inventory_tracking", "open_graph_type",
                      "gift_wrapping_options_type"):
            self.bad(**{field: "other"})
        self.bad(condition="new")

    def test_ranges(self):
        for field, value in (
                ("price", -1), ("price", -0.00001), ("sale_price", -1),
                ("price", 10 ** 17), ("weight", 10 ** 10),
                ("tax_class_id", 256), ("brand_id", 10 ** 9 + 1),
                ("inventory_level", -1), ("sort_order", 2 ** 31),
                ("order_quantity_minimum", 10 ** 9 + 1),
                ("categories", list(range(1, 1002)))):
            self.bad(**{field: value})

    def test_map_price_has_no_bounds(self):
        self.assertEqual(self.product(map_price=-2)["map_price"], -2)

    def test_stock_is_clamped(self):
        self.assertEqual(
            self.product(inventory_level=2 ** 40)["inventory_level"],
            2 ** 31 - 1)

    def test_stock_may_need_tracking(self):
        self.set(needs_tracking=True)
        made = self.product(inventory_level=5)
        self.assertEqual(made["inventory_level"], 0)
        path = "%s/%d" % (PRODUCTS, made["id"])
        self.ok("PUT", path, {"inventory_tracking": "product"})
        self.assertEqual(
            self.ok("PUT", path, {"inventory_level": 5}).data[
                "inventory_level"], 5)

    def test_a_null_price_may_mean_zero(self):
        key = self.product(sale_price=3)["id"]
        path = "%s/%d" % (PRODUCTS, key)
        self.refused(422, "PUT", path, {"sale_price": None})
        self.set(null_prices=True)
        self.assertEqual(
            self.ok("PUT", path, {"sale_price": None}).data["sale_price"], 0)

    def test_null_where_it_is_allowed(self):
        made = self.product(preorder_release_date="2030-01-01T10:00:00+02:00")
        self.assertEqual(made["preorder_release_date"],
                         "2030-01-01T08:00:00+00:00")
        self.assertIsNone(self.ok(
            "PUT", "%s/%d" % (PRODUCTS, made["id"]),
            {"preorder_release_date": None}).data["preorder_release_date"])

    def test_hidden_price_needs_a_disabled_product(self):
        self.bad(is_price_hidden=True)
        self.product(is_price_hidden=True, availability="disabled")

    def test_sku_characters_may_be_limited(self):
        self.product(sku="a.b/c")
        self.set(sku_charset=True)
        self.bad(sku="a.b/d")

    def test_null_character_and_half_surrogate(self):
        self.bad(name="a\0b")
        body = ('{"name":"\\ud800","type":"physical","price":1,"weight":1}')
        self.assertEqual(self.refused(422, "POST", PRODUCTS, body), ["name"])


class Numbers(StoreCase):
    """Digits go in and come out, no binary float between."""

    def price(self, text):
        key = self.product()["id"]
        answer = self.ok("PUT", "%s/%d?include_fields=price" % (
            PRODUCTS, key), '{"price":%s}' % text)
        self.control.remove("product", key)
        return answer.raw.split(b'"price":')[1].split(b",")[0].decode()

    def test_rounding_to_four_decimals_is_exact(self):
        for sent, kept in (
                ("1", "1"), ("1.0", "1"), ("59.90", "59.9"), ("0.1", "0.1"),
                ("10.99999", "11"), ("10.99994", "10.9999"),
                ("1.00005", "1.0001"), ("2.00015", "2.0002"),
                ("0.00004999999999999999999999", "0"),
                ("1e2", "100"), ("1.5E-3", "0.0015"), ("0.0000", "0"),
                ("-0.0", "0"), ("1E+2", "100"),
                ("9007199254740993.1234", "9007199254740993.1234"),
                ("999999999999999.9999", "999999999999999.9999")):
            self.assertEqual(self.price(sent), kept)

    def test_exponents_do_not_explode(self):
        key = self.product()["id"]
        for text in ("1e17", "1e400", "1e999999999", "1e-999999999"):
            path = "%s/%d" % (PRODUCTS, key)
            answer = self.api("PUT", path, '{"price":%s}' % text)
            self.assertEqual(answer.status,
                             200 if "-" in text else 422, text)

    def test_calculated_price_follows_the_sale_price(self):
        made = self.product(price=10, sale_price=8.5)
        self.assertEqual(made["calculated_price"], Decimal("8.5"))
        self.assertEqual(self.ok(
            "PUT", "%s/%d" % (PRODUCTS, made["id"]),
            {"sale_price": 0}).data["calculated_price"], 10)


class Keys(StoreCase):
    def clash(self, expected, **fields):
        body = dict({"name": "b", "type": "physical", "price": 1,
                     "weight": 1}, **fields)
        self.assertEqual(self.refused(409, "POST", PRODUCTS, body),
                         sorted(expected))

    def test_duplicates(self):
        self.product("a", sku="SKU-1", custom_url={"url": "/x/"})
        self.clash(["name"], name="a")
        self.clash(["sku"], sku="sku-1")
        self.clash(["custom_url"], custom_url={"url": "/x/"})
        self.clash(["name", "sku"], name="a", sku="Sku-1")
        self.product("A")
        self.product("c", sku="")
        self.product("d", sku="")

    def test_names_may_ignore_case(self):
        self.product("a")
        self.set(names_ignore_case=True)
        self.clash(["name"], name="A")
        self.assertEqual(len(self.ids("?name=A")), 1)

    def test_url_of_a_brand_or_category_is_taken_too(self):
        self.brand(custom_url={"url": "/b/"})
        self.category(url={"path": "/c/"})
        self.clash(["custom_url"], custom_url={"url": "/b/"})
        self.clash(["custom_url"], custom_url={"url": "/c/"})

    def test_url_clash_on_put(self):
        self.product("a", custom_url={"url": "/x/"})
        path = "%s/%d" % (PRODUCTS, self.product("b")["id"])
        body = {"custom_url": {"url": "/x/"}, "price": 9}
        self.assertEqual(self.refused(409, "PUT", path, body), ["custom_url"])
        self.set(url_clash_on_put=207)
        answer = self.ok("PUT", path, body, status=207)
        self.assertEqual(answer.data["price"], 9)
        self.assertEqual(answer.data["custom_url"]["url"], "/b/")

    def test_a_key_is_free_again(self):
        key = self.product("a", sku="s", custom_url={"url": "/x/"})["id"]
        self.ok("PUT", "%s/%d" % (PRODUCTS, key), {
            "name": "b", "sku": "t", "custom_url": {"url": "/y/"}})
        other = self.product("a", sku="s", custom_url={"url": "/x/"})
        self.ok("DELETE", "%s/%d" % (PRODUCTS, other["id"]), status=204)
        self.product("a", sku="s", custom_url={"url": "/x/"})

    def test_own_keys_are_no_conflict(self):
        key = self.product("a", sku="s", custom_url={"url": "/x/"})["id"]
        self.ok("PUT", "%s/%d" % (PRODUCTS, key), {
            "name": "a", "sku": "S", "custom_url": {"url": "/x/"}})

    def test_references(self):
        self.clash(["brand_id"], brand_id=99)
        self.clash(["categories"], categories=[99])
        self.product(brand_id=self.brand()["id"],
                     categories=[self.category()["category_id"]])
        self.product("c", brand_id=0, categories=[])


class Update(StoreCase):
    def test_partial_update(self):
        made = self.product(sku="s", price=5, description="x")
        changed = self.ok("PUT", "%s/%d" % (PRODUCTS, made["id"]),
                          {"price": 6}).data
        expected = dict(made, price=6, calculated_price=6,
                        date_modified=changed["date_modified"])
        self.assertEqual(changed, expected)

    def test_date_modified_moves(self):
        key = self.product()["id"]
        self.set(clock_offset_s=60)
        changed = self.ok("PUT", "%s/%d" % (PRODUCTS, key), {}).data
        self.assertGreater(changed["date_modified"], changed["date_created"])

    def test_categories_replace(self):
        a, b, c = [self.category(n)["category_id"] for n in "abc"]
        key = self.product(categories=[a, b])["id"]
        self.assertEqual(self.ok(
            "PUT", "%s/%d" % (PRODUCTS, key),
            {"categories": [c, b, c]}).data["categories"], [c, b])
        self.assertEqual(self.ids("?categories:in=%d" % a), [])

    def test_id_in_the_body_is_read_only(self):
        key = self.product()["id"]
        self.assertEqual(self.refused(
            422, "PUT", "%s/%d" % (PRODUCTS, key), {"id": key}), ["id"])

    def test_missing(self):
        self.refused(404, "PUT", PRODUCTS + "/5", {"price": 1})
        self.refused(404, "GET", PRODUCTS + "/5")
        self.refused(404, "GET", PRODUCTS + "/abc")
        self.refused(404, "GET", PRODUCTS + "/0")

    def test_include_fields_of_the_reply(self):
        key = self.product()["id"]
        answer = self.ok("PUT", "%s/%d?include_fields=price,name" % (
            PRODUCTS, key), {"price": 2})
        self.assertEqual(sorted(answer.data), [
            "gift_wrapping_options_list", "gift_wrapping_options_type", "id",
            "name", "price"])


class Summary(StoreCase):
    def test_summary(self):
        key = self.category("Big")["category_id"]
        self.product("a", price=10, inventory_level=3, categories=[key])
        self.product("b", price=2.5, inventory_level=2, categories=[key])
        shown = self.ok("GET", "/catalog/summary").data
        self.assertEqual(shown["inventory_count"], 5)
        self.assertEqual(shown["inventory_value"], 35)
        self.assertEqual(shown["variant_count"], 2)
        self.assertEqual(shown["highest_variant_price"], 10)
        self.assertEqual(shown["lowest_variant_price"], "2.5")
        self.assertEqual(shown["average_variant_price"], Decimal("6.25"))
        self.assertEqual(shown["primary_category_name"], "Big")

    def test_empty_store(self):
        shown = self.ok("GET", "/catalog/summary").data
        self.assertEqual(shown["variant_count"], 0)
        self.assertIsNone(shown["primary_category_id"])


class Text(StoreCase):
    def test_unicode_survives(self):
        name = "\u00c4\u20ac\U0001f600 \"q\" \\ / \u2028"
        key = self.product(name)["id"]
        self.assertEqual(self.ok(
            "GET", "%s/%d" % (PRODUCTS, key)).data["name"], name)
        body = json.dumps({"name": name + "2"}, ensure_ascii=False)
        self.ok("PUT", "%s/%d" % (PRODUCTS, key), body)
        self.assertEqual(self.control.state("products")[0]["name"],
                         name + "2")


if __name__ == "__main__":
    unittest.main()
