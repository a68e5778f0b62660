"""Assignments of products: sets of pairs, never a cross product."""

import unittest

from harness import StoreCase

CHANNELS = "/catalog/products/channel-assignments"
CATEGORIES = "/catalog/products/category-assignments"


class AssignmentCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.set(channels=[1, 2])
        self.keys = [self.ok("POST", "/catalog/products", {
            "name": name, "type": "physical", "weight": 1, "price": 1,
            "categories": []}).data["id"] for name in "AB"]

    def channel(self, n, channel=2):
        return {"product_id": self.keys[n], "channel_id": channel}

    def put(self, path, *pairs):
        self.ok("PUT", path, list(pairs), 204)

    def drop(self, path):
        self.ok("DELETE", path, None, 204)

    def kept(self):
        return [(self.keys.index(product), channel) for product, channel
                in self.control.state("product_channels")]

    def violations(self):
        return self.control.counts()["violations"]


class Channels(AssignmentCase):
    def test_put_only_adds(self):
        self.put(CHANNELS, self.channel(0))
        self.put(CHANNELS, self.channel(0), self.channel(1, 1))
        self.assertEqual(self.kept(), [(0, 2), (1, 1)])

    def test_bad_pairs(self):
        self.assertEqual(self.refused(422, "PUT", CHANNELS, [
            self.channel(0), self.channel(1, 9)]), ["9"])
        self.assertEqual(self.kept(), [(0, 2)])
        self.set(assignment_mode="atomic", assignment_batch=2)
        self.refused(422, "PUT", CHANNELS, [
            self.channel(1), {"product_id": 5000, "channel_id": 1}])
        self.refused(422, "PUT", CHANNELS, [self.channel(1)] * 3)
        self.refused(422, "PUT", CHANNELS, [{"product_id": self.keys[1]}])
        self.assertEqual(self.kept(), [(0, 2)])

    def test_delete(self):
        self.put(CHANNELS, self.channel(0), self.channel(1),
                 self.channel(1, 1))
        self.refused(422, "DELETE", CHANNELS)
        self.assertEqual(self.violations(), {"unfiltered_delete": 1})
        self.drop(CHANNELS + "?product_id:in=%d,%d&channel_id:in=2"
                % tuple(self.keys))
        self.assertEqual(self.kept(), [(1, 1)])
        self.drop(CHANNELS + "?product_id:in=%d,%d&channel_id:in=1,2"
                % tuple(self.keys))
        self.assertEqual(self.violations(), {"unfiltered_delete": 1,
                                             "cross_product": 1})

    def test_a_product_that_goes_takes_its_pairs(self):
        self.put(CHANNELS, self.channel(0), self.channel(1))
        self.drop("/catalog/products/%d" % self.keys[0])
        self.assertEqual(len(self.control.state("product_channels")), 1)


class Categories(AssignmentCase):
    def test_they_are_the_categories_of_products(self):
        made = self.ok("POST", "/catalog/trees/categories", [
            {"name": "X", "tree_id": 1}], 201).data[0]["category_id"]
        pair = {"product_id": self.keys[0], "category_id": made}
        self.put(CATEGORIES, pair, pair)
        self.assertEqual(self.ok("GET", CATEGORIES + "?product_id:in=%d"
                                 % self.keys[0]).data, [pair])
        self.assertEqual(self.ok("GET", "/catalog/products/%d"
                                 % self.keys[0]).data["categories"], [made])
        self.drop(CATEGORIES + "?product_id:in=%d&category_id:in=%d"
                % (self.keys[0], made))
        self.assertEqual(self.ok("GET", CATEGORIES).data, [])


if __name__ == "__main__":
    unittest.main()
