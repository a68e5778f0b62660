"""Price records: upserts that are saved in part, deletes that need a filter."""

import unittest

from harness import StoreCase

RECORDS = "/pricelists/1/records"


class PriceCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.set(price_lists=[1, 2], currencies=["usd", "eur"])
        self.keys = [self.product(n) for n in ("A", "B")]

    def product(self, sku):
        return self.ok("POST", "/catalog/products", {
            "name": sku, "sku": sku, "type": "physical", "weight": 1,
            "price": 1}).data["base_variant_id"]

    def put(self, *items, path=RECORDS):
        return self.ok("PUT", path, list(items))

    def one(self, n=0, price=5, **rest):
        return dict({"variant_id": self.keys[n], "currency": "usd",
                     "price": price}, **rest)

    def no(self, *items, status=422):
        answer = self.api("PUT", RECORDS, list(items))
        self.assertEqual(answer.status, status)
        return answer.json.get("batch_errors")

    def kept(self):
        return [(r["price_list_id"], r["sku"], r["currency"],
                 int(r["price"]))
                for r in self.control.state("price_records")]

    def violations(self):
        return self.control.counts()["violations"]


class Upsert(PriceCase):
    def test_upsert(self):
        answer = self.put(self.one(0), self.one(1, sale_price=2))
        self.assertEqual(answer.json, {"data": {}, "meta": {}})
        self.put(self.one(0, 6), {"sku": "b", "currency": "EUR", "price": 7})
        self.assertEqual(self.kept(), [(1, "A", "usd", 6), (1, "B", "eur", 7),
                                       (1, "B", "usd", 5)])

    def test_the_echo_names_what_is_bad_and_the_rest_is_saved(self):
        errors = self.no(self.one(0), {"sku": "no", "currency": "usd",
                                       "price": 1})
        self.assertEqual(errors[0]["data"], {
            "price_list_id": 1, "sku": "no", "currency": "usd"})
        self.assertEqual(self.kept(), [(1, "A", "usd", 5)])
        self.set(price_mode="atomic")
        self.no(self.one(0, 9), self.one(1, -1))
        self.assertEqual(self.kept(), [(1, "A", "usd", 5)])

    def test_what_is_refused(self):
        for bad in ({"price": -1}, {"price": None}, {"currency": "xyz"},
                    {"currency": "dollar"}, {"variant_id": 1}, {"sku": "A"},
                    {"nonsense": 1}, {"price_list_id": 2},
                    {"sale_price": -1},
                    {"bulk_pricing_tiers": [{"amount": 1}]}):
            self.no(self.one(0, **bad))
        item = self.one()
        del item["price"]
        self.no(item)
        self.no(self.one(), self.one())
        self.refused(404, "PUT", "/pricelists/9/records", [self.one()])

    def test_sizes(self):
        self.set(price_batch=2)
        self.no(self.one(), self.one(1), self.one(1, currency="eur"))
        self.assertEqual(self.kept(), [])

    def test_what_is_left_out(self):
        self.put(self.one(0, sale_price=3))
        self.put(self.one(0))
        self.assertNotIn("sale_price", self.control.state("price_records")[0])
        self.set(price_omitted="keep")
        self.put(self.one(0, sale_price=3))
        self.put(self.one(0))
        self.assertIn("sale_price", self.control.state("price_records")[0])


class Delete(PriceCase):
    def drop(self, query):
        self.ok("DELETE", RECORDS + query, None, 204)

    def test_by_filter(self):
        self.put(self.one(0), self.one(1), self.one(0, currency="eur"))
        self.put(self.one(0), path="/pricelists/2/records")
        self.drop("?variant_id:in=%d&currency=usd" % self.keys[0])
        self.assertEqual(self.kept(), [(1, "A", "eur", 5), (1, "B", "usd", 5),
                                       (2, "A", "usd", 5)])
        self.drop("?sku:in=B&currency=usd")
        self.assertEqual(self.violations(), {})

    def test_without_a_filter_everything_goes(self):
        self.put(self.one(0), self.one(1))
        self.drop("")
        self.assertEqual(self.kept(), [])
        self.assertEqual(self.violations(), {"unfiltered_delete": 1})


class List(PriceCase):
    def test_list(self):
        self.put(self.one(0, bulk_pricing_tiers=[
            {"quantity_min": 2, "type": "fixed", "amount": 1}]), self.one(1))
        shown = self.ok("GET", RECORDS + "?include=sku,bulk_pricing_tiers"
                        "&variant_id:in=%d&currency=usd" % self.keys[0]).data
        self.assertEqual(len(shown), 1)
        self.assertEqual((shown[0]["sku"], shown[0]["currency"],
                          len(shown[0]["bulk_pricing_tiers"])),
                         ("A", "usd", 1))
        self.assertNotIn("sku", self.ok("GET", RECORDS).data[0])


if __name__ == "__main__":
    unittest.main()
