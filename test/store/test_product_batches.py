"""Products: batches of updates, deletes."""

import unittest

from harness import StoreCase

PRODUCTS = "/catalog/products"


class Batch(StoreCase):
    def setUp(self):
        super().setUp()
        self.keys = [self.product("p%d" % n, sku="s%d" % n)["id"]
                     for n in range(4)]

    def put(self, items, status=200, query=""):
        return self.ok("PUT", PRODUCTS + query, items, status)

    def prices(self):
        return [int(p["price"]) for p in self.control.state("products")]

    def test_batch(self):
        answer = self.put([{"id": self.keys[0], "price": 5},
                           {"id": self.keys[2], "price": 6}],
                          query="?include_fields=price")
        self.assertEqual([(p["id"], p["price"]) for p in answer.data],
                         [(self.keys[0], 5), (self.keys[2], 6)])
        self.assertEqual(answer.meta, {})
        self.assertEqual(self.prices(), [5, 1, 6, 1])
        entry = self.control.journal(method="PUT")[-1]
        self.assertEqual(entry["changed"], [["product", self.keys[0]],
                                            ["product", self.keys[2]]])

    def test_too_many(self):
        answer = self.put([{"id": n} for n in range(1, 12)], status=413)
        self.assertEqual(
            answer.json["title"], "The request payload is too large. The "
            "maximum items allowed in the array is 10.")
        self.assertEqual(answer.json["errors"], {})
        self.set(product_batch=2)
        self.refused(413, "PUT", PRODUCTS, [{"id": n} for n in range(1, 4)])

    def test_shape(self):
        self.refused(400, "PUT", PRODUCTS, {"id": self.keys[0]})
        self.refused(400, "PUT", PRODUCTS, [self.keys[0]])
        self.refused(422, "PUT", PRODUCTS, [])

    def test_id_is_required_and_may_not_repeat(self):
        key = self.keys[0]
        for items in ([{"price": 5}], [{"id": "%d" % key}],
                      [{"id": key}, {"id": key}], [{"id": 0}]):
            self.assertEqual(self.refused(422, "PUT", PRODUCTS, items),
                             ["id"])

    def test_a_bad_item_refuses_all(self):
        for bad, status in (({"price": -1}, 422), ({"brand_id": 9}, 409),
                            ({"name": "p3"}, 409)):
            self.refused(status, "PUT", PRODUCTS, [
                {"id": self.keys[0], "price": 5, "name": "new",
                 "custom_url": {"url": "/new/"}},
                dict(bad, id=self.keys[1])])
        self.refused(404, "PUT", PRODUCTS, [
            {"id": self.keys[0], "price": 5}, {"id": 9999, "price": 5}])
        self.assertEqual(self.prices(), [1, 1, 1, 1])
        self.assertEqual(self.ids("?name=p0"), [self.keys[0]])
        self.product("new", custom_url={"url": "/new/"})
        self.assertEqual(self.control.journal(method="PUT")[-1]["changed"],
                         [])

    def test_a_refused_batch_leaves_no_brand(self):
        self.refused(409, "PUT", PRODUCTS, [
            {"id": self.keys[0], "brand_name": "Made"},
            {"id": self.keys[1], "name": "p3"}])
        self.assertEqual(self.control.state("brands"), [])

    def test_prefix_mode_saves_what_came_before(self):
        self.set(batch_mode="prefix")
        self.refused(422, "PUT", PRODUCTS, [
            {"id": self.keys[0], "price": 5}, {"id": self.keys[1],
                                               "price": -1},
            {"id": self.keys[2], "price": 5}])
        self.assertEqual(self.prices(), [5, 1, 1, 1])

    def test_partial_mode_saves_what_is_good(self):
        self.set(batch_mode="partial")
        answer = self.put([
            {"id": self.keys[0], "price": 5}, {"id": self.keys[1],
                                               "price": -1},
            {"id": self.keys[2], "price": 5}], status=207)
        self.assertEqual([p["id"] for p in answer.data],
                         [self.keys[0], self.keys[2]])
        self.assertEqual(list(self.errors_of(answer)), ["price"])
        self.assertEqual(self.prices(), [5, 1, 5, 1])
        self.refused(422, "PUT", PRODUCTS, [{"id": self.keys[1],
                                             "price": -1}])

    def test_a_name_that_the_item_before_leaves(self):
        batch = [{"id": self.keys[1], "name": "left"},
                 {"id": self.keys[0], "name": "p1"}]
        self.set(batch_in_order=False)
        self.refused(409, "PUT", PRODUCTS, batch)
        self.set(batch_in_order=True)
        self.assertEqual([p["name"] for p in self.put(batch).data],
                         ["left", "p1"])

    def test_unusable_url_in_a_batch(self):
        answer = self.put([{"id": self.keys[0], "price": 5,
                            "custom_url": {"url": "no slash"}}], status=207)
        self.assertEqual(len(answer.data), 1)
        self.assertEqual(self.prices()[0], 5)


class Delete(StoreCase):
    def setUp(self):
        super().setUp()
        self.keys = [self.product("p%d" % n)["id"] for n in range(4)]

    def left(self):
        return [p["id"] for p in self.control.state("products")]

    def test_one(self):
        answer = self.ok("DELETE", "%s/%d" % (PRODUCTS, self.keys[1]),
                         status=204)
        self.assertEqual(answer.raw, b"")
        self.assertNotIn("content-length", answer.headers)
        self.assertEqual(self.left(), [self.keys[n] for n in (0, 2, 3)])
        self.refused(404, "DELETE", "%s/%d" % (PRODUCTS, self.keys[1]))
        self.set(delete_missing=204)
        self.ok("DELETE", "%s/%d" % (PRODUCTS, self.keys[1]), status=204)

    def test_many(self):
        self.ok("DELETE", PRODUCTS + "?id:in=%d,%d,99999" % (
            self.keys[0], self.keys[3]), status=204)
        self.assertEqual(self.left(), self.keys[1:3])
        self.assertEqual(
            self.control.journal(method="DELETE")[-1]["deleted"],
            [["product", self.keys[0]], ["product", self.keys[3]]])

    def test_filters(self):
        self.ok("DELETE", PRODUCTS + "?name=p2", status=204)
        self.assertEqual(self.left(), [self.keys[n] for n in (0, 1, 3)])
        self.assertEqual(
            self.refused(422, "DELETE", PRODUCTS + "?id=5"), ["id"])

    def test_a_filter_is_required(self):
        self.refused(422, "DELETE", PRODUCTS)
        self.assertEqual(len(self.left()), 4)

    def test_most_at_one_time(self):
        ids = ",".join(str(n) for n in range(1, 252))
        self.refused(422, "DELETE", PRODUCTS + "?id:in=" + ids)
        self.set(delete_batch=3)
        self.refused(422, "DELETE", PRODUCTS + "?type=physical")
        self.assertEqual(len(self.left()), 4)


if __name__ == "__main__":
    unittest.main()
