"""The indexes of a store after many random changes."""

import copy
import random
import unittest

import brands
import categories
import products
from store import Store


class Indexes(unittest.TestCase):
    """What the indexes say is what the records say, whatever happened."""

    def setUp(self):
        self.store = Store("demo", "secret")
        self.random = random.Random(20)

    def pick(self, table):
        return self.random.choice(table.ids) if table.ids else None

    def some(self, *values):
        return self.random.choice(values)

    # -- one random change each ----------------------------------------------

    def make_product(self):
        number = self.random.randrange(10 ** 9)
        clean = {"name": "p%d" % number, "sku": self.some("", "S%d" % number),
                 "type": "physical"}
        clean.update(self.references())
        if self.some(True, False):
            clean["custom_url"] = {"url": "/u%d/" % number}
        if not products.conflicts(self.store, clean):
            products.create(self.store, clean)

    def references(self):
        found = {"categories": sorted({
            self.pick(self.store.categories) for _ in range(3)} - {None})}
        brand = self.pick(self.store.brands)
        return dict(found, brand_id=brand) if brand else found

    def change_product(self):
        key = self.pick(self.store.products)
        if key is None:
            return
        clean = {"name": "q%d" % self.random.randrange(500)}
        clean.update(self.references())
        if self.some(True, False):
            clean["custom_url"] = {"url": "/v%d/" % self.random.randrange(99)}
        if products.conflicts(self.store, clean, key):
            return
        before = products.update(self.store, key, clean)
        if self.some(True, False):
            products.undo(self.store, key, before)

    def make_others(self):
        name = "n%d" % self.random.randrange(10 ** 9)
        brands.create(self.store, {"name": name})
        parent = self.pick(self.store.categories)
        clean = {"name": name[:50]}
        clean.update({"parent_id": parent} if parent else {"tree_id": 1})
        errors = {}
        where = categories.check(self.store, clean, None, errors)
        if not errors:
            categories.create(self.store, clean, where)

    def move_category(self):
        key, parent = [self.pick(self.store.categories) for _ in range(2)]
        if key is None:
            return
        clean, errors = {"parent_id": self.some(0, parent)}, {}
        where = categories.check(
            self.store, clean, self.store.categories.rows[key], errors)
        if not errors:
            before = categories.update(self.store, key, clean, where)
            if self.some(True, False):
                categories.undo(self.store, key, before)

    def remove_one(self):
        module, table = self.some(
            (products, self.store.products), (brands, self.store.brands),
            (categories, self.store.categories))
        key = self.pick(table)
        if key is not None and self.random.random() < 0.5:
            module.remove(self.store, key)

    # -- the check -----------------------------------------------------------

    def check(self):
        urls = {}
        for name, table in self.store.tables().items():
            self.assertEqual(table.ids, sorted(table.rows))
            self.assertEqual(set(table.recent), set(table.rows))
            kept = copy.deepcopy((table.unique, table.groups))
            table.reindex()
            self.assertEqual(kept, (table.unique, table.groups), name)
            for key, record in table.rows.items():
                url = (products.shown_url(record)["url"]
                       if name == "products" else
                       record.get("custom_url", {}).get("url")
                       or record["url"]["path"])
                urls[url] = (table.kind.name, key)
        self.assertEqual(self.store.urls, urls)

    def test_random_changes(self):
        changes = (self.make_product, self.make_product, self.change_product,
                   self.make_others, self.move_category, self.remove_one)
        for number in range(3000):
            self.random.choice(changes)()
            if number % 100 == 0:
                self.check()
        self.check()
        self.assertGreater(len(self.store.products), 100)
        self.assertGreater(len(self.store.categories), 20)


if __name__ == "__main__":
    unittest.main()
