"""Variants of products, and the options that they choose from."""

import unittest

from harness import StoreCase

P = "/catalog/products"


class VariantCase(StoreCase):
    """Product 5 with options Size (S, M) and Colour (Red)."""

    def setUp(self):
        super().setUp()
        self.control.seed("products", [
            {"id": key, "name": "Item %d" % key, "sku": "P%d" % key,
             "inventory_tracking": "variant"} for key in (5, 6)])
        self.set(value_ids="stable")
        for name, labels in (("Size", "SM"), ("Colour", ["Red"])):
            self.good("POST", P + "/5/options", {
                "display_name": name, "type": "dropdown", "option_values": [
                    {"label": label, "sort_order": 0} for label in labels]})

    def good(self, method, path, body=None, status=200):
        return self.ok(method, path, body, status).json

    def no(self, status, method, path, body=None):
        """What the error says; the call is refused."""
        answer = self.api(method, path, body)
        self.assertEqual(answer.status, status, answer.raw)
        found = answer.json
        return found.get("batch_errors", [found])[0]["errors"]

    def chosen(self, *labels):
        """option_values for one label of each option."""
        options = self.good("GET", P + "/5/options")["data"]
        return [{"option_id": option["id"], "id": value["id"]}
                for option in options for value in option["option_values"]
                if value["label"] in labels]

    def body(self, sku, *labels, **more):
        return dict(more, sku=sku, product_id=5,
                    option_values=self.chosen(*labels))

    def make(self, sku, *labels, **more):
        return self.good("POST", P + "/5/variants",
                         self.body(sku, *labels, **more))["data"]


class Writing(VariantCase):
    def test_options_of_a_product(self):
        products = self.good("GET", "/catalog/products?include=options")[
            "data"]
        self.assertEqual(products[0]["options"],
                         self.good("GET", P + "/5/options")["data"])
        self.assertEqual(products[1]["options"], [])

    def test_create_names_every_option_by_ids(self):
        made = self.make("A", "S", "Red", price=3)
        self.assertEqual(made["product_id"], 5)
        self.assertEqual(
            sorted((one["option_display_name"], one["label"])
                   for one in made["option_values"]),
            [("Colour", "Red"), ("Size", "S")])
        for labels in (("S",), (), ("S", "M", "Red")):
            self.no(422, "POST", P + "/5/variants",
                         self.body("B", *labels))
        named = self.body("B")
        named["option_values"] = [
            {"option_display_name": "Size", "label": "M"}]
        self.no(422, "POST", P + "/5/variants", named)
        self.no(404, "POST", P + "/7/variants",
                     self.body("B", "M", "Red"))

    def test_number_and_option_values_are_unique(self):
        self.make("A", "S", "Red")
        for sku in ("a", "p6", "P5"):
            found = self.no(409, "POST", P + "/5/variants",
                                  self.body(sku, "M", "Red"))
            self.assertIn("in use by", found["sku"])
        self.no(409, "POST", P + "/5/variants",
                     self.body("B", "S", "Red"))
        self.set(variant_twin_status=422)
        self.no(422, "POST", P + "/5/variants",
                     self.body("B", "S", "Red"))
        self.no(409, "POST", P, {
            "name": "N", "type": "physical", "weight": 1, "price": 1,
            "sku": "A"})

    def test_batch_lacks_what_single_writes_take(self):
        key = self.make("A", "S", "Red")["id"]
        found = self.good("PUT", "/catalog/variants",
                          [{"id": key, "price": 7, "weight": None}])["data"]
        self.assertEqual((found[0]["price"], found[0]["sku"]), (7, "A"))
        for name in ("sku", "mpn", "gtin", "image_url", "product_id"):
            found = self.no(422, "PUT", "/catalog/variants",
                                  [{"id": key, "price": 8, name: "x"}])
            self.assertIn(name, found)
        self.no(422, "PUT", "/catalog/variants", [{"sku": "B"}])
        self.no(422, "PUT", "/catalog/variants", [{"id": None, "sku": "B"}])
        self.no(413, "PUT", "/catalog/variants",
                     [{"id": key, "price": 1}] * 51)
        self.good("PUT", P + "/5/variants/%d" % key, {"sku": "B", "mpn": "m"})
        self.no(422, "PUT", P + "/5/variants/%d" % key,
                     {"option_values": self.chosen("M", "Red")})
        self.no(404, "PUT", P + "/6/variants/%d" % key, {"mpn": "n"})

    def test_a_refused_batch_is_undone_or_not(self):
        key = self.make("A", "S", "Red")["id"]
        for mode, price in (("atomic", None), ("prefix", 9)):
            self.set(variant_mode=mode)
            self.no(422, "PUT", "/catalog/variants", [
                {"id": key, "price": 9}, {"id": 1, "price": 9}])
            self.assertEqual(
                self.control.state("variants")[0]["price"], price)

    def test_a_batch_creates_items_without_an_id(self):
        key = self.make("A", "S", "Red")["id"]
        made = self.body("B", "M", "Red", price=4)
        for name in ("mpn", "gtin", "image_url"):
            self.no(422, "PUT", "/catalog/variants", [dict(made, **{name: "x"})])
        for bad in ({"sku": "a"}, {"product_id": 7}, {"product_id": None},
                    {"option_values": self.chosen("S", "Red")},
                    {"option_values": []}):
            self.no(422, "PUT", "/catalog/variants", [dict(made, **bad)])
        for mode, left in (("atomic", ["A"]), ("prefix", ["A", "B"])):
            self.set(variant_mode=mode)
            self.no(422, "PUT", "/catalog/variants", [made, {"id": 1}])
            self.assertEqual([one["sku"] for one
                              in self.control.state("variants")], left)
        other = next(one["id"] for one in self.control.state("variants")
                     if one["sku"] == "B")
        self.ok("DELETE", P + "/5/variants/%d" % other, status=204)
        found = self.good("PUT", "/catalog/variants",
                          [{"id": key, "price": 9}, made])["data"]
        self.assertEqual([(one["sku"], one["price"]) for one in found],
                         [("A", 9), ("B", 4)])

    def test_what_a_batch_does_with_new_items_is_a_setting(self):
        made = self.body("B", "M", "Red", price=4)
        for how, status in (("refuse", 422), ("missing", 404)):
            self.set(variant_create=how)
            self.no(status, "PUT", "/catalog/variants", [made])
        for how, shown in (("ignore", []), ("echo", [made])):
            self.set(variant_create=how)
            self.assertEqual(self.good("PUT", "/catalog/variants",
                                       [made])["data"], shown)
        self.assertEqual(self.control.state("variants"), [])
        self.set(variant_create="unnamed")
        self.assertEqual(self.good("PUT", "/catalog/variants",
                                   [made])["data"], [])
        self.assertEqual([one["price"] for one
                          in self.control.state("variants")], [4])
        self.set(variant_create="drop")
        found = self.good("PUT", "/catalog/variants",
                          [self.body("C", "S", "Red", price=4)])["data"]
        self.assertEqual([one["price"] for one in found], [None])

    def test_delete_and_a_product_that_goes(self):
        key = self.make("A", "S", "Red")["id"]
        self.make("B", "M", "Red")
        self.ok("DELETE", P + "/5/variants/%d" % key, status=204)
        self.no(404, "DELETE", P + "/5/variants/%d" % key)
        self.ok("DELETE", P + "/5", status=204)
        self.assertEqual(self.control.state("variants"), [])
        self.assertEqual(self.control.state("options"), {})

    def test_most_variants(self):
        self.set(most_variants=1)
        self.make("A", "S", "Red")
        self.no(422, "POST", P + "/5/variants",
                     self.body("B", "M", "Red"))

    def test_stock_is_by_variant(self):
        key = self.make("A", "S", "Red", inventory_level=2)["id"]
        item = {"location_id": 1, "quantity": 8}
        self.good("PUT", "/inventory/adjustments/absolute", {
            "reason": "", "items": [dict(item, variant_id=key)]})
        self.assertEqual(
            self.control.state("variants")[0]["inventory_level"], 8)
        self.no(422, "PUT", "/inventory/adjustments/absolute", {
            "reason": "", "items": [dict(item, product_id=5)]})


class Reading(VariantCase):
    def test_lists_have_the_products_themselves(self):
        key = self.make("A", "S", "Red")["id"]
        found = self.good("GET", "/catalog/variants")["data"]
        self.assertEqual([one["product_id"] for one in found], [5, 6])
        self.assertEqual((found[0]["id"], found[1]["option_values"]),
                         (key, []))
        self.assertEqual(found[1]["sku"], "P6")
        found = self.good(
            "GET", "/catalog/variants?product_id:in=6,7&limit=1")["data"]
        self.assertEqual([one["sku"] for one in found], ["P6"])

    def test_sku_is_matched_as_it_is_written(self):
        self.make("A", "S", "Red")
        path = "/catalog/variants?sku="
        self.assertEqual(len(self.good("GET", path + "A")["data"]), 1)
        self.assertEqual(self.good("GET", path + "a")["data"], [])
        self.set(variant_sku_exact=False)
        self.assertEqual(len(self.good("GET", path + "a")["data"]), 1)

    def test_there_is_no_filter_by_several_ids(self):
        for name in ("id:in", "sku:in", "id:greater"):
            answer = self.api("GET", "/catalog/variants?%s=1" % name)
            self.assertNotEqual(answer.status, 200)


class Options(VariantCase):
    def test_names_and_labels_are_there_once(self):
        body = {"display_name": "size", "type": "dropdown",
                "option_values": [{"label": "X", "sort_order": 0}]}
        self.no(409, "POST", P + "/5/options", body)
        body["display_name"] = "Length"
        self.no(422, "POST", P + "/5/options",
                     dict(body, option_values=[]))
        self.no(422, "POST", P + "/5/options", dict(body, type="none"))
        self.good("POST", P + "/5/options", body)
        size = self.good("GET", P + "/5/options")["data"][0]["id"]
        path = P + "/5/options/%d/values" % size
        self.no(422, "POST", path, {"label": "s", "sort_order": 1})
        self.no(422, "POST", path, {"label": "L"})
        self.good("POST", path, {"label": "L", "sort_order": 1})
        self.set(most_values=3)
        self.no(422, "POST", path, {"label": "XL", "sort_order": 1})
        self.no(404, "POST", P + "/5/options/9/values",
                     {"label": "XL", "sort_order": 1})

    def test_lists_of_products_show_options_or_less(self):
        def shown(how):
            self.set(options_shown=how)
            return self.good("GET", P + "?id:in=5&include=options"
                             "&include_fields=id")["data"][0].get("options")
        whole = self.good("GET", P + "/5/options")["data"]
        self.assertEqual(shown("all"), whole)
        self.assertIsNone(shown("none"))
        self.assertEqual([one["display_name"] for one in shown("bare")],
                         [one["display_name"] for one in whole])
        self.assertNotIn("option_values", shown("bare")[0])
        self.assertEqual(shown("some")[0]["option_values"],
                         whole[0]["option_values"][:1])
        self.set(options_shown="refuse")
        self.no(422, "GET", P + "?id:in=5&include=options")
        self.good("GET", P + "?id:in=5")
        self.set(options_page=1)
        self.assertEqual(self.good("GET", P + "?limit=250&include=modifiers")[
            "meta"]["pagination"]["per_page"], 1)

    def test_ids_of_values_may_change_with_every_write(self):
        key = self.make("A", "S", "Red")["id"]
        before = self.chosen("S", "Red")
        self.set(value_ids="change")
        size = self.good("GET", P + "/5/options")["data"][0]["id"]
        self.good("POST", P + "/5/options/%d/values" % size,
                  {"label": "L", "sort_order": 1})
        after = self.chosen("S", "Red")
        self.assertNotEqual(before, after)
        shown = self.good("GET", P + "/5/variants/%d" % key)["data"]
        self.assertEqual(sorted(one["id"] for one in shown["option_values"]),
                         sorted(one["id"] for one in after))


class NestedInANewProduct(StoreCase):
    def post(self, status, *items, **more):
        body = dict({"name": "N", "type": "physical", "weight": 1, "price": 1},
                    variants=list(items), **more)
        answer = self.api("POST", P, body)
        self.assertEqual(answer.status, status, answer.raw)
        return answer.json

    def item(self, sku, *labels, **more):
        return dict(more, sku=sku, option_values=[
            {"option_display_name": "Option %d" % n, "label": label}
            for n, label in enumerate(labels)])

    def test_they_are_made_with_their_options(self):
        made = self.post(200, self.item("A", "S", "Red", price=3),
                         self.item("B", "s", "Blue"))["data"]
        self.assertNotIn("variants", made)
        self.assertIsNone(made["base_variant_id"])
        shown = self.ok("GET", P + "/%d?include=variants" % made["id"]).json
        self.assertEqual([
            (one["sku"], sorted(v["label"] for v in one["option_values"]))
            for one in shown["data"]["variants"]],
            [("A", ["Red", "S"]), ("B", ["Blue", "S"])])
        self.set(variants_in_reply=True)
        body = {"name": "M", "type": "physical", "weight": 1, "price": 1,
                "variants": [self.item("C", "S")]}
        again = self.ok("POST", P, body).json["data"]
        self.assertEqual(again["variants"][0]["sku"], "C")

    def test_a_bad_one_refuses_the_product(self):
        self.ok("POST", P, {"name": "X", "type": "physical", "weight": 1,
                            "price": 1, "sku": "taken"})
        for status, items in (
                (422, [{"sku": "A"}]), (422, [self.item("A")]),
                (422, [self.item("A", "S"), self.item("B", "S", "Red")]),
                (422, [dict(self.item("A", "S"), id=1)]),
                (422, [dict(self.item("A", "S"), option_values=[
                    {"id": 1, "option_id": 2}])]),
                (422, [dict(self.item("A", "S"), strange=1)]),
                (409, [self.item("A", "S"), self.item("B", "s")]),
                (409, [self.item("A", "S"), self.item("a", "M")]),
                (409, [self.item("TAKEN", "S")])):
            self.post(status, *items)
        self.post(409, self.item("own", "S"), sku="OWN")
        self.set(most_variants=1, sku_charset=True)
        self.post(422, self.item("A", "S"), self.item("B", "M"))
        self.post(422, self.item("A (1)", "S"))
        self.assertEqual(len(self.control.state("products")), 1)
        self.assertEqual(self.control.state("variants"), [])

    def test_a_product_that_exists_has_no_such_member(self):
        made = self.post(200, self.item("A", "S"))["data"]
        answer = self.api("PUT", P, [{"id": made["id"], "variants": []}])
        self.assertEqual(answer.status, 422)


if __name__ == "__main__":
    unittest.main()
