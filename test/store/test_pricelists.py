"""Price lists: unique names, and a DELETE that takes them all."""

import unittest

from harness import StoreCase

LISTS = "/pricelists"


class PriceLists(StoreCase):
    def post(self, name, **fields):
        return self.ok("POST", LISTS, dict(fields, name=name)).data

    def names(self):
        return [r["name"] for r in self.control.state("price_lists")]

    def test_write(self):
        made = self.post("Retail")
        self.assertIs(made["active"], True)
        path = "%s/%d" % (LISTS, made["id"])
        self.assertEqual(self.refused(409, "POST", LISTS,
                                      {"name": "Retail"}), ["name"])
        self.assertEqual(self.refused(422, "PUT", path, {"active": False}),
                         ["name"])
        for bad in ({"name": ""}, {"name": "x", "id": 7}, {"active": True},
                    {"name": "x", "active": "no"}):
            self.refused(422, "POST", LISTS, bad)
        self.ok("PUT", path, {"name": "Retail", "active": False})
        self.assertIs(self.ok("GET", path).data["active"], False)
        self.refused(404, "PUT", LISTS + "/99", {"name": "x"})

    def test_list(self):
        keys = [self.post(n)["id"] for n in ("a", "b", "c")]
        self.assertEqual(self.ids("?name=b", LISTS), keys[1:2])
        self.assertEqual(self.ids("?id:in=%d,%d" % tuple(keys[1:]), LISTS),
                         keys[1:])
        self.assertEqual(self.refused(
            422, "GET", LISTS + "?include_fields=name"), ["include_fields"])

    def test_delete(self):
        keys = [self.post(n)["id"] for n in ("a", "b", "c")]
        self.ok("DELETE", "%s/%d" % (LISTS, keys[0]), status=204)
        self.assertEqual(self.names(), ["b", "c"])
        self.ok("DELETE", LISTS, status=204)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.control.counts()["violations"],
                         {"unfiltered_delete": 1})

    def test_seed_edit_remove(self):
        self.control.seed("price_lists", [{"id": 70, "name": "x"}])
        self.control.post("/edit", {"resource": "price_list", "id": 70,
                                    "set": {"name": "y"}})
        self.assertEqual(self.names(), ["y"])
        self.control.post("/remove", {"resource": "price_list", "id": 70})
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    unittest.main()
