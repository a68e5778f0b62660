"""Records below a product: nested in a new one, and by their own endpoints."""

import unittest

from harness import StoreCase

PRODUCTS = "/catalog/products"
FIELD = {"name": "Color", "value": "red"}
RULE = {"quantity_min": 10, "quantity_max": 19, "type": "price", "amount": 1}


class ElementCase(StoreCase):
    PATH = "custom-fields"

    def product(self, **below):
        made = self.ok("POST", PRODUCTS, {
            "name": "P", "type": "physical", "weight": 1, "price": 1,
            **below}).data
        self.path = "%s/%d/%s" % (PRODUCTS, made["id"], self.PATH)
        return made

    def post(self, element):
        return self.ok("POST", self.path, element).data

    def no(self, element, status=422):
        self.refused(status, "POST", self.path, element)

    def kept(self):
        return self.control.state("elements")[0][
            self.PATH.replace("-", "_")]


class CustomFields(ElementCase):
    def test_nested(self):
        made = self.product(custom_fields=[FIELD])["custom_fields"]
        self.assertEqual(made, [dict(FIELD, id=made[0]["id"])])
        self.assertEqual(self.kept(), made)
        self.assertEqual(self.ok("GET", PRODUCTS + "?include=custom_fields")
                         .data[0]["custom_fields"], made)
        self.assertNotIn("custom_fields", self.ok("GET", PRODUCTS).data[0])

    def test_a_choice_of_fields_hides_them(self):
        made = self.ok("POST", PRODUCTS + "?include_fields=name", dict(
            name="P", type="physical", weight=1, price=1,
            custom_fields=[FIELD])).data
        self.assertNotIn("custom_fields", made)
        self.assertEqual(len(self.control.state("elements")[0][
            "custom_fields"]), 1)

    def test_a_bad_one_refuses_the_product(self):
        for below in ([{"name": "a"}], [FIELD, FIELD], {}, [1],
                      [dict(FIELD, id=7)], [dict(FIELD, value="")]):
            self.assertEqual(self.api("POST", PRODUCTS, {
                "name": "P", "type": "physical", "weight": 1, "price": 1,
                "custom_fields": below}).status, 422, below)
        self.assertEqual(self.control.state("products"), [])

    def changed(self, made, *elements):
        """What an update of the product makes of its custom fields."""
        reply = self.ok("PUT", PRODUCTS, [{"id": made["id"], "custom_fields":
                                           list(elements)}]).data[0]
        self.assertEqual(reply["custom_fields"], self.kept())
        return [(e["name"], e["value"]) for e in self.kept()]

    def test_an_update_keeps_those_that_it_does_not_have(self):
        made = self.product(custom_fields=[FIELD, {"name": "a", "value": "b"}])
        ids = [e["id"] for e in made["custom_fields"]]
        self.assertEqual(self.changed(
            made, {"id": ids[0], "value": "blue"}, {"name": "c", "value": "d"}),
            [("Color", "blue"), ("a", "b"), ("c", "d")])
        self.assertEqual([e["id"] for e in self.kept()][:2], ids)
        for bad in ({"id": 999, "value": "x"}, {"name": "c"}, 7,
                    {"name": "a", "value": "b"}):
            self.refused(422, "PUT", PRODUCTS, [
                {"id": made["id"], "price": 2, "custom_fields": [bad]}])
        self.assertEqual(self.control.state("products")[0]["price"], 1)

    def test_or_it_removes_them(self):
        for mode, same_id in (("replace", True), ("renew", False)):
            self.set(nested_put=mode)
            made = self.product(name=mode, custom_fields=[
                FIELD, {"name": "a", "value": "b"}])
            first = made["custom_fields"][0]
            self.ok("PUT", PRODUCTS, [{"id": made["id"], "custom_fields": [
                first, {"name": "c", "value": "d"}]}])
            kept = [e for e in self.control.state("elements")
                    if e["product_id"] == made["id"]][0]["custom_fields"]
            self.assertEqual([e["name"] for e in kept], ["Color", "c"])
            self.assertEqual(kept[0]["id"] == first["id"], same_id)

    def test_or_it_does_not_write_them(self):
        made = self.product(custom_fields=[FIELD])
        self.set(nested_put="ignore")
        self.assertEqual(self.changed(made, {"name": "c", "value": "d"}),
                         [("Color", "red")])
        self.set(nested_put="refuse")
        self.refused(422, "PUT", PRODUCTS, [
            {"id": made["id"], "custom_fields": []}])

    def test_each_on_its_own(self):
        self.product()
        one = self.post(FIELD)
        two = self.post(dict(FIELD, value="blue"))
        where = "%s/%d" % (self.path, one["id"])
        self.assertEqual(self.ok("PUT", where, {"value": "green"}).data,
                         dict(one, value="green"))
        self.assertEqual(self.ok("GET", self.path).data,
                         [dict(one, value="green"), two])
        self.refused(422, "PUT", where, {"value": "blue"})
        self.ok("DELETE", where, status=204)
        self.refused(404, "DELETE", where)
        self.refused(404, "PUT", where, {"value": "x"})
        self.assertEqual(self.kept(), [two])
        self.refused(404, "POST", PRODUCTS + "/9/custom-fields", FIELD)

    def test_twins_and_limits(self):
        self.product()
        self.post(FIELD)
        for bad in (FIELD, {"name": "a"}, {"name": "a", "value": ""},
                    {"name": "a" * 251, "value": "b"},
                    {"name": "a", "value": 5}, dict(FIELD, x=1)):
            self.no(bad)
        for n in range(199):
            self.post({"name": "n%d" % n, "value": "v"})
        self.no({"name": "a", "value": "b"})

    def test_an_update_keeps_the_date(self):
        made = self.product()
        self.set(clock_offset_s=60)
        self.post(FIELD)
        self.assertEqual(self.control.state("products")[0]["date_modified"],
                         made["date_modified"])


class Rules(ElementCase):
    PATH = "bulk-pricing-rules"

    def test_they_do_not_overlap(self):
        self.product()
        one = self.post(RULE)
        for low, high in ((1, 10), (19, 0), (12, 15), (5, 0)):
            self.no(dict(RULE, quantity_min=low, quantity_max=high), 409)
        self.no(dict(RULE, quantity_min=30, quantity_max=30))
        self.no({"quantity_min": 30})
        self.no(dict(RULE, quantity_min=30, quantity_max=0, type="x"))
        self.no(dict(RULE, quantity_min=30, quantity_max=0, amount=-1))
        self.post(dict(RULE, quantity_min=20, quantity_max=0))
        where = "%s/%d" % (self.path, one["id"])
        self.refused(422, "PUT", where, {"quantity_max": 15})
        self.refused(409, "PUT", where, dict(RULE, quantity_max=20))
        self.ok("PUT", where, dict(RULE, quantity_max=15))


class Videos(ElementCase):
    PATH = "videos"

    def test_the_store_fills_in_what_is_missing(self):
        self.product()
        made = self.post({"video_id": "abc"})
        self.assertTrue(made["title"] and made["length"])
        self.assertEqual(self.post({"video_id": "d", "title": "T"})["title"],
                         "T")
        self.no({"title": "x"})
        self.no({"video_id": "x" * 26})
        self.refused(422, "PUT", "%s/%d" % (self.path, made["id"]),
                     {"video_id": "other"})


class Images(ElementCase):
    PATH = "images"
    URL = "https://example.org/a/stool.jpg"

    def test_the_url_is_not_kept(self):
        self.product()
        made = self.post({"image_url": self.URL})
        self.assertNotIn("image_url", made)
        self.assertIn("stool", made["image_file"])
        self.set(image_names=False)
        self.assertNotIn("stool", self.post(
            {"image_url": self.URL})["image_file"])

    def primary(self):
        return self.ok("GET", PRODUCTS + "?include=primary_image").data[0][
            "primary_image"]

    def test_one_thumbnail(self):
        self.product()
        self.assertIsNone(self.primary())
        one = self.post({"image_url": self.URL})
        self.assertTrue(one["is_thumbnail"])
        self.assertEqual(self.primary()["id"], one["id"])
        two = self.post({"image_url": self.URL, "is_thumbnail": True})
        self.assertEqual(self.primary()["id"], two["id"])
        self.assertEqual([i["is_thumbnail"] for i in self.kept()],
                         [False, True])
        self.ok("PUT", "%s/%d" % (self.path, one["id"]),
                {"is_thumbnail": True})
        self.assertEqual([i["is_thumbnail"] for i in self.kept()],
                         [True, False])
        self.assertEqual([i["id"] for i in self.kept()],
                         [one["id"], two["id"]])

    def test_what_cannot_be_fetched(self):
        self.product()
        self.ok("GET", self.path, status=204)
        for bad in ("data:image/png;base64,AAAA", "ftp://example.org/a.png",
                    "https://example.org/" + "a" * 250, "", "a.jpg"):
            self.no({"image_url": bad})
        self.set(unfetchable="gone")
        self.no({"image_url": "https://example.org/gone.jpg"}, 400)


if __name__ == "__main__":
    unittest.main()
