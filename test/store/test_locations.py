"""Writes of locations, which are listed a while later."""

import unittest

from harness import StoreCase

LOCATIONS = "/inventory/locations"


def place(code="WEST", **more):
    return dict({"code": code, "label": code, "type_id": "VIRTUAL",
                 "managed_by_external_source": False,
                 "time_zone": "Etc/UTC"}, **more)


class Locations(StoreCase):
    def send(self, method, *items):
        answer = self.ok(method, LOCATIONS, list(items))
        self.assertEqual(list(answer.json), ["transaction_id"])

    def no(self, method, *items, status=422):
        answer = self.api(method, LOCATIONS, list(items))
        self.assertEqual(answer.status, status, answer.raw)
        self.assertEqual(answer.headers["content-type"],
                         "application/problem+json")
        self.assertEqual(answer.json["errors"], {})
        return answer.json["title"]

    def listed(self, query=""):
        return [one["code"] for one in self.ok(
            "GET", LOCATIONS + query).data if one["id"] > 1]

    def test_life(self):
        self.send("POST", place(), place("EAST"))
        self.assertEqual(self.listed(), ["WEST", "EAST"])
        self.assertEqual(self.listed("?location_code:in=EAST,SOUTH"),
                         ["EAST"])
        self.send("PUT", {"id": 2, "label": "Far", "enabled": False})
        shown = self.ok("GET", LOCATIONS + "?location_id:in=2").data[0]
        self.assertEqual((shown["label"], shown["enabled"], shown["code"]),
                         ("Far", False, "WEST"))
        self.ok("DELETE", LOCATIONS + "?location_id:in=2")
        self.assertEqual(self.listed(), ["EAST"])

    def test_listed_later(self):
        self.set(location_delay_ms=3600000)
        self.send("POST", place())
        self.assertEqual(self.listed(), [])
        self.control.post("/settle", {})
        self.assertEqual(self.listed(), ["WEST"])

    def test_refused(self):
        self.send("POST", place())
        self.assertIn("WEST", self.no("POST", place()))
        self.no("POST", place("A"), place("A"))
        self.set(location_codes="free")
        self.send("POST", place())
        for bad in (place("B", id=7), place(""), {"code": "B"},
                    place("B", type_id="PHYSICAL"), place("B", colour="red"),
                    place("B", address={"city": "x"})):
            self.no("POST", bad)
        self.no("PUT", {"id": 99, "label": "x"})
        self.no("PUT", {"label": "x"})
        self.no("PUT", {"id": 2, "address": {"city": "x"}})
        self.set(location_batch=1)
        self.no("POST", place("C"), place("D"), status=413)
        self.set(max_locations=3)
        self.no("POST", place("C"))
        self.send("POST", place("C", enabled=False))

    def test_deletes(self):
        for query, status in (("", 422), ("?location_id:in=1", 422),
                              ("?location_id:in=9", 404)):
            answer = self.api("DELETE", LOCATIONS + query)
            self.assertEqual(answer.status, status, answer.raw)

    def test_stock_goes_too(self):
        self.send("POST", place())
        key = self.product(inventory_tracking="product")["id"]
        self.control.seed("stock", [{"product_id": key, "location_id": 2,
                                     "quantity": 5}])
        self.ok("DELETE", LOCATIONS + "?location_id:in=2")
        self.assertEqual(self.ok("GET", "/catalog/products/%d" % key).data[
            "inventory_level"], 0)


if __name__ == "__main__":
    unittest.main()
