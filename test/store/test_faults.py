"""Faults on purpose, and requests that are held."""

import http.client
import json
import unittest

from harness import StoreCase, until

BRANDS = "/catalog/brands"
PRODUCTS = "/catalog/products"
CATEGORIES = "/catalog/trees/categories"
LOST = (ConnectionError, http.client.BadStatusLine,
        http.client.IncompleteRead)


class FaultCase(StoreCase):
    def fault(self, do, **spec):
        match = spec.pop("match", {"method": "POST"})
        return self.control.fault(dict(spec, match=match, do=do))

    def post(self, name="x"):
        return self.api("POST", BRANDS, {"name": name})

    def brands(self):
        return [b["name"] for b in self.control.state("brands")]


class Matching(FaultCase):
    def statuses(self, number):
        return [self.post("b%d" % n).status for n in range(number)]

    def test_times_and_skip(self):
        self.fault({"status": 503}, times=2, skip=1)
        self.assertEqual(self.statuses(5), [200, 503, 503, 200, 200])
        self.assertEqual(self.control.call("GET", "/faults")[0]["applied"],
                         2)

    def test_always_until_removed(self):
        number = self.fault({"status": 503})["id"]
        self.assertEqual(self.statuses(3), [503] * 3)
        self.control.unfault(number)
        self.assertEqual(self.statuses(1), [200])

    def test_probability_can_be_repeated(self):
        def run():
            self.control.reset(["catalog", "faults"])
            self.fault({"status": 503}, probability=0.5, seed=7)
            return self.statuses(40)
        first = run()
        self.assertEqual(first, run())
        self.assertEqual(set(first), {200, 503})

    def test_match(self):
        self.fault({"status": 503}, match={"path": "^/catalog/brands$",
                                           "body": '"name": "bad'})
        self.assertEqual(self.post("bad1").status, 503)
        self.assertEqual(self.post("good").status, 200)
        self.control.reset(["faults"])
        self.fault({"status": 503}, match={"query": "page=2"})
        self.assertEqual(self.api("GET", BRANDS + "?page=2").status, 503)
        self.assertEqual(self.api("GET", BRANDS + "?page=1").status, 200)

    def test_first_that_fits(self):
        self.fault({"status": 502}, times=1)
        self.fault({"status": 503})
        self.assertEqual(self.statuses(2), [502, 503])

    def test_journal_names_it(self):
        self.fault({"status": 503}, name="night", times=1)
        self.post()
        self.post()
        self.assertEqual([e["fault"] for e in self.control.journal()],
                         ["night", None])

    def test_refused_calls_use_up_no_fault(self):
        self.fault({"status": 503}, times=1)
        self.assertEqual(self.api("POST", BRANDS, {"name": "x"}, {
            "X-Auth-Token": "bad"}).status, 401)
        self.assertEqual(self.post().status, 503)


class Replies(FaultCase):
    def test_status_headers_body(self):
        self.fault({"status": 429, "rate_headers": False,
                    "headers": {"X-Retry-After": 3, "Content-Type": "a/b"},
                    "body": "slow down"}, times=1)
        self.set(quota=100)
        answer = self.post()
        self.assertEqual((answer.status, answer.raw), (429, b"slow down"))
        self.assertEqual(answer.headers["x-retry-after"], "3")
        self.assertEqual(answer.headers["content-type"], "a/b")
        self.assertNotIn("x-rate-limit-requests-left", answer.headers)
        self.fault({"status": 500, "body": {"a": [1]}})
        answer = self.post()
        self.assertEqual(answer.json, {"a": [1]})
        self.assertIn("x-rate-limit-requests-left", answer.headers)
        self.assertEqual(self.brands(), [])

    def test_status_after_processing(self):
        self.fault({"status": 500, "process": True})
        self.assertEqual(self.post().status, 500)
        self.assertEqual(self.brands(), ["x"])

    def test_html_and_redirect(self):
        self.fault({"html": True}, times=1)
        answer = self.post()
        self.assertEqual(answer.status, 503)
        self.assertIn("html", answer.headers["content-type"])
        self.fault({"redirect": "http://other/x", "status": 307})
        answer = self.post()
        self.assertEqual((answer.status, answer.headers["location"]),
                         (307, "http://other/x"))
        self.assertEqual(self.brands(), [])

    def test_spoilt_bodies(self):
        for number, do in enumerate((
                {"malformed": True}, {"empty": True}, {"huge": 300000},
                {"deep": 50000})):
            self.control.reset(["faults"])
            self.fault(do)
            answer = self.post("b%d" % number)
            self.assertEqual(answer.status, 200)
            if "malformed" in do:
                self.assertRaises(ValueError, json.loads, answer.raw)
            elif "empty" in do:
                self.assertEqual(answer.raw, b"")
            elif "huge" in do:
                self.assertEqual(len(answer.raw), 300000)
                self.assertEqual(answer.data, [])
            else:
                self.assertIn(b"[" * 50000, answer.raw)
        self.assertEqual(self.brands(), ["b0", "b1", "b2", "b3"])

    def test_members_are_changed(self):
        self.fault({"set": {"id": -1, "name": "other"}})
        reply = self.post("mine").json["data"]
        self.assertEqual((reply["id"], reply["name"]), (-1, "other"))
        self.assertEqual(self.brands(), ["mine"])

    def test_endless_list(self):
        self.fault({"endless": 3}, match={"method": "GET"})
        page = self.api("GET", BRANDS + "?page=2&limit=50").json
        self.assertEqual([r["id"] for r in page["data"]], [4, 5, 6])
        self.assertEqual(page["meta"]["pagination"]["total_pages"], 4)
        page = self.api("GET", PRODUCTS + "?id:greater=40").json
        self.assertEqual([r["id"] for r in page["data"]], [41, 42, 43])

    def test_delay(self):
        self.fault({"delay_ms": 15})
        self.assertEqual(self.post().status, 200)
        entry = self.control.journal()[-1]
        self.assertGreaterEqual(entry["t_end"] - entry["t"], 0.015)

    def test_close(self):
        self.fault({"close": True}, times=1)
        self.assertEqual(self.post().headers["connection"], "close")
        self.assertEqual(self.post("y").status, 200)


class Lost(FaultCase):
    def lose(self, do):
        self.fault(do, times=1)
        self.assertRaises(LOST, self.post)
        self.api.close()
        entry = self.control.journal()[-1]
        self.assertIs(entry["delivered"], False)
        return entry

    def test_before(self):
        entry = self.lose({"lose": "before"})
        self.assertIsNone(entry["status"])
        self.assertEqual(entry["created"], [])
        self.assertEqual(self.brands(), [])
        self.assertEqual(self.control.counts()["requests"],
                         {"POST /catalog/brands": {"lost": 1}})

    def test_after(self):
        entry = self.lose({"lose": "after"})
        self.assertEqual(len(entry["created"]), 1)
        self.assertEqual(self.brands(), ["x"])

    def test_a_loss_is_a_reset(self):
        self.fault({"lose": "after"})
        self.assertRaises(ConnectionResetError, self.post)

    def test_cut(self):
        entry = self.lose({"cut": 20})
        self.assertEqual(entry["status"], 200)
        self.assertEqual(self.brands(), ["x"])

    def test_delivered(self):
        self.assertEqual(self.post().status, 200)
        self.assertIs(self.control.journal()[-1]["delivered"], True)


class Partial(FaultCase):
    def setUp(self):
        super().setUp()
        self.keys = [self.product("p%d" % n)["id"] for n in range(4)]
        self.items = [{"id": key, "price": 9} for key in self.keys]

    def put(self, do):
        self.fault(do, match={"method": "PUT"}, times=1)
        return self.api("PUT", PRODUCTS, self.items)

    def saved(self):
        return [p["id"] for p in self.control.state("products")
                if p["price"] == 9]

    def test_items_of_a_batch_fail(self):
        answer = self.put({"partial": {"fail": [1, 3]}})
        self.assertEqual(answer.status, 207)
        self.assertEqual([p["id"] for p in answer.data],
                         [self.keys[0], self.keys[2]])
        self.assertEqual(list(self.errors_of(answer)), ["name"])
        self.assertEqual(self.saved(), [self.keys[0], self.keys[2]])

    def test_items_are_saved_behind_a_422(self):
        answer = self.put({"partial": {"save": 2, "status": 422,
                                       "errors": {"price": "bad"}}})
        self.assertEqual(answer.status, 422)
        self.assertNotIn("data", answer.json)
        self.assertEqual(self.errors_of(answer), {"price": "bad"})
        self.assertEqual(self.saved(), self.keys[:2])

    def test_fields_are_not_saved(self):
        self.fault({"partial": {"fields": ["inventory_level"]}},
                   match={"path": "products"})
        answer = self.api("PUT", PRODUCTS, [
            {"id": self.keys[0], "price": 9, "inventory_level": 5},
            {"id": self.keys[1], "price": 9}])
        self.assertEqual(answer.status, 207)
        self.assertEqual([(p["id"], p["inventory_level"])
                          for p in answer.data],
                         [(self.keys[0], 0), (self.keys[1], 0)])
        self.assertEqual(list(self.errors_of(answer)), ["inventory_level"])
        self.assertEqual(self.saved(), self.keys[:2])
        answer = self.api("POST", PRODUCTS, {
            "name": "new", "type": "physical", "price": 1, "weight": 1,
            "inventory_level": 5})
        self.assertEqual((answer.status, type(answer.data)), (207, list))
        answer = self.api("PUT", "%s/%d" % (PRODUCTS, self.keys[0]),
                          {"inventory_level": 5})
        self.assertEqual((answer.status, type(answer.data)), (207, dict))

    def test_drop_and_reorder(self):
        answer = self.put({"drop_item": 1})
        self.assertEqual([p["id"] for p in answer.data],
                         [self.keys[n] for n in (0, 2, 3)])
        answer = self.put({"reorder": True})
        self.assertEqual([p["id"] for p in answer.data], self.keys[::-1])
        self.assertEqual(self.saved(), self.keys)

    def test_categories(self):
        self.fault({"partial": {"fail": [0]}}, match={"path": "trees"})
        items = [{"tree_id": 1, "name": n} for n in "ab"]
        answer = self.api("POST", CATEGORIES, items)
        self.assertEqual(answer.status, 207)
        self.assertEqual([c["name"] for c in answer.data], ["b"])
        self.assertEqual(list(self.errors_of(answer)), ["0.name"])
        self.control.reset(["faults", "catalog"])
        self.fault({"partial": {"fail": [0], "status": 422}},
                   match={"path": "trees"})
        answer = self.api("POST", CATEGORIES, items)
        self.assertEqual(answer.status, 422)
        self.assertNotIn("data", answer.json)
        self.assertEqual(answer.meta["success"], 1)
        self.assertEqual(len(self.control.state("categories")), 1)


class Holding(FaultCase):
    def hold_one(self, **spec):
        """Send one request that is held; its client and journal entry."""
        self.control.hold(dict({"match": {"method": "POST"}}, **spec))
        client = self.client()
        client.send("POST", BRANDS, {"name": "x"})
        entries = until(lambda: [e for e in self.control.journal()
                                 if e["t_end"] is None])
        return client, entries[0]

    def test_processed_now(self):
        client, entry = self.hold_one()
        self.assertIsNone(entry["delivered"])
        self.assertEqual(entry["created"], [["brand", 35]])
        self.assertEqual(self.brands(), ["x"])
        self.assertEqual(self.control.release()["released"], [entry["n"]])
        self.assertEqual(client.receive().status, 200)
        self.assertIs(self.control.journal()[-1]["delivered"], True)
        self.assertEqual(self.post("y").status, 200)

    def test_processed_on_release(self):
        client, _ = self.hold_one(process="release")
        self.assertEqual(self.brands(), [])
        self.control.release()
        self.assertEqual(client.receive().status, 200)
        self.assertEqual(self.brands(), ["x"])

    def test_never_processed(self):
        client, _ = self.hold_one(process="never")
        self.control.release()
        self.assertRaises(LOST, client.receive)
        self.assertEqual(self.brands(), [])

    def test_dropped(self):
        client, entry = self.hold_one()
        self.control.release({"drop": True})
        self.assertRaises(LOST, client.receive)
        self.assertEqual(self.brands(), ["x"])
        self.assertIs(self.control.journal()[-1]["delivered"], False)

    def test_times_and_numbers(self):
        client, entry = self.hold_one(times=1)
        self.assertEqual(self.post("y").status, 200)
        self.assertEqual(self.control.release({"n": 99})["released"], [])
        self.control.release({"n": entry["n"]})
        self.assertEqual(client.receive().status, 200)

    def test_one_of_several(self):
        self.control.hold({"match": {"method": "POST"}})
        clients = [self.client() for _ in range(3)]
        for number, client in enumerate(clients):
            client.send("POST", BRANDS, {"name": "b%d" % number})
            until(lambda: self.control.counts()["held"] == number + 1)
        self.control.release({"most": 1, "stay": True})
        self.assertEqual(clients[0].receive().status, 200)
        self.assertEqual(self.control.counts()["held"], 2)
        self.control.release()
        for client in clients[1:]:
            self.assertEqual(client.receive().status, 200)

    def test_a_client_that_gives_up(self):
        client, entry = self.hold_one(process="release")
        client.close()
        until(lambda: self.control.counts()["server"]["open"] == 1)
        self.control.release()
        self.assertEqual(self.brands(), ["x"])
        entry = self.control.journal()[-1]
        self.assertEqual((entry["delivered"], entry["status"]),
                         (False, None))

    def test_with_a_fault(self):
        self.fault({"lose": "after"}, times=1)
        client, entry = self.hold_one()
        self.assertEqual(entry["fault"], "1:lose")
        self.control.release()
        self.assertRaises(LOST, client.receive)

    def test_reset_lets_nobody_wait(self):
        client, _ = self.hold_one()
        self.control.reset()
        self.assertRaises(LOST, client.receive)


if __name__ == "__main__":
    unittest.main()
