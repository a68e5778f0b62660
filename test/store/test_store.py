#!/usr/bin/env python3
"""Tests of the simulated store: brands here, the rest beside this file.

Run directly, it runs them all, as "python3 -m unittest discover" does.
"""

import os
import unittest

from harness import HERE, StoreCase

BRANDS = "/catalog/brands"


class Create(StoreCase):
    def test_reply(self):
        made = self.brand("Common Good", meta_keywords=["a", "b"])
        self.assertEqual(made, {
            "id": 35, "name": "Common Good", "page_title": "",
            "meta_keywords": ["a", "b"], "meta_description": "",
            "image_url": "", "search_keywords": "", "custom_url": {
                "url": "/brands/Common-Good.html", "is_customized": False}})
        self.assertEqual(self.control.journal()[-1]["created"],
                         [["brand", 35]])

    def test_fields(self):
        for field, value in (
                ("name", ""), ("name", "x" * 256), ("name", 5),
                ("page_title", "x" * 256), ("meta_keywords", "a"),
                ("meta_keywords", [1]), ("meta_description", "x" * 65536),
                ("search_keywords", "x" * 65536), ("image_url", None),
                ("custom_url", {"url": "no-slash"}),
                ("custom_url", {"url": "/a b/"}), ("custom_url", {"url": ""}),
                ("custom_url", {"url": "/" + "x" * 257}),
                ("custom_url", {"path": "/a/"}), ("id", 5),
                ("colour", "red")):
            body = dict({"name": "a"}, **{field: value})
            self.assertEqual(self.refused(422, "POST", BRANDS, body),
                             [field], (field, value))
        self.brand("x" * 255, search_keywords="x" * 65535)

    def test_required(self):
        self.assertEqual(self.refused(422, "POST", BRANDS, {}), ["name"])
        self.refused(400, "POST", BRANDS, [{"name": "a"}])

    def test_duplicates(self):
        self.brand("a", custom_url={"url": "/x/"})
        self.assertEqual(self.refused(409, "POST", BRANDS, {"name": "a"}),
                         ["name"])
        self.assertEqual(self.refused(409, "POST", BRANDS, {
            "name": "b", "custom_url": {"url": "/x/"}}), ["custom_url"])
        self.brand("A")
        self.set(names_ignore_case=True)
        self.refused(409, "POST", BRANDS, {"name": "A"})

    def test_most_brands(self):
        self.set(max_brands=1)
        self.brand("a")
        self.refused(507, "POST", BRANDS, {"name": "b"})
        self.set(limit_status=403)
        self.refused(403, "POST", BRANDS, {"name": "b"})


class Update(StoreCase):
    def test_update(self):
        made = self.brand("a", page_title="t")
        changed = self.ok("PUT", "%s/%d" % (BRANDS, made["id"]), {
            "name": "b", "custom_url": {"url": "/b/"}}).data
        self.assertEqual(changed, dict(
            made, name="b", custom_url={"url": "/b/",
                                        "is_customized": True}))
        self.assertEqual(self.brand("a")["custom_url"]["url"],
                         "/brands/a.html")

    def test_name_is_required(self):
        path = "%s/%d" % (BRANDS, self.brand()["id"])
        self.assertEqual(self.refused(422, "PUT", path, {"page_title": "x"}),
                         ["name"])
        self.ok("PUT", path, {"name": "Nordic", "page_title": "x"})

    def test_refusals(self):
        self.brand("a")
        path = "%s/%d" % (BRANDS, self.brand("b")["id"])
        self.assertEqual(self.refused(409, "PUT", path, {"name": "a"}),
                         ["name"])
        self.refused(422, "PUT", path, {"name": "b", "id": 1})
        self.refused(404, "PUT", BRANDS + "/99", {"name": "x"})
        self.refused(404, "GET", BRANDS + "/99")


class Delete(StoreCase):
    def test_one(self):
        brand = self.brand()["id"]
        made = self.product(brand_id=brand)
        self.ok("DELETE", "%s/%d" % (BRANDS, brand), status=204)
        self.refused(404, "DELETE", "%s/%d" % (BRANDS, brand))
        left = self.control.state("products")[0]
        self.assertEqual((left["brand_id"], left["date_modified"]),
                         (0, made["date_modified"]))
        self.assertEqual(self.ids("?brand_id=%d" % brand), [])
        self.brand()

    def test_by_name(self):
        self.brand("a", page_title="x")
        self.brand("b")
        self.ok("DELETE", BRANDS + "?name=a&page_title=y", status=204)
        self.assertEqual(len(self.control.state("brands")), 2)
        self.ok("DELETE", BRANDS + "?name=a", status=204)
        self.ok("DELETE", BRANDS + "?name=nobody", status=204)
        self.assertEqual([b["name"] for b in self.control.state("brands")],
                         ["b"])

    def test_a_name_is_required(self):
        self.brand(page_title="x")
        self.refused(422, "DELETE", BRANDS)
        self.refused(422, "DELETE", BRANDS + "?page_title=x")
        self.assertEqual(self.refused(
            422, "DELETE", BRANDS + "?id:in=1"), ["id:in"])
        self.assertEqual(len(self.control.state("brands")), 1)


if __name__ == "__main__":
    os.chdir(HERE)
    unittest.main(module=None, argv=["test_store.py", "discover"])
