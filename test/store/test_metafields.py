"""Metafields: batches that are saved in part, and what apps own."""

import unittest

from harness import StoreCase

ALL = "/catalog/products/metafields"


class MetafieldCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.key = self.product()["id"]

    def one(self, key="lot", value="A7", **fields):
        return dict({"resource_id": self.key, "namespace": "erp", "key": key,
                     "value": value, "permission_set": "read"}, **fields)

    def add(self, *items, path=ALL):
        return self.ok("POST", path, list(items)).data

    def values(self, name="product"):
        return {r["key"]: r["value"]
                for r in self.control.state(name + "_metafields")}


class Batch(MetafieldCase):
    def test_they_are_written_and_removed(self):
        first, second = self.add(self.one(), self.one("size", "x" * 65535))
        self.assertEqual(first["resource_type"], "product")
        self.ok("PUT", ALL, [{"id": first["id"], "value": "A8"},
                             {"id": second["id"], "description": "d"}])
        self.assertEqual(self.values()["lot"], "A8")
        answer = self.ok("DELETE", ALL, [first["id"]])
        self.assertEqual(answer.data, [first["id"]])
        self.assertEqual(answer.json["meta"],
                         {"total": 1, "success": 1, "failed": 0})
        self.assertEqual(list(self.values()), ["size"])

    def partly(self, items, method="POST"):
        answer = self.api(method, ALL, items)
        self.assertEqual(answer.status, 422, answer.raw)
        self.assertEqual(answer.json["meta"]["success"], len(answer.data))
        return answer.data, answer.json["errors"][0]["errors"]

    def test_what_is_good_is_saved(self):
        for bad in ({"resource_id": self.key + 1}, {"value": ""},
                    {"value": 7}, {"value": "x" * 65536}, {"key": ""},
                    {"key": "k" * 65}, {"namespace": "n" * 65},
                    {"permission_set": "all"}, {"description": "d" * 256},
                    {"id": 7}, {"owner_client_id": "x"}):
            data, errors = self.partly([dict(self.one("bad"), **bad),
                                        self.one()])
            self.assertEqual(len(data), 1, bad)
            self.assertEqual(list(errors), ["0"], bad)
            self.ok("DELETE", ALL, [data[0]["id"]])
        for name in ("resource_id", "value", "key", "namespace",
                     "permission_set"):
            item = self.one()
            del item[name]
            self.assertEqual(self.partly([item])[0], [])
        self.assertEqual(self.values(), {})

    def test_a_second_one_with_the_key(self):
        self.add(self.one())
        data, errors = self.partly([self.one(value="B"), self.one("b"),
                                    self.one("b", "B")])
        self.assertEqual(sorted(errors), ["0", "2"])
        self.assertEqual(self.values(), {"lot": "A7", "b": "A7"})
        self.set(metafield_errors="id")
        self.assertEqual(list(self.partly([self.one()])[1]), [str(self.key)])
        self.add(self.one(namespace="other"))
        self.refused(409, "POST", "/catalog/products/%d/metafields" % self.key,
                     {k: v for k, v in self.one().items()
                      if k != "resource_id"})

    def test_updates_and_deletes_in_part(self):
        made = self.add(self.one())[0]["id"]
        data, errors = self.partly([{"id": made, "value": "C"},
                                    {"id": made + 1, "value": "D"}], "PUT")
        self.assertEqual((self.values(), list(errors)), ({"lot": "C"}, ["1"]))
        data, errors = self.partly([made, made + 1], "DELETE")
        self.assertEqual((data, list(errors)), ([made], ["1"]))

    def test_limits(self):
        self.set(most_metafields=3, metafield_batch=4)
        self.refused(413, "POST", ALL, [self.one(str(n)) for n in range(5)])
        data, errors = self.partly([self.one(str(n)) for n in range(4)])
        self.assertEqual(list(errors), ["3"])

    def test_a_delete_without_ids_is_counted(self):
        for body in ([], {}, "x", [{"id": 1}]):
            self.refused(400, "DELETE", ALL, body)
        self.assertEqual(self.control.counts()["violations"],
                         {"unfiltered_delete": 4})
        self.assertEqual(self.api("DELETE", "/customers/metafields",
                                  [1]).status, 405)


class Other(MetafieldCase):
    def test_those_of_another_app(self):
        self.control.seed("product_metafields", [
            self.one(value="theirs", owner_client_id="other")])
        self.add(self.one())
        theirs = self.ids("?namespace=erp&key=lot", ALL)[0]
        for method, body in (("PUT", [{"id": theirs, "key": "b"}]),
                             ("DELETE", [theirs])):
            self.assertEqual(self.api(method, ALL, body).status, 422)
        self.refused(403, "DELETE", "/catalog/products/%d/metafields/%d" % (
            self.key, theirs))
        self.ok("PUT", ALL, [{"id": theirs, "value": "ours"}])

    def test_lists(self):
        other = self.product("b")["id"]
        self.add(self.one(), self.one("b"), self.one(resource_id=other),
                 self.one(namespace="web"))
        self.assertEqual(len(self.ids("?namespace=erp", ALL)), 3)
        self.assertEqual(len(self.ids("?namespace:in=erp,web&key:in=lot",
                                      ALL)), 3)
        below = "/catalog/products/%d/metafields" % self.key
        self.assertEqual(len(self.ids("?namespace=erp&key=lot", below)), 1)
        self.assertEqual(len(self.ids("", below)), 3)
        shown = self.ok("GET", ALL + "?include_fields=key,resource_id").data
        self.assertEqual(sorted(shown[0]), ["id", "key", "resource_id"])
        self.refused(422, "GET", ALL + "?resource_id:in=1")
        self.refused(422, "GET", ALL + "?id:in=1")

    def test_below_one_parent(self):
        below = "/catalog/products/%d/metafields" % self.key
        item = self.one()
        del item["resource_id"]
        made = self.ok("POST", below, item).data["id"]
        self.refused(422, "PUT", "%s/%d" % (below, made), {"value": "B"})
        self.ok("PUT", "%s/%d" % (below, made), dict(item, value="B"))
        self.assertEqual(self.ok("GET", "%s/%d" % (below, made)).data[
            "value"], "B")
        self.ok("DELETE", "%s/%d" % (below, made), status=204)
        self.refused(404, "DELETE", "%s/%d" % (below, made))

    def test_every_parent_takes_them_along(self):
        brand, category = self.brand()["id"], self.category()["category_id"]
        customer = self.ok("POST", "/customers", [
            {"email": "a@b.c", "first_name": "A", "last_name": "B"}]).data[
                0]["id"]
        for name, path, key in (
                ("product", "/catalog/products", self.key),
                ("brand", "/catalog/brands", brand),
                ("category", "/catalog/categories", category),
                ("customer", "/customers", customer)):
            self.add(self.one(resource_id=key), path=path + "/metafields")
            self.assertEqual(self.values(name), {"lot": "A7"})
            self.control.remove(name, key)
            self.assertEqual(self.values(name), {})


if __name__ == "__main__":
    unittest.main()
