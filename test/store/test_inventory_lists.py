"""Levels and locations as lists; adjustments beside other writes."""

import unittest

from control import ControlError
from harness import ABSOLUTE, RELATIVE, InventoryCase, until

PRODUCTS = "/catalog/products"
ITEMS = "/inventory/items"
LOCATIONS = "/inventory/locations"
MORE = [{"id": 1, "code": "MAIN", "label": "Main"},
        {"id": 2, "code": "WEST", "label": "West", "enabled": False}]


class Levels(InventoryCase):
    def setUp(self):
        super().setUp()
        self.set(locations=MORE, disabled_locations="accept")
        self.put(self.item(0, 5), self.item(0, 7, 2), self.item(1, 2, 2))

    def products(self, query="", path=ITEMS):
        return [one["identity"]["product_id"]
                for one in self.ok("GET", path + query).data]

    def test_variants_are_items_in_place_of_their_product(self):
        path = "%s/%d" % (PRODUCTS, self.keys[0])
        self.ok("PUT", path, {"inventory_tracking": "variant"})
        option = self.ok("POST", path + "/options", {
            "display_name": "Size", "type": "dropdown",
            "option_values": [{"label": "S", "sort_order": 0},
                              {"label": "M", "sort_order": 1}]}).data
        made = [self.ok("POST", path + "/variants", {
            "product_id": self.keys[0], "sku": "V" + one["label"],
            "option_values": [
                {"option_id": option["id"], "id": one["id"]}]}).data["id"]
                for one in option["option_values"]]
        self.put({"location_id": 2, "variant_id": made[1], "quantity": 4})
        for query, found in (
                ("", [None, None] + made), ("?sku:in=vm", made[1:]),
                ("?variant_id:in=%d,7" % made[0], made[:1]),
                ("?product_id:in=%d" % self.keys[0], made)):
            items = self.ok("GET", ITEMS + query).data
            self.assertEqual([
                one["identity"]["variant_id"]
                if one["identity"]["product_id"] == self.keys[0] else None
                for one in items], found, query)
        self.assertEqual([one["total_inventory_onhand"]
                          for one in items[-1]["locations"]], [0, 4])

    def test_item(self):
        shown = self.ok("GET", ITEMS).data[0]
        product = self.ok("GET", "%s/%d" % (PRODUCTS, self.keys[0])).data
        settings = {"safety_stock": 0, "is_in_stock": True,
                    "warning_level": 0, "bin_picking_number": ""}
        self.assertEqual(shown, {
            "identity": {"sku": "s0", "product_id": self.keys[0],
                         "variant_id": product["base_variant_id"],
                         "sku_id": None},
            "locations": [
                {"location_id": 1, "location_code": "MAIN",
                 "location_name": "Main", "location_enabled": True,
                 "available_to_sell": 5, "total_inventory_onhand": 5,
                 "settings": settings},
                {"location_id": 2, "location_code": "WEST",
                 "location_name": "West", "location_enabled": False,
                 "available_to_sell": 7, "total_inventory_onhand": 7,
                 "settings": settings}]})

    def test_every_location_is_listed(self):
        self.assertEqual(
            [[place["total_inventory_onhand"] for place in one["locations"]]
             for one in self.ok("GET", ITEMS).data],
            [[5, 7], [0, 2], [0, 0]])

    def test_only_tracked_items(self):
        for key, how in zip(self.keys, ("none", "variant", "product")):
            self.ok("PUT", "%s/%d" % (PRODUCTS, key),
                    {"inventory_tracking": how})
        for path in (ITEMS, LOCATIONS + "/1/items"):
            self.assertEqual(self.products(path=path), self.keys[1:])
            self.assertEqual(self.products("?product_id:in=%d" % self.keys[0],
                                           path), [])

    def test_filters(self):
        variants = [self.ok("GET", "%s/%d" % (PRODUCTS, key)).data[
            "base_variant_id"] for key in self.keys]
        for path in (ITEMS, LOCATIONS + "/2/items"):
            for query, wanted in (
                    ("?sku:in=s0,S2,none", [0, 2]),
                    ("?product_id:in=%d,4" % self.keys[1], [1]),
                    ("?variant_id:in=%d,%d,%d" % (
                        variants[2], variants[0], variants[0] + 1), [0, 2]),
                    ("?sku:in=s0&product_id:in=%d" % self.keys[1], [])):
                self.assertEqual(self.products(query, path),
                                 [self.keys[n] for n in wanted], query)

    def test_locations_of_the_items(self):
        for query, wanted in (("location_id:in=2,3", [2]),
                              ("location_code:in=MAIN,WEST", [1, 2]),
                              ("location_code:in=WEST&location_id:in=1", None),
                              ("location_id:in=3", None)):
            data = self.ok("GET", ITEMS + "?" + query).data
            self.assertEqual(len(data), 3 if wanted else 0)
            for one in data:
                self.assertEqual([place["location_id"] for place
                                  in one["locations"]], wanted)

    def test_unknown_parameters(self):
        for path, name in ((ITEMS, "id:in"), (ITEMS, "sku"),
                           (LOCATIONS + "/1/items", "location_id:in"),
                           (LOCATIONS, "id:in"), (LOCATIONS, "code")):
            self.assertEqual(self.refused(
                422, "GET", "%s?%s=1" % (path, name)), [name])
        self.assertEqual(self.refused(
            422, "GET", ITEMS + "?product_id:in=x"), ["product_id:in"])

    def test_one_location(self):
        shown = self.ok("GET", LOCATIONS + "/2/items?sku:in=s0").data[0]
        self.assertEqual(sorted(shown), [
            "available_to_sell", "identity", "settings",
            "total_inventory_onhand"])
        self.assertEqual(shown["total_inventory_onhand"], 7)
        self.assertEqual(sorted(shown["identity"]),
                         ["product_id", "sku", "variant_id"])

    def test_unknown_location(self):
        answer = self.api("GET", LOCATIONS + "/3/items")
        self.assertEqual((answer.status, answer.headers["content-type"]),
                         (404, "application/problem+json"))
        self.refused(404, "GET", LOCATIONS + "/0/items")


    def settings(self, *items, status=422):
        return self.refused(status, "PUT", LOCATIONS + "/1/items",
                            {"settings": list(items)})

    def test_settings_are_written(self):
        identity = {"product_id": self.keys[0]}
        self.ok("PUT", LOCATIONS + "/1/items", {"settings": [
            {"identity": identity, "safety_stock": 2, "warning_level": 5,
             "bin_picking_number": "A1"}]})
        self.ok("PUT", LOCATIONS + "/1/items", {"settings": [
            {"identity": identity, "warning_level": 6}]})
        shown = self.ok("GET", ITEMS).data[0]["locations"][0]["settings"]
        self.assertEqual((shown["safety_stock"], shown["warning_level"],
                          shown["bin_picking_number"]), (2, 6, "A1"))
        for bad in ({"bin_picking_number": "A1"}, {"safety_stock": -1},
                    {"warning_level": 1.5}, {}, {"quantity": 1}):
            self.assertEqual(self.settings(dict(bad, identity=identity)),
                             ["setting.0.settings"])
        self.settings({"safety_stock": 1})
        self.settings({"safety_stock": 1, "identity": {"product_id": 1,
                                                       "sku": "a"}})
        self.settings(status=413)

    def test_settings_of_the_product_at_the_default_location(self):
        self.ok("PUT", "%s/%d" % (PRODUCTS, self.keys[0]), {
            "inventory_warning_level": 3, "bin_picking_number": "B"})
        first, second = [place["settings"] for place in self.ok(
            "GET", ITEMS).data[0]["locations"]]
        self.assertEqual((first["warning_level"], first["bin_picking_number"],
                          second["warning_level"]), (3, "B", 0))


class Pages(InventoryCase):
    def test_a_thousand_at_most(self):
        self.control.post("/seed", {
            "kind": "products", "count": 1200, "template": {
                "name": "n{n}", "inventory_tracking": "product"}})
        for path in (ITEMS, LOCATIONS + "/1/items"):
            self.assertEqual(self.ok("GET", path).meta["pagination"][
                "per_page"], 50)
            answer = self.ok("GET", path + "?limit=1001&page=2")
            self.assertEqual(len(answer.data), 203)
            self.assertEqual(answer.meta["pagination"], {
                "total": 1203, "count": 203, "per_page": 1000,
                "current_page": 2, "total_pages": 2, "links": {
                    "previous": "?page=1&limit=1000",
                    "current": "?page=2&limit=1000"}})
        self.set(over_limit="refuse")
        answer = self.api("GET", ITEMS + "?limit=1001")
        self.assertEqual((answer.status, answer.headers["content-type"]),
                         (413, "application/problem+json"))
        self.set(inventory_limit=2)
        self.refused(413, "GET", ITEMS + "?limit=3")
        self.ok("GET", PRODUCTS + "?limit=250")


class Locations(InventoryCase):
    def there(self, query=""):
        return [one["id"] for one in self.ok("GET", LOCATIONS + query).data]

    def test_the_default_one_has_the_id_1(self):
        shown = self.ok("GET", LOCATIONS + "?is_default=true").data
        self.assertEqual([(one["id"], one["code"], one["label"],
                           one["enabled"], one["type_id"]) for one in shown],
                         [(1, "BC-LOCATION-1", "Default location", True,
                           "PHYSICAL")])
        self.assertNotIn("is_default", shown[0])
        self.assertEqual(self.there("?is_default=false"), [])

    def test_more_by_a_setting(self):
        self.set(locations=MORE + [{"id": 9}])
        for query, wanted in (("", [1, 2, 9]), ("?is_default=false", [2, 9]),
                              ("?is_active=false", [2]),
                              ("?location_code:in=WEST,BC-LOCATION-9",
                               [2, 9]), ("?location_id:in=2,1", [1, 2]),
                              ("?type_id:in=VIRTUAL", []),
                              ("?managed_by_external_source=true", []),
                              ("?storefront_visibility=true", [1, 2, 9]),
                              ("?limit=2&page=2", [9])):
            self.assertEqual(self.there(query), wanted, query)
        self.assertEqual(self.control.state("locations")[1],
                         dict(MORE[1]))

    def test_bad_settings(self):
        for value in ([], {}, [{"id": 2}], [{"id": 1}, {"id": 1}], [5],
                      [{"code": "x"}], [{"id": 1, "name": "x"}],
                      [{"id": 1, "code": "x"}, {"id": 2, "code": "x"}],
                      [{"id": "1"}], [{"id": 1, "enabled": 1}],
                      [{"id": 1}, {"id": -1}]):
            with self.assertRaises(ControlError, msg=value):
                self.set(locations=value)
        self.assertEqual(self.there(), [1])

    def test_scope(self):
        self.set(scopes=["store_inventory"])
        self.refused(403, "GET", LOCATIONS)
        self.ok("GET", LOCATIONS + "/1/items")
        self.set(scopes=["store_locations_read_only"])
        self.ok("GET", LOCATIONS)


class Beside(InventoryCase):
    """One adjustment at a time, and none beside a write of the catalog."""

    def setUp(self):
        super().setUp()
        self.path = "%s/%d" % (PRODUCTS, self.keys[1])
        self.control.clear()

    def hold(self, method, path, body):
        """Send a request that stays in flight."""
        self.control.hold({"match": {"method": method}, "times": 1})
        waiting = self.client()
        waiting.send(method, path, body)
        until(lambda: self.control.counts()["held"] == 1)
        return waiting

    def let_go(self, waiting):
        self.control.release()
        self.assertEqual(waiting.receive().status, 200)

    def violations(self):
        return self.control.counts()["violations"]

    def test_a_second_adjustment_is_refused_and_counted(self):
        waiting = self.hold("PUT", ABSOLUTE, {"items": [self.item()]})
        for method, path in (("PUT", ABSOLUTE), ("POST", RELATIVE)):
            answer = self.api(method, path, {"items": [self.item(quantity=9)]})
            self.assertEqual(answer.status, 429)
        self.assertEqual(self.violations(), {"beside_adjustment": 2})
        self.assertEqual(self.control.counts()["throttled"],
                         {"concurrency": 2})
        self.assertEqual([e["violations"] for e in self.control.journal()],
                         [[], ["beside_adjustment"], ["beside_adjustment"]])
        self.assertEqual(self.levels(0), {"1": 5})
        self.let_go(waiting)
        self.put(self.item(quantity=9))
        self.assertEqual(self.violations(), {"beside_adjustment": 2})
        self.assertEqual(self.control.counts()["max_concurrency"][
            "PUT " + ABSOLUTE], 1)

    def test_what_becomes_of_it_is_a_choice(self):
        waiting = self.hold("PUT", ABSOLUTE, {"items": [self.item()]})
        self.set(beside_adjustment=409)
        self.no(self.item(quantity=9), status=409)
        self.set(beside_adjustment="count")
        self.put(self.item(quantity=9))
        self.assertEqual(self.violations(), {"beside_adjustment": 2})
        self.let_go(waiting)

    def test_reads_may_be_beside_it(self):
        waiting = self.hold("PUT", ABSOLUTE, {"items": [self.item()]})
        for path in (ITEMS, LOCATIONS, PRODUCTS, self.path):
            self.ok("GET", path)
        self.assertEqual(self.violations(), {})
        self.let_go(waiting)

    def test_catalog_write_beside_an_adjustment(self):
        waiting = self.hold("POST", RELATIVE, {"items": [self.item()]})
        self.ok("PUT", self.path, {"price": 3})
        self.assertEqual(self.violations(), {"beside_catalog": 1})
        self.set(beside_catalog=429)
        self.assertEqual(self.api("PUT", PRODUCTS, [
            {"id": self.keys[1], "price": 4}]).status, 429)
        self.set(beside_catalog=409)
        self.assertEqual(self.api("DELETE", self.path).status, 409)
        self.assertEqual(self.api("POST", "/catalog/trees/categories", [
            {"name": "x", "tree_id": 1}]).status, 409)
        self.assertEqual(self.violations(), {"beside_catalog": 4})
        self.assertEqual(self.ok("GET", self.path).data["price"], 3)
        self.control.release()
        waiting.receive()
        self.ok("PUT", self.path, {"price": 4})

    def test_adjustment_beside_a_catalog_write(self):
        waiting = self.hold("PUT", self.path, {"price": 3})
        self.put(self.item())
        self.assertEqual(self.violations(), {"beside_catalog": 1})
        self.set(beside_catalog=409)
        self.no(self.item(quantity=9), status=409)
        self.set(beside_catalog=429)
        self.assertEqual(self.api("PUT", ABSOLUTE, {
            "items": [self.item()]}).status, 429)
        self.assertEqual(self.levels(), [5, 0, 0])
        self.let_go(waiting)
        self.put(self.item())

    def test_catalog_writes_may_be_beside_each_other(self):
        waiting = self.hold("PUT", self.path, {"price": 3})
        self.ok("POST", PRODUCTS, {"name": "x", "type": "digital",
                                   "price": 1, "weight": 0})
        self.assertEqual(self.violations(), {})
        self.let_go(waiting)

    def test_counts_are_forgotten_with_the_journal(self):
        waiting = self.hold("PUT", self.path, {"price": 3})
        self.put(self.item())
        self.control.clear()
        self.assertEqual(self.violations(), {})
        self.put(self.item())
        self.assertEqual(self.violations(), {"beside_catalog": 1})
        self.let_go(waiting)

    def test_a_dropped_request_is_not_in_flight_any_more(self):
        waiting = self.hold("PUT", ABSOLUTE, {"items": [self.item()]})
        self.control.post("/release", {"drop": True})
        with self.assertRaises(ConnectionError):
            waiting.receive()
        self.put(self.item(quantity=6))
        self.assertEqual(self.violations(), {})


if __name__ == "__main__":
    unittest.main()
