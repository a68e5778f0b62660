"""Stock as the catalog shows and writes it, and when adjustments show."""

import unittest

from control import ControlError
from harness import RELATIVE, InventoryCase, until

PRODUCTS = "/catalog/products"
TWO = [{"id": 1}, {"id": 2, "code": "WEST"}]


class Catalog(InventoryCase):
    """What the catalog shows of stock, and what it does to it."""

    def setUp(self):
        super().setUp()
        self.set(locations=TWO)
        self.path = "%s/%d" % (PRODUCTS, self.keys[0])

    def test_the_sum_of_all_locations(self):
        self.put(self.item(quantity=5), self.item(quantity=7, location=2))
        self.assertEqual(self.catalog_level(), 12)
        self.assertEqual(self.ids("?inventory_level=12"), [self.keys[0]])
        self.put(self.item(quantity=0))
        self.assertEqual(self.catalog_level(), 7)

    def test_the_sum_has_a_limit(self):
        most = 2147483647
        self.put(self.item(quantity=most), self.item(quantity=1, location=2))
        self.assertEqual(self.catalog_level(), most)
        self.assertEqual(self.levels(0), {"1": most, "2": 1})

    def test_or_the_default_location_alone(self):
        self.put(self.item(quantity=5), self.item(quantity=7, location=2))
        self.set(catalog_level="default")
        self.assertEqual(self.catalog_level(), 5)
        self.put(self.item(quantity=1), self.item(quantity=2, location=2))
        self.assertEqual(self.catalog_level(), 1)

    def test_a_product_body_sets_the_default_location(self):
        self.put(self.item(quantity=7, location=2))
        self.assertEqual(self.ok("PUT", self.path, {
            "inventory_level": 4}).data["inventory_level"], 11)
        self.assertEqual(self.levels(0), {"1": 4, "2": 7})
        self.ok("PUT", PRODUCTS, [{"id": self.keys[0],
                                   "inventory_level": 3}])
        self.assertEqual(self.levels(0), {"1": 3, "2": 7})
        self.ok("PUT", self.path, {"price": 3})
        self.assertEqual(self.levels(0), {"1": 3, "2": 7})

    def test_level_of_a_created_product(self):
        self.product("new", inventory_level=4)
        self.assertEqual(self.levels(3), {"1": 4})
        self.put(dict(self.item(location=2), product_id=self.keys[0]))
        self.assertEqual(self.levels(0), {"1": 0, "2": 5})

    def test_a_refused_batch_leaves_the_levels(self):
        self.put(self.item(quantity=7, location=2))
        self.refused(422, "PUT", PRODUCTS, [
            {"id": self.keys[0], "inventory_level": 4},
            {"id": self.keys[1], "price": -1}])
        self.assertEqual(self.levels(0), {"1": 0, "2": 7})
        self.assertEqual(self.catalog_level(), 7)

    def test_stock_is_no_field_of_the_product(self):
        self.put(self.item())
        shown = self.ok("GET", self.path).data
        self.assertNotIn("stock", shown)
        self.assertNotIn("stock", self.control.state("products")[0])
        self.assertEqual(self.refused(422, "PUT", self.path, {"stock": 1}),
                         ["stock"])

    def test_date_modified(self):
        def date():
            return self.ok("GET", self.path).data["date_modified"]
        before = date()
        self.set(clock_offset_s=1800, stock_touches=False)
        late = self.product("late")
        self.set(clock_offset_s=3600)
        self.put(self.item())
        self.assertEqual(date(), before)
        self.assertEqual(self.ids(
            "?date_modified:min=" + late["date_modified"].replace(
                "+", "%2B")), [late["id"]])
        self.set(stock_touches=True)
        self.put(self.item())
        self.assertGreater(date(), before)
        self.assertEqual(self.ids("?date_modified:min=" + date().replace(
            "+", "%2B")), [self.keys[0]])

    def test_a_location_that_goes_takes_its_stock(self):
        self.put(self.item(quantity=5), self.item(quantity=7, location=2))
        self.set(locations=TWO[:1])
        self.assertEqual(self.catalog_level(), 5)
        self.set(locations=TWO)
        self.assertEqual(self.levels(0), {"1": 5})

    def test_a_deleted_product(self):
        self.put(self.item(location=2))
        self.ok("DELETE", self.path, status=204)
        self.assertIn("not found", self.no(self.item()))

    def test_safety_stock(self):
        self.control.seed("stock", [{
            "product_id": self.keys[0], "location_id": 1, "quantity": 9,
            "safety_stock": 4}])
        self.assertEqual(self.catalog_level(), 5)
        self.add(self.item(quantity=-5))
        self.assertIn("not enough", self.no(self.item(quantity=-1),
                                            path=RELATIVE))
        self.assertEqual(self.levels(0), {"1": 4})
        self.put(self.item(quantity=2))
        self.assertEqual(self.catalog_level(), 0)
        self.add(self.item(quantity=1))
        self.ok("PUT", self.path, {"inventory_level": 7})
        shown = self.ok("GET", "/inventory/items").data[0]["locations"][0]
        self.assertEqual(
            (shown["total_inventory_onhand"], shown["available_to_sell"],
             shown["settings"]["safety_stock"]), (7, 3, 4))

    def test_bad_seeds(self):
        good = {"product_id": self.keys[0], "location_id": 2, "quantity": 9}
        for bad in ({"product_id": 4}, {"location_id": 3}, {"quantity": -1},
                    {"quantity": "9"}, {"quantity": None}, {"id": 1},
                    {"safety_stock": -1}):
            with self.assertRaises(ControlError, msg=bad):
                self.control.seed("stock", [dict(good, **bad)])
        self.assertEqual(self.levels(0), {"1": 0})

    def test_stock_can_be_seeded(self):
        self.control.seed("stock", [{"product_id": self.keys[0],
                                     "location_id": 2, "quantity": 9}])
        self.assertEqual(self.levels(0), {"1": 0, "2": 9})
        self.add(self.item(location=2))
        self.assertEqual(self.levels(0), {"1": 0, "2": 14})


class Delay(InventoryCase):
    """The time from the 200 to what can be read."""

    def setUp(self):
        super().setUp()
        self.set(stock_delay_ms=600000)

    def test_the_old_level_can_be_read_for_a_while(self):
        self.put(self.item(), self.item(1))
        self.put(self.item(quantity=6))
        self.assertEqual(self.levels(), [0, 0, 0])
        self.assertEqual([one["waiting"] for one in
                          self.control.state("stock")], [2, 1, 0])
        self.assertEqual(self.catalog_level(), 0)
        self.control.post("/settle")
        self.assertEqual(self.levels(), [6, 5, 0])
        self.assertEqual(self.catalog_level(), 6)

    def test_it_ends_by_itself(self):
        self.set(stock_delay_ms=1)
        self.put(self.item())
        until(lambda: self.catalog_level() == 5)

    def test_a_product_body_comes_after_what_waits(self):
        self.put(self.item())
        self.ok("PUT", "%s/%d" % (PRODUCTS, self.keys[0]),
                {"inventory_level": 3})
        self.control.post("/settle")
        self.assertEqual(self.levels(), [3, 0, 0])

    def test_requests_keep_their_order(self):
        self.put(self.item(quantity=5))
        self.set(stock_delay_ms=0)
        self.put(self.item(quantity=6))
        self.control.post("/settle")
        self.assertEqual(self.levels(), [6, 0, 0])

    def test_relative_uses_the_level_that_can_be_read(self):
        self.put(self.item(quantity=5))
        self.control.post("/settle")
        self.put(self.item(quantity=50))
        self.add(self.item(quantity=1))
        self.control.post("/settle")
        self.assertEqual(self.levels(), [6, 0, 0])

    def test_an_absolute_one_that_waits_was_made(self):
        self.assertEqual(self.no(self.item(), path=RELATIVE)[:6], "[Items")
        self.put(self.item())
        self.add(self.item(quantity=2))
        self.control.post("/settle")
        self.assertEqual(self.levels(), [2, 0, 0])

    def test_a_product_that_is_deleted_meanwhile(self):
        self.put(self.item())
        self.ok("DELETE", "%s/%d" % (PRODUCTS, self.keys[0]), status=204)
        self.control.post("/settle")
        self.assertEqual(self.control.counts()["server"]["bugs"], 0)


if __name__ == "__main__":
    unittest.main()
