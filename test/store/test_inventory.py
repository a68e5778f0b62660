"""Adjustments of stock: bodies, what items mean, what is stored."""

import unittest

from harness import ABSOLUTE, RELATIVE, InventoryCase

PRODUCTS = "/catalog/products"
MOST = 2147483647
TWO = [{"id": 1}, {"id": 2, "code": "WEST"}]


class Body(InventoryCase):
    def fields(self, item, path=ABSOLUTE):
        method = "PUT" if path == ABSOLUTE else "POST"
        return self.refused(422, method, path, {"items": [item]})

    def test_reply_has_a_transaction_and_nothing_else(self):
        first, second = self.put(self.item()), self.put(self.item())
        for answer in (first, second):
            self.assertEqual(list(answer.json), ["transaction_id"])
            self.assertRegex(answer.json["transaction_id"], r"^\d+$")
        self.assertNotEqual(first.raw, second.raw)

    def test_reason_is_optional_text(self):
        body = {"reason": "count", "items": [self.item()]}
        self.ok("PUT", ABSOLUTE, body)
        for bad in (None, 5, []):
            self.assertEqual(self.refused(
                422, "PUT", ABSOLUTE, dict(body, reason=bad)), ["reason"])

    def test_shape(self):
        self.refused(400, "PUT", ABSOLUTE, [self.item()])
        self.refused(400, "PUT", ABSOLUTE, "{")
        for body in ({}, {"items": []}, {"items": None}, {"items": {}}):
            self.assertEqual(self.refused(422, "PUT", ABSOLUTE, body),
                             ["items"])
        self.assertEqual(self.fields(5), ["items.0"])
        self.assertEqual(self.fields(None), ["items.0"])
        self.assertEqual(self.refused(422, "PUT", ABSOLUTE, {
            "items": [self.item()], "location_id": 1}), ["location_id"])

    def test_method(self):
        for method, path in (("POST", ABSOLUTE), ("PUT", RELATIVE),
                             ("GET", ABSOLUTE), ("DELETE", RELATIVE)):
            self.assertEqual(self.api(
                method, path, {"items": []} if method in ("POST", "PUT")
                else None).status, 405)

    def test_required_members(self):
        for name, member in (("location_id", "items.0.location_id"),
                             ("quantity", "items.0.quantity"),
                             ("product_id", "items.0.identity")):
            item = self.item()
            del item[name]
            for path in (ABSOLUTE, RELATIVE):
                self.assertEqual(self.fields(item, path), [member])

    def test_exactly_one_identity(self):
        for more in ({"sku": "s0"}, {"variant_id": 5},
                     {"sku": "s0", "variant_id": 5}, {"sku": None}):
            self.assertIn("items.0.identity",
                          self.fields(self.item(**more)))

    def test_unknown_members(self):
        for name in ("qty_backordered", "reason", "id", "product"):
            self.assertEqual(self.fields(self.item(**{name: 1})),
                             ["items.0." + name])
        self.set(unknown_fields="ignore")
        self.put(self.item(id=1))

    def test_types(self):
        for name, values in (
                ("quantity", ("5", None, True, 5.5, 5.0, [], {})),
                ("location_id", ("1", None, True, 1.5, 0, -1)),
                ("product_id", ("77", None, False, 77.5, 0, -1)),
                ("variant_id", ("77", None, 0)), ("sku", (5, None, "", "\0",
                                                          "x" * 256))):
            for value in values:
                item = self.item()
                if name in ("sku", "variant_id"):
                    del item["product_id"]
                item[name] = value
                self.assertEqual(self.fields(item), ["items.0." + name],
                                 value)
        self.assertEqual(self.levels(), [0, 0, 0])

    def test_every_bad_member_is_named(self):
        self.assertEqual(self.refused(422, "PUT", ABSOLUTE, {"items": [
            self.item(), self.item(quantity="x"),
            {"quantity": 1, "sku": "s1"}]}),
            ["items.1.quantity", "items.2.location_id"])
        self.set(adjustment_errors="none")
        self.assertEqual(self.fields(self.item(quantity="x")), [])

    def test_most_items(self):
        items = [self.item(location=n) for n in range(1, 2002)]
        self.assertEqual(
            self.no(*items, status=413), "The request payload is too large. "
            "The maximum items allowed in the array is 2000.")
        self.set(adjustment_batch_status=422)
        self.no(*items)
        self.set(adjustment_batch=2, adjustment_batch_status=413)
        self.no(*map(self.item, range(3)), status=413)
        self.put(*map(self.item, range(2)))

    def test_two_thousand_items(self):
        self.control.post("/seed", {
            "kind": "products", "count": 2000, "template": {
                "name": "n{n}", "inventory_tracking": "product"}})
        keys = [p["id"] for p in self.control.state("products")][3:]
        self.put(*[{"location_id": 1, "product_id": key, "quantity": key}
                   for key in keys])
        self.assertEqual(self.levels()[3:], keys)

    def test_scope(self):
        self.set(scopes=["store_v2_products"])
        for method, path in (("PUT", ABSOLUTE), ("POST", RELATIVE)):
            self.assertEqual(self.api(method, path, {
                "items": [self.item()]}).status, 403)
        self.assertEqual(self.api("GET", "/inventory/items").status, 403)
        self.set(scopes=["store_inventory_read_only"])
        self.ok("GET", "/inventory/items")
        self.assertEqual(self.api("PUT", ABSOLUTE, {
            "items": [self.item()]}).status, 403)
        self.assertEqual(self.levels(), [0, 0, 0])

    def test_journal_and_counts(self):
        self.put(self.item(0), self.item(2))
        self.no(self.item(0, quantity=9), self.item(1, product_id=4))
        entries = self.control.journal(method="PUT")
        self.assertEqual([e["endpoint"] for e in entries],
                         ["PUT " + ABSOLUTE] * 2)
        self.assertEqual([e["changed"] for e in entries], [
            [["stock", self.keys[0]], ["stock", self.keys[2]]], []])
        self.assertEqual(self.control.counts()["requests"]["PUT " + ABSOLUTE],
                         {"200": 1, "422": 1})


class Identity(InventoryCase):
    def variant(self, which=0):
        return self.ok("GET", "%s/%d" % (PRODUCTS, self.keys[which])).data[
            "base_variant_id"]

    def track(self, how):
        self.ok("PUT", "%s/%d" % (PRODUCTS, self.keys[0]),
                {"inventory_tracking": how})

    def named(self, **identity):
        return dict({"location_id": 1, "quantity": 5}, **identity)

    def test_tracked_by_product(self):
        variant = self.variant()
        self.assertEqual(
            self.no(self.named(variant_id=variant)),
            "[Item with variant_id %d is tracked by product, please update "
            "stock by product id]" % variant)
        self.assertIn("sku s0 is tracked by product",
                      self.no(self.named(sku="s0")))
        self.put(self.named(product_id=self.keys[0]))
        self.assertEqual(self.levels(), [5, 0, 0])

    def test_tracked_by_variant(self):
        self.track("variant")
        self.assertEqual(
            self.no(self.named(product_id=self.keys[0])),
            "[Item with product_id %d is tracked by variant, please update "
            "stock by variant id]" % self.keys[0])
        self.put(self.named(variant_id=self.variant()))
        self.assertEqual(self.levels(), [5, 0, 0])
        self.put(dict(self.named(sku="S0"), quantity=6))
        self.assertEqual(self.levels(), [6, 0, 0])

    def test_not_tracked(self):
        self.track("none")
        for identity in ({"product_id": self.keys[0]}, {"sku": "s0"},
                         {"variant_id": self.variant()}):
            self.assertIn("is not tracked", self.no(self.named(**identity)))

    def test_unknown_item(self):
        for identity in ({"product_id": 4}, {"sku": "s"}, {"variant_id": 1},
                         {"variant_id": self.variant() + 1},
                         {"product_id": self.variant()}):
            name, value = next(iter(identity.items()))
            self.assertEqual(self.no(self.named(**identity)),
                             "[Item with %s %s was not found]" % (name, value))

    def test_unknown_location(self):
        self.assertEqual(
            self.no(self.item(location=2)),
            "[Location of item with product_id %d was not found]"
            % self.keys[0])

    def test_an_item_twice_at_one_location(self):
        self.assertIn("given twice", self.no(self.item(), self.item()))
        self.track("variant")
        self.assertIn("given twice", self.no(
            self.named(sku="s0"), self.named(variant_id=self.variant())))
        self.set(locations=TWO)
        self.put(self.item(1), self.item(1, location=2, quantity=6))
        self.assertEqual(self.levels(1), {"1": 5, "2": 6})


class AllOrNothing(InventoryCase):
    def batch(self):
        return (self.item(0), self.item(1, product_id=4),
                self.item(2, location=9), self.item(1))

    def test_atomic(self):
        self.assertEqual(self.no(*self.batch()),
                         "[Item with product_id 4 was not found]")
        self.assertEqual(self.levels(), [0, 0, 0])

    def test_prefix(self):
        self.set(adjustment_mode="prefix")
        self.no(*self.batch())
        self.assertEqual(self.levels(), [5, 0, 0])

    def test_partial(self):
        self.set(adjustment_mode="partial")
        self.no(*self.batch())
        self.assertEqual(self.levels(), [5, 5, 0])
        self.assertEqual(
            self.control.journal(method="PUT")[-1]["changed"],
            [["stock", self.keys[0]], ["stock", self.keys[1]]])

    def test_what_the_title_names_is_a_choice(self):
        self.set(adjustment_errors="all")
        self.assertEqual(
            self.no(*self.batch()), "[Item with product_id 4 was not found, "
            "Location of item with product_id %d was not found]"
            % self.keys[2])
        self.set(adjustment_errors="none")
        self.assertEqual(self.no(*self.batch()), "[Items are not valid]")

    def test_partial_on_demand(self):
        self.control.fault({"match": {"path": "absolute$"}, "times": 1,
                            "do": {"partial": {"fail": [1]}}})
        self.assertIn("product_id %d could not" % self.keys[1],
                      self.no(*map(self.item, range(3))))
        self.assertEqual(self.levels(), [5, 0, 5])
        self.put(*map(self.item, range(3)))
        self.control.fault({"match": {"path": "absolute$"}, "times": 1,
                            "do": {"partial": {"save": 1, "status": 409}}})
        self.no(*(self.item(n, 6) for n in range(3)), status=409)
        self.assertEqual(self.levels(), [6, 5, 5])

    def test_a_lost_reply(self):
        self.control.fault({"match": {"path": "absolute$"},
                            "do": {"lose": "after"}})
        with self.assertRaises(ConnectionError):
            self.put(self.item())
        self.assertEqual(self.levels(), [5, 0, 0])


class Quantity(InventoryCase):
    def test_range(self):
        self.put(self.item(quantity=MOST), self.item(1, quantity=0))
        self.assertEqual(self.levels(), [MOST, 0, 0])
        self.assertEqual(self.refused(422, "PUT", ABSOLUTE, {
            "items": [self.item(quantity=-1)]}), ["items.0.quantity"])

    def test_over_the_limit_nothing_is_stored_for_the_item(self):
        self.put(self.item(quantity=MOST + 1), self.item(1))
        self.assertEqual(self.levels(), [0, 5, 0])
        self.assertEqual(self.control.counts()["violations"],
                         {"stock_over_limit": 1})
        self.set(stock_over_limit="refuse")
        self.assertIn("exceeds", self.no(self.item(quantity=MOST + 1)))
        self.no(self.item(quantity=10 ** 30))

    def test_the_catalog_cuts(self):
        self.ok("PUT", "%s/%d" % (PRODUCTS, self.keys[0]),
                {"inventory_level": MOST + 1})
        self.assertEqual(self.levels(0), {"1": MOST})

    def test_relative(self):
        self.put(self.item(), self.item(1))
        self.add(self.item(quantity=-2), self.item(1, quantity=3))
        self.assertEqual(self.levels(), [3, 8, 0])
        self.assertIn("not enough stock", self.no(
            self.item(1, quantity=1), self.item(quantity=-4), path=RELATIVE))
        self.assertEqual(self.levels(), [3, 8, 0])
        self.add(self.item(quantity=-3), self.item(1, quantity=MOST))
        self.assertEqual(self.levels(), [0, 8, 0])

    def test_a_location_that_is_switched_off(self):
        self.set(locations=[{"id": 1}, {"id": 2, "enabled": False}])
        self.assertIn("is not enabled", self.no(self.item(location=2)))
        self.set(disabled_locations="accept")
        self.put(self.item(location=2))

    def test_relative_needs_an_absolute_one(self):
        words = ("[Items with identity: [product_id %d] requires absolute "
                 "adjustment before relative]" % self.keys[0])
        self.assertEqual(self.no(self.item(), path=RELATIVE), words)
        self.ok("PUT", "%s/%d" % (PRODUCTS, self.keys[0]),
                {"inventory_level": 4})
        self.assertEqual(self.no(self.item(), path=RELATIVE), words)
        self.set(locations=TWO)
        self.put(self.item(location=2))
        self.assertEqual(self.no(self.item(), path=RELATIVE), words)
        self.add(self.item(location=2))
        self.assertEqual(self.levels(0), {"1": 4, "2": 10})


if __name__ == "__main__":
    unittest.main()
