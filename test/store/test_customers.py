"""Customers: batches that name no record, addresses, deletes without ids."""

import unittest

from harness import StoreCase, until

CUSTOMERS = "/customers"
CREATE = [".customer_create"]
ADDRESS = {"first_name": "Ann", "last_name": "Bell", "address1": "Elm St 1",
           "city": "Oslo", "country_code": "NO"}
UPDATE = [".customer_update"]


class CustomerCase(StoreCase):
    def one(self, name="ann", **fields):
        return dict({"email": name + "@example.org", "first_name": name,
                     "last_name": "Bell"}, **fields)

    def post(self, *items):
        return self.ok("POST", CUSTOMERS, list(items)).data

    def no(self, *items, method="POST", status=422):
        return self.refused(status, method, CUSTOMERS, list(items))

    def kept(self):
        return [c["email"] for c in self.control.state("customers")]


class Write(CustomerCase):
    def test_create(self):
        made = self.post(self.one("ann", company="ACME"), self.one("bob"))
        self.assertEqual([c["email"] for c in made],
                         ["ann@example.org", "bob@example.org"])
        self.assertEqual((made[0]["company"], made[0]["channel_ids"],
                          made[0]["origin_channel_id"]), ("ACME", None, 1))
        self.assertEqual(self.control.state("welcomed"), [])

    def test_a_batch_names_no_record(self):
        for bad in ({"first_name": ""}, {"first_name": "x" * 101},
                    {"email": "ann"}, {"email": "a b@example.org"},
                    {"phone": "1" * 51}, {"channel_ids": []},
                    {"customer_group_id": -1}, {"customer_group_id": 1.5},
                    {"nonsense": 1}, {"addresses": [{}]}, {"id": 7},
                    {"attributes": [{"attribute_id": 1,
                                     "attribute_value": "x"}]},
                    {"addresses": [ADDRESS] * 11}, {"addresses": {}},
                    {"authentication": {"new_password": "x"}},
                    {"origin_channel_id": 0}, {"company": None},
                    {"form_fields": [{"name": "Unknown", "value": "x"}]},
                    {"form_fields": [{"name": "Hobbies"}]},
                    {"store_credit_amounts": [{"amount": -1}]},
                    {"accepts_product_review_abandoned_cart_emails": "no"}):
            self.assertEqual(self.no(self.one("bob"), self.one(**bad)),
                             CREATE, bad)
        for name in ("email", "first_name", "last_name"):
            item = self.one()
            del item[name]
            self.assertEqual(self.no(item), CREATE)
        self.assertEqual(self.kept(), [])

    def test_or_what_came_before_the_bad_one_is_saved(self):
        self.set(customer_mode="prefix")
        self.no(self.one("bob"), self.one("ann", phone="1" * 51),
                self.one("cyd"))
        self.assertEqual(self.kept(), ["bob@example.org"])

    def test_sizes(self):
        eleven = [self.one("n%d" % n) for n in range(11)]
        self.no(*eleven, status=413)
        made = self.post(*eleven[:10])
        self.no(*[{"id": c["id"]} for c in made] + [{"id": 1}],
                method="PUT", status=413)

    def test_update(self):
        ann, bob = self.post(self.one("ann"), self.one("bob"))
        self.set(clock_offset_s=60)
        changed = self.ok("PUT", CUSTOMERS, [
            {"id": ann["id"], "notes": "VIP", "channel_ids": [2, 1]}]).data[0]
        self.assertEqual((changed["notes"], changed["channel_ids"],
                          changed["email"]), ("VIP", [2, 1], ann["email"]))
        self.assertGreater(changed["date_modified"], ann["date_modified"])
        self.assertEqual(changed["date_created"], ann["date_created"])
        for bad in ({"notes": "x"}, {"id": 1}, {"id": ann["id"], "email": ""},
                    {"id": bob["id"]}, {"id": ann["id"], "first_name": None},
                    {"id": ann["id"],
                     "trigger_account_created_notification": True}):
            self.assertEqual(self.no({"id": bob["id"], "notes": "no"}, bad,
                                     method="PUT"), UPDATE, bad)
        self.assertEqual(self.control.state("customers")[1]["notes"], "")

    def test_mail_of_welcome(self):
        self.post(self.one("ann", trigger_account_created_notification=True),
                  self.one("bob", trigger_account_created_notification=False))
        self.no(self.one("cyd", trigger_account_created_notification=True),
                self.one("ann"))
        self.assertEqual(self.control.state("welcomed"), ["ann@example.org"])
        self.assertNotIn("trigger_account_created_notification",
                         self.control.state("customers")[0])

    def test_one_address_one_customer(self):
        ann, bob = self.post(self.one("ann"), self.one("bob"))
        self.no(self.one("ANN"))
        self.no(self.one("cyd"), self.one("Cyd"))
        self.no({"id": bob["id"], "email": "Ann@Example.org"}, method="PUT")
        self.ok("PUT", CUSTOMERS, [{"id": ann["id"],
                                    "email": "ANN@example.org"}])
        self.ok("PUT", CUSTOMERS, [
            {"id": ann["id"], "email": "new@example.org"},
            {"id": bob["id"], "email": "ann@example.org"}])

    def test_or_one_of_each_channel(self):
        self.set(email_unique="channel")
        made = self.post(self.one(), self.one(channel_ids=[2]))
        self.no(self.one("Ann"))
        self.no(self.one(channel_ids=[2, 3]))
        self.post(self.one(channel_ids=[3, 2]))
        self.assertEqual(self.ids("?email:in=ANN@example.org", CUSTOMERS),
                         [made[0]["id"], made[1]["id"], made[1]["id"] + 1])


class Parts(CustomerCase):
    def test_below_a_new_one(self):
        self.control.seed("attributes", [{"id": 9, "name": "Age",
                                          "type": "number"}])
        made = self.post(self.one(
            addresses=[ADDRESS, dict(ADDRESS, phone="1"), ADDRESS],
            attributes=[{"attribute_id": 9, "attribute_value": "41"}]))[0]
        self.assertEqual((made["address_count"], made["attribute_count"]),
                         (2, 1))
        self.no(self.one("bob", addresses=[dict(ADDRESS, country_code="")]))
        self.no(self.one("bob", attributes=[
            {"attribute_id": 9, "attribute_value": "old"}]))
        self.no({"id": made["id"], "addresses": []}, method="PUT")
        shown = self.ok("GET", CUSTOMERS +
                        "?include=addresses,attributes").data[0]
        self.assertEqual([a["phone"] for a in shown["addresses"]], ["", "1"])
        self.assertEqual([a["attribute_value"] for a in shown["attributes"]],
                         ["41"])
        self.ok("DELETE", "/customers?id:in=%d" % made["id"], status=204)
        for kind in ("addresses", "attribute_values"):
            self.assertEqual(self.control.state(kind), [])

    def test_a_refused_batch_leaves_nothing_below(self):
        self.no(self.one(addresses=[ADDRESS]), self.one("bob", phone=1))
        self.assertEqual(self.control.state("addresses"), [])

    def test_form_fields_and_credit(self):
        key = self.post(self.one(
            form_fields=[{"name": "Hobbies", "value": ["Chess", "Go"]}],
            store_credit_amounts=[{"amount": 43.15}]))[0]["id"]
        query = CUSTOMERS + "?include=formfields,storecredit"
        for mode, names in (("merge", ["Hobbies", "Shirt size"]),
                            ("replace", ["Shirt size"])):
            self.set(form_field_update=mode)
            self.ok("PUT", CUSTOMERS, [{"id": key, "form_fields": [
                {"name": "Shirt size", "value": 4}]}])
            shown = self.ok("GET", query).data[0]
            self.assertEqual([f["name"] for f in shown["form_fields"]], names)
        self.assertEqual(float(shown["store_credit_amounts"][0]["amount"]),
                         43.15)
        self.assertNotIn("form_fields", self.ok("GET", CUSTOMERS).data[0])

    def test_origin(self):
        self.set(email_unique="channel")
        self.post(self.one(), self.one(origin_channel_id=2))
        self.no(self.one(origin_channel_id=2))


class ReadAndDelete(CustomerCase):
    def test_list(self):
        keys = [c["id"] for c in self.post(
            *[self.one("n%d" % n) for n in range(5)])]
        self.assertEqual(self.ids("", CUSTOMERS), keys)
        self.assertEqual(self.ids("?page=2&limit=2", CUSTOMERS), keys[2:4])
        self.assertEqual(self.ids(
            "?email:in=N3@example.org,n1@example.org,no@example.org",
            CUSTOMERS), [keys[1], keys[3]])
        self.assertEqual(self.ids("?id:in=%d,1" % keys[4], CUSTOMERS),
                         keys[4:])
        self.assertEqual(self.ids("?name:in=n2%20bell", CUSTOMERS), [keys[2]])
        for query in ("include_fields=email", "email=a@example.org",
                      "id=7", "sort=id", "id:greater=1"):
            self.assertEqual(
                self.refused(422, "GET", "/customers?" + query),
                [query.partition("=")[0]])

    def test_delete(self):
        ann, bob = (c["id"] for c in self.post(self.one("ann"),
                                               self.one("bob")))
        self.ok("DELETE", "/customers", status=204)
        self.assertEqual(len(self.kept()), 2)
        self.assertEqual(self.control.counts()["violations"],
                         {"unfiltered_delete": 1})
        self.refused(422, "DELETE", "/customers?id:in=")
        self.refused(422, "DELETE", "/customers?email:in=ann@example.org")
        self.refused(422, "DELETE", "/customers?id:in=" + ",".join(
            str(n) for n in range(1, 102)))
        self.ok("DELETE", "/customers?id:in=%d,%d" % (ann, ann + 900),
                status=204)
        self.assertEqual(self.kept(), ["bob@example.org"])
        self.post(self.one("ann"))

    def test_scope_and_concurrency(self):
        self.set(scopes=["store_v2_products"])
        self.assertEqual(self.api("GET", CUSTOMERS).status, 403)
        self.set(scopes=["store_v2_customers"])
        self.control.post("/hold", {"match": {"method": "POST"}, "times": 3})
        clients = [self.client() for _ in range(3)]
        for n, client in enumerate(clients):
            client.send("POST", CUSTOMERS, [self.one("c%d" % n)])
        until(lambda: self.control.counts()["held"] == 3, "three requests")
        self.assertEqual(self.api("POST", CUSTOMERS,
                                  [self.one()]).status, 429)
        self.control.post("/release", {})
        for client in clients:
            self.assertEqual(client.receive().status, 200)

    def test_seed_edit_remove(self):
        self.control.seed("customers", [
            self.one(id=70), self.one(id=71, origin_channel_id=2)])
        self.assertEqual(self.ids("?email:in=ann@example.org", CUSTOMERS),
                         [70, 71])
        self.control.post("/edit", {"resource": "customer", "id": 71,
                                    "set": {"email": "eve@example.org"}})
        self.control.post("/remove", {"resource": "customer", "id": 70})
        self.assertEqual(self.kept(), ["eve@example.org"])


if __name__ == "__main__":
    unittest.main()
