"""Lists that are limited by dates, and what limits lists of customers."""

import unittest

from harness import StoreCase

CUSTOMERS = "/customers"


class Dates(StoreCase):
    """A first record, and a second one that was made an hour later."""

    def two(self, make):
        made = [make("a")]
        self.set(clock_offset_s=3600)
        return made + [make("b")]

    def check(self, path, made, of=None):
        """What the bounds of both dates let through."""
        first, second = made
        both = [first["id"], second["id"]]
        for field in ("date_created", "date_modified"):
            def found(ending, bound):
                bound = bound[field].replace("+00:00", "Z")
                query = "?%s:%s=%s" % (field, ending, bound)
                return (of or self.ids)(query, path)
            self.set(date_bounds="included")
            self.assertEqual(found("min", first), both)
            self.assertEqual(found("min", second), both[1:])
            self.assertEqual(found("max", first), both[:1])
            self.assertEqual(found("max", second), both)
            self.set(date_bounds="excluded")
            self.assertEqual(found("min", first), both[1:])
            self.assertEqual(found("max", second), both[:1])
        self.assertEqual(self.refused(
            422, "GET", path + "?date_modified:min=soon"),
            ["date_modified:min"])

    def post(self, path, batch=True, **fields):
        def make(name):
            body = {key: value % name if "%s" in str(value) else value
                    for key, value in fields.items()}
            reply = self.ok("POST", path, [body] if batch else body)
            return reply.data[0] if batch else reply.data
        return make

    def test_customers(self):
        self.check(CUSTOMERS, self.two(self.post(
            CUSTOMERS, email="%s@example.org", first_name="A",
            last_name="B")))

    def test_attributes(self):
        path = CUSTOMERS + "/attributes"
        self.check(path, self.two(self.post(path, name="%s", type="string")))

    def test_values_of_attributes(self):
        path = CUSTOMERS + "/attributes"
        self.control.seed("customers", [
            {"id": 1, "email": "c@example.org", "first_name": "C",
             "last_name": "C"}])
        keys = {name: self.post(path, name=name, type="string")("")["id"]
                for name in "ab"}
        path = CUSTOMERS + "/attribute-values"
        self.check(path, self.two(lambda name: self.ok("PUT", path, [
            {"customer_id": 1, "attribute_id": keys[name],
             "value": "x"}]).data[0]))
        self.assertEqual(len(self.ids("?name=a", path)), 1)
        self.assertEqual(self.ids("?name=c", path), [])

    def test_price_lists(self):
        self.check("/pricelists", self.two(
            self.post("/pricelists", batch=False, name="%s")))
        self.assertEqual(self.refused(422, "GET", "/pricelists?id=3"), ["id"])

    def test_metafields(self):
        key = self.product()["id"]
        path = "/catalog/products/metafields"
        self.check(path, self.two(self.post(
            path, resource_id=key, namespace="n", key="%s", value="v",
            permission_set="read")))

    def test_products(self):
        made = self.two(self.product)
        for field in ("min", "max"):
            for bounds, one in (("included", made[0]["id"]),
                                ("excluded", None)):
                self.set(date_bounds=bounds)
                date = made[0]["date_modified"].replace("+00:00", "Z")
                found = self.ids("?date_modified:%s=%s" % (field, date))
                self.assertEqual(made[0]["id"] in found, one is not None)
        self.assertEqual(self.refused(
            422, "GET", "/catalog/products?date_created:min=" + date),
            ["date_created:min"])


class Customers(StoreCase):
    def setUp(self):
        super().setUp()
        self.control.seed("customers", [
            {"id": 1, "email": "b@example.org", "first_name": "Bo",
             "last_name": "Zorn", "company": "ACME", "phone": "1"},
            {"id": 2, "email": "a@example.org", "first_name": "Ann",
             "last_name": "Bell", "company": "Bolt", "phone": "2"}])

    def test_filters(self):
        for query, expected in (
                ("?name:like=zor,bell", [1, 2]), ("?name:like=ann", [2]),
                ("?name:in=Ann+Bell", [2]), ("?company:in=ACME,x", [1]),
                ("?phone:in=2", [2]), ("?email:in=A@example.org", [2]),
                ("?customer_group_id:in=7", [])):
            self.assertEqual(self.ids(query, CUSTOMERS), expected, query)

    def test_order(self):
        for sort, expected in (("last_name:asc", [2, 1]),
                               ("last_name:desc", [1, 2])):
            self.assertEqual(self.ids("?sort=" + sort, CUSTOMERS), expected)
        for bad in ("last_name", "id", "email:asc"):
            self.assertEqual(self.refused(
                422, "GET", CUSTOMERS + "?sort=" + bad), ["sort"])


if __name__ == "__main__":
    unittest.main()
