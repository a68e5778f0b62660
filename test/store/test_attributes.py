"""Attributes of customers, and values that are written by their place."""

import unittest

from harness import StoreCase

ATTRIBUTES = "/customers/attributes"
VALUES = "/customers/attribute-values"


class AttributeCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.control.seed("customers", [
            {"id": n, "email": "c%d@example.org" % n, "first_name": "C",
             "last_name": "C"} for n in range(1, 13)])
        self.keys = {name: self.ok("POST", ATTRIBUTES, [
            {"name": name, "type": kind}]).data[0]["id"]
            for name, kind in (("Age", "number"), ("Since", "date"),
                               ("Nickname", "string"))}

    def value(self, value="41", customer=1, name="Age", **fields):
        return dict({"customer_id": customer, "attribute_id": self.keys[name],
                     "value": value}, **fields)

    def put(self, *items):
        return self.ok("PUT", VALUES, list(items)).data

    def no(self, path, *items, method="PUT", status=422):
        return self.refused(status, method, path, list(items))


class Definitions(AttributeCase):
    def test_create_and_change(self):
        self.no(ATTRIBUTES, {"name": "age", "type": "date"}, method="POST")
        for bad in ({"name": "X"}, {"type": "date"},
                    {"name": "", "type": "date"}, {"name": "X", "type": "int"},
                    {"name": "X", "type": "date", "id": 7}):
            self.no(ATTRIBUTES, bad, method="POST")
        key = self.keys["Age"]
        self.assertEqual(self.ok("PUT", ATTRIBUTES, [
            {"id": key, "name": "Years"}]).data[0]["name"], "Years")
        for bad in ({"id": key}, {"id": 9, "name": "X"},
                    {"id": key, "name": "Since"},
                    {"id": key, "name": "Years", "type": "date"}):
            self.no(ATTRIBUTES, bad)
        self.set(most_attributes=3)
        self.no(ATTRIBUTES, {"name": "X", "type": "date"}, method="POST")

    def test_list_and_delete(self):
        self.assertEqual(self.ids("?name=Since", ATTRIBUTES),
                         [self.keys["Since"]])
        self.refused(422, "GET", ATTRIBUTES + "?id:in=1")
        self.put(self.value(), self.value("x", name="Nickname"))
        self.refused(422, "DELETE", ATTRIBUTES)
        self.ok("DELETE", ATTRIBUTES + "?id:in=%d" % self.keys["Age"],
                status=204)
        self.assertEqual([v["attribute_id"] for v in self.control.state(
            "attribute_values")], [self.keys["Nickname"]])


class Values(AttributeCase):
    def test_upsert(self):
        made = self.put(self.value(), self.value("2020-02-29", name="Since"))
        self.assertEqual([v["attribute_value"] for v in made],
                         ["41", "2020-02-29"])
        self.assertNotIn("value", made[0])
        again = self.put(self.value("42"))
        self.assertEqual((again[0]["id"], again[0]["attribute_value"]),
                         (made[0]["id"], "42"))

    def test_what_is_refused(self):
        for bad in (self.value("old"), self.value("2021-02-29", name="Since"),
                    self.value("1", name="Since"), self.value(41),
                    self.value("x" * 256, name="Nickname"),
                    self.value(None), self.value(customer=99),
                    self.value(attribute_id=99), {"value": "1"},
                    self.value(nonsense=1)):
            self.no(VALUES, self.value(customer=2), bad)
        self.no(VALUES, self.value(), self.value("42"))
        self.assertEqual(self.control.state("attribute_values"), [])

    def test_ten_customers(self):
        self.put(*[self.value(customer=n, name=name, value=value)
                   for n in range(1, 11) for name, value in (
                       ("Age", "1"), ("Nickname", "x"))])
        self.no(VALUES, *[self.value(customer=n) for n in range(1, 12)],
                status=413)

    def test_list_and_delete(self):
        keys = [v["id"] for v in self.put(
            *[self.value(customer=n) for n in (1, 2, 3)])]
        self.assertEqual(self.ids("?customer_id:in=3,1", VALUES),
                         [keys[0], keys[2]])
        self.refused(422, "GET", VALUES + "?id:in=1")
        self.refused(422, "DELETE", VALUES)
        self.refused(422, "DELETE", VALUES + "?customer_id:in=1")
        self.ok("DELETE", VALUES + "?id:in=%d" % keys[0], status=204)
        self.control.remove("customer", 2)
        self.assertEqual([v["id"] for v in self.control.state(
            "attribute_values")], [keys[2]])


if __name__ == "__main__":
    unittest.main()
