"""Modifiers of products, and their values."""

import unittest

from harness import StoreCase

PRODUCTS = "/catalog/products"
PRICE = {"price": {"adjuster": "relative", "adjuster_value": 2}}
WEIGHT = {"weight": {"adjuster": "percentage", "adjuster_value": 2}}


def value(label, **more):
    return dict(label=label, sort_order=0, **more)


class Modifiers(StoreCase):
    def setUp(self):
        super().setUp()
        self.key = self.product()["id"]
        self.path = "%s/%d/modifiers" % (PRODUCTS, self.key)

    def make(self, *values, **more):
        body = dict({"type": "dropdown", "required": False,
                     "display_name": "Wrap"}, **more)
        if values:
            body["option_values"] = list(values)
        return self.ok("POST", self.path, body).data

    def no(self, status, **body):
        self.refused(status, "POST", self.path, dict(
            {"required": False, "display_name": "Wrap"}, **body))

    def test_make_change_remove(self):
        made = self.make(value("Red", adjusters=PRICE), value("Blue"))
        self.assertEqual([v["label"] for v in made["option_values"]],
                         ["Red", "Blue"])
        one = "%s/%d" % (self.path, made["id"])
        self.ok("PUT", one, {"type": "dropdown", "required": True,
                             "display_name": "Wrapping"})
        self.assertEqual(len(self.ok("GET", one).data["option_values"]), 2)
        self.ok("DELETE", one, None, 204)
        self.refused(404, "GET", one)

    def test_refused(self):
        self.make(value("Red"))
        self.no(409, type="text", display_name="wrap")
        self.no(500, type="date", display_name="When")
        self.no(422, type="dropdown", display_name="Empty")
        self.no(422, type="colour", display_name="Colour")
        self.no(422, type="checkbox", display_name="Box",
                option_values=[value("Yes")])
        self.refused(422, "POST", PRODUCTS, {
            "name": "N", "type": "physical", "weight": 1, "price": 1,
            "modifiers": []})

    def test_values(self):
        made = self.make(value("Red"))
        path = "%s/%d/values" % (self.path, made["id"])
        new = self.ok("POST", path, value("Blue", adjusters=WEIGHT)).data
        self.assertEqual(new["adjusters"]["weight"], WEIGHT["weight"])
        self.assertIsNone(new["adjusters"]["price"])
        self.ok("PUT", "%s/%d" % (path, new["id"]),
                value("Green", adjusters=PRICE))
        shown = self.ok("GET", path).data[1]
        self.assertEqual(shown["label"], "Green")
        self.assertEqual(set(k for k, v in shown["adjusters"].items() if v),
                         {"price", "weight", "purchasing_disabled"})
        self.refused(422, "POST", path, {"label": "No order"})
        self.refused(422, "POST", path, value("I", adjusters={
            "image_url": "https://example.org/a.png"}))
        self.ok("DELETE", "%s/%d" % (path, new["id"]), None, 204)
        self.assertEqual(len(self.ok("GET", path).data), 1)

    def test_adjusters_of_a_new_one(self):
        self.no(422, type="dropdown", option_values=[
            value("Red", adjusters=WEIGHT)])
        self.set(new_adjusters="ignored")
        made = self.make(value("Red", adjusters=dict(PRICE, **WEIGHT)))
        adjusters = made["option_values"][0]["adjusters"]
        self.assertIsNone(adjusters["weight"])
        self.assertEqual(adjusters["price"], PRICE["price"])

    def test_a_checkbox_makes_its_values(self):
        made = self.make(type="checkbox", display_name="Gift")
        self.assertEqual([v["label"] for v in made["option_values"]],
                         ["Yes", "No"])
        self.refused(422, "POST", "%s/%d/values" % (self.path, made["id"]),
                     value("Maybe"))


if __name__ == "__main__":
    unittest.main()
