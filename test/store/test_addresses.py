"""Addresses: the same one twice is ignored, and not listed in the reply."""

import unittest

from harness import StoreCase

ADDRESSES = "/customers/addresses"


class AddressCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.control.seed("customers", [
            {"id": n, "email": "c%d@example.org" % n, "first_name": "C",
             "last_name": "C"} for n in (1, 2)])

    def one(self, street="Elm St 1", **fields):
        return dict({"customer_id": 1, "first_name": "Ann",
                     "last_name": "Bell", "address1": street, "city": "Oslo",
                     "state_or_province": "Oslo", "postal_code": "0150",
                     "country_code": "NO"}, **fields)

    def post(self, *items):
        return self.ok("POST", ADDRESSES, list(items)).json

    def no(self, *items, method="POST", status=422):
        return self.refused(status, method, ADDRESSES, list(items))


class Write(AddressCase):
    def test_create(self):
        made = self.post(self.one(), self.one("Elm St 2"))["data"]
        self.assertEqual([a["address1"] for a in made],
                         ["Elm St 1", "Elm St 2"])
        self.assertEqual((made[0]["country"], made[0]["address_type"],
                          made[0]["company"]), ("Norway", "residential", ""))

    def test_what_is_refused(self):
        for bad in ({"customer_id": 9}, {"address1": ""}, {"city": "x" * 101},
                    {"country_code": ""}, {"country_code": "NOR"},
                    {"state_or_province": "NY"}, {"address_type": "barn"},
                    {"id": 1}, {"country": "Norway"}, {"phone": None},
                    {"form_fields": [{"name": "Unknown", "value": 1}]}):
            self.assertEqual(self.no(self.one("Elm St 9"), self.one(**bad)),
                             [".address"], bad)
        for name in self.one():
            item = self.one()
            del item[name]
            self.no(item)
        self.assertEqual(self.control.state("addresses"), [])
        self.no(*[self.one(str(n)) for n in range(11)], status=413)

    def test_twins_are_ignored(self):
        self.post(self.one())
        self.assertEqual(self.post(self.one()), {})
        reply = self.post(self.one(), self.one("Elm St 2"), self.one("Elm St 2"),
                          self.one(customer_id=2), self.one(company="ACME"))
        self.assertEqual(len(reply["data"]), 3)
        self.assertEqual(len(self.post(self.one("elm st 1"))["data"]), 1)
        self.control.reset(["catalog"])
        self.setUp()
        self.set(address_twins="fold")
        self.post(self.one())
        self.assertEqual(self.post(self.one("ELM ST 1")), {})

    def test_a_single_one_may_come_bare(self):
        self.set(address_reply="bare")
        self.assertEqual(self.post(self.one())["address1"], "Elm St 1")

    def test_update(self):
        first, second = self.post(self.one(), self.one("Elm St 2"))["data"]
        put = self.ok("PUT", ADDRESSES, [
            {"id": first["id"], "phone": "1"},
            {"id": second["id"], "address1": "Elm St 3"}]).data
        self.assertEqual([a["phone"] for a in put], ["1", ""])
        self.assertEqual(self.ok("PUT", ADDRESSES, [
            {"id": second["id"], "address1": "Elm St 1", "phone": "1"}]).json,
            {})
        self.assertEqual(self.control.state("addresses")[1]["address1"],
                         "Elm St 3")
        same = self.ok("PUT", ADDRESSES, [{"id": first["id"], "phone": "1"}])
        self.assertEqual(len(same.data), 1)
        self.no({"id": first["id"], "customer_id": 2}, method="PUT")
        self.no({"id": 7, "phone": "1"}, method="PUT")
        self.set(address_gone="absent")
        self.assertEqual(self.ok("PUT", ADDRESSES, [
            {"id": 7, "phone": "1"}]).json, {})

    def test_form_fields_are_not_part_of_it(self):
        key = self.post(self.one())["data"][0]["id"]
        self.ok("PUT", ADDRESSES, [{"id": key, "form_fields": [
            {"name": "Hobbies", "value": "Go"}]}])
        self.assertEqual(self.post(self.one(form_fields=[])), {})
        shown = self.ok("GET", ADDRESSES + "?include=formfields").data[0]
        self.assertEqual(shown["form_fields"],
                         [{"name": "Hobbies", "value": "Go"}])


class ReadAndDelete(AddressCase):
    def test_list(self):
        keys = [a["id"] for a in self.post(*[
            self.one(str(n), customer_id=1 + n % 2) for n in range(4)])[
                "data"]]
        self.assertEqual(self.ids("?customer_id:in=2", ADDRESSES), keys[1::2])
        self.assertEqual(self.ids("?id:in=%d,1" % keys[2], ADDRESSES),
                         [keys[2]])
        self.assertEqual(self.ids("?page=2&limit=3", ADDRESSES), [keys[3]])
        for query in ("include_fields=id", "email:in=x", "id=7", "sort=id"):
            self.refused(422, "GET", ADDRESSES + "?" + query)

    def test_delete(self):
        keys = [a["id"] for a in self.post(*[
            self.one(str(n)) for n in range(3)])["data"]]
        self.refused(422, "DELETE", ADDRESSES)
        self.assertEqual(self.control.counts()["violations"],
                         {"unfiltered_delete": 1})
        self.refused(422, "DELETE", ADDRESSES + "?customer_id:in=1")
        self.ok("DELETE", ADDRESSES + "?id:in=%d,5" % keys[0], status=204)
        self.control.remove("customer", 1)
        self.assertEqual(self.control.state("addresses"), [])


if __name__ == "__main__":
    unittest.main()
