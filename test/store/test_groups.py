"""V2: groups of customers and tax classes; channels."""

import unittest

from harness import StoreCase

GROUPS = "/customer_groups"


class V2Case(StoreCase):
    def setUp(self):
        super().setUp()
        self.v2 = self.client(version="v2")

    def get(self, path, status=200):
        answer = self.v2("GET", path)
        self.assertEqual(answer.status, status, answer.raw)
        return answer.json if answer.raw else None

    def write(self, method, path, body, status=200):
        answer = self.v2(method, path, body)
        self.assertEqual(answer.status, status, answer.raw)
        return answer.json if answer.raw else None

    def no(self, method, path, body=None, status=400):
        """Refused, in the words of V2."""
        answer = self.v2(method, path, body)
        self.assertEqual(answer.status, status, answer.raw)
        self.assertEqual(list(answer.json[0]), ["status", "message"])
        return answer.json[0]["message"]


class Groups(V2Case):
    def post(self, name, **fields):
        return self.write("POST", GROUPS, dict(fields, name=name))

    def test_bare_records(self):
        made = self.post("VIP")
        self.assertEqual(made["category_access"], {"type": "all"})
        path = "%s/%d" % (GROUPS, made["id"])
        self.assertEqual(self.get(path), made)
        self.assertEqual(
            self.write("PUT", path, {"is_default": True})["name"], "VIP")
        self.assertEqual([g["id"] for g in self.get(GROUPS)], [made["id"]])
        self.assertEqual(self.get(GROUPS + "/count"), {"count": 1})
        self.assertIsNone(self.write("DELETE", path, None, 204))
        self.assertIsNone(self.get(GROUPS, 204))
        self.set(v2_empty=200)
        self.assertEqual(self.get(GROUPS), [])

    def test_listed_later(self):
        self.set(list_delay_ms=3600000)
        self.post("VIP")
        self.assertIsNone(self.get(GROUPS, 204))
        self.control.post("/settle")
        self.assertEqual(len(self.get(GROUPS)), 1)

    def test_pages_and_filters(self):
        for n in range(60):
            self.post("g%d" % n)
        self.assertEqual(len(self.get(GROUPS)), 50)
        self.assertEqual(len(self.get(GROUPS + "?page=2&limit=40")), 20)
        self.assertEqual(len(self.get(GROUPS + "?limit=1000")), 60)
        self.assertEqual([g["name"] for g in self.get(GROUPS + "?name=g7")],
                         ["g7"])
        self.no("GET", GROUPS + "?sort=name")

    def test_refused(self):
        for bad in ({}, {"name": ""}, {"name": "x", "id": 3},
                    {"name": "x", "discount_rules": [{"type": "all"}]},
                    {"name": "x", "category_access": {"type": "specific"}},
                    {"name": "x", "discount_rules": [
                        {"type": "price_list", "price_list_id": 99}]}):
            self.no("POST", GROUPS, bad)
        self.no("GET", GROUPS + "/99")
        self.no("DELETE", GROUPS + "/99")
        self.set(group_missing=404)
        self.no("PUT", GROUPS + "/99", {"name": "x"}, 404)
        self.post("x")
        self.post("x")
        self.set(group_names="unique")
        self.no("POST", GROUPS, {"name": "x"})
        self.post("guests", is_group_for_guests=True)
        self.no("POST", GROUPS, {"name": "y", "is_group_for_guests": True})
        self.set(scopes=[])
        self.no("GET", GROUPS, status=403)

    def test_rules(self):
        percent = {"method": "percent", "amount": "5"}
        product = self.product()["id"]
        made = self.post("a", discount_rules=[
            dict(percent, type="product", product_id=product),
            dict(percent, type="all")])
        self.assertEqual(len(made["discount_rules"]), 2)
        self.no("PUT", "%s/%d" % (GROUPS, made["id"]), {"discount_rules": [
            dict(percent, type="all"), dict(percent, type="all")]})
        self.control.fault({"do": {"partial": {"fields": [
            "discount_rules"]}}})
        self.assertEqual(self.write("POST", GROUPS, {
            "name": "b", "discount_rules": [dict(percent, type="all")]},
            207)["status"], 207)
        self.assertEqual(self.control.state("customer_groups")[1][
            "discount_rules"], [])

    def test_customers_have_groups_that_exist(self):
        body = [{"email": "a@b", "first_name": "A", "last_name": "B",
                 "customer_group_id": 5}]
        self.assertEqual(self.api("POST", "/customers", body).status, 422)
        self.control.seed("customer_groups", [{"id": 5, "name": "g"}])
        self.ok("POST", "/customers", body)

    def test_amounts(self):
        rule = {"type": "all", "method": "percent", "amount": "5.5"}
        for how, shown in (("padded", "5.5000"), ("as_sent", "5.5")):
            self.set(group_amounts=how)
            self.assertEqual(self.post(how, discount_rules=[rule])[
                "discount_rules"][0]["amount"], shown)

    def test_customers_lose_their_group(self):
        self.control.seed("customer_groups", [{"id": 5, "name": "g"}])
        self.control.seed("customers", [{
            "id": 1, "email": "a@b", "first_name": "A", "last_name": "B",
            "customer_group_id": 5}])
        self.control.post("/edit", {"resource": "customer_group", "id": 5,
                                    "set": {"name": "h"}})
        self.control.post("/remove", {"resource": "customer_group", "id": 5})
        self.assertEqual(
            self.control.state("customers")[0]["customer_group_id"], 0)


class Names(V2Case):
    def test_tax_classes(self):
        self.assertEqual(self.get("/tax_classes")[1],
                         {"id": "1", "name": "Non-Taxable Products"})
        self.no("GET", "/tax_classes?name=x")

    def test_channels(self):
        self.set(channels=[1, 3])
        shown = self.ok("GET", "/channels?available=true")
        self.assertEqual([(c["id"], c["name"]) for c in shown.data],
                         [(1, "Storefront"), (3, "Channel 3")])
        self.assertEqual(shown.meta["pagination"]["total"], 2)
        self.assertEqual(self.ok("GET", "/channels?available=false").data, [])


if __name__ == "__main__":
    unittest.main()
