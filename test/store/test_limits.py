"""Quota, other apps, parallel requests."""

import unittest

from harness import StoreCase, until
from limits import Window

BRANDS = "/catalog/brands"
TREE = "/catalog/trees/1/categories"


class Quota(StoreCase):
    OPTIONS = ("--quota", "5", "--window-ms", "600000")

    def rate(self, answer):
        return {name[len("x-rate-limit-"):]: int(value)
                for name, value in answer.headers.items()
                if name.startswith("x-rate-limit-")}

    def test_headers(self):
        rate = self.rate(self.ok("GET", BRANDS))
        self.assertEqual(rate["time-window-ms"], 600000)
        self.assertTrue(0 < rate["time-reset-ms"] <= 600000)
        self.assertEqual(rate["requests-quota"], 5)
        self.assertEqual(rate["requests-left"], 4)
        self.assertEqual(
            self.rate(self.ok("GET", BRANDS))["requests-left"], 3)

    def test_every_reply_has_them_but_401(self):
        self.assertTrue(self.rate(self.api("GET", "/nothing")))
        self.assertTrue(self.rate(self.api("POST", BRANDS, "{")))
        self.assertFalse(self.rate(self.api(
            "GET", BRANDS, headers={"X-Auth-Token": "x"})))
        self.assertEqual(self.control.counts()["window"]["used"], 2)

    def exhaust(self):
        for _ in range(5):
            self.ok("GET", BRANDS)

    def test_exhausted(self):
        self.exhaust()
        answer = self.api("POST", BRANDS, {"name": "x"})
        self.assertEqual(answer.status, 429)
        self.assertEqual(self.rate(answer)["requests-left"], 0)
        self.assertTrue(1 <= int(answer.headers["x-retry-after"]) <= 600)
        self.assertEqual(self.control.state("brands"), [])
        counts = self.control.counts()
        self.assertEqual(counts["throttled"], {"quota": 1})
        self.assertEqual(counts["window"]["refused"], 1)
        self.assertEqual(counts["window"]["used"], 5)
        entry = self.control.journal()[-1]
        self.assertEqual((entry["status"], entry["throttled"],
                          entry["quota_left"]), (429, "quota", 0))

    def test_retry_after_is_a_choice(self):
        self.exhaust()
        self.set(retry_after=False)
        self.assertNotIn("x-retry-after", self.api("GET", BRANDS).headers)
        self.set(retry_after=7)
        self.assertEqual(
            self.api("GET", BRANDS).headers["x-retry-after"], "7")

    def test_a_new_window(self):
        self.exhaust()
        self.assertEqual(self.api("GET", BRANDS).status, 429)
        self.control.post("/window")
        self.ok("GET", BRANDS)
        filed = self.control.counts()["windows"][-1]
        self.assertEqual((filed["used"], filed["own"], filed["refused"]),
                         (5, 5, 1))

    def test_a_window_ends_by_itself(self):
        self.exhaust()
        self.set(window_ms=1)
        until(lambda: self.api("GET", BRANDS).status == 200)

    def test_another_app(self):
        self.ok("GET", BRANDS)
        self.assertEqual(self.control.use(3)["left"], 1)
        self.ok("GET", BRANDS)
        self.assertEqual(self.api("GET", BRANDS).status, 429)
        window = self.control.counts()["window"]
        self.assertEqual((window["own"], window["other"]), (2, 3))
        self.assertEqual(self.control.use(100)["used"], 5)

    def test_another_app_in_bursts(self):
        self.set(other_app={"calls": 2, "at_ms": [0, 300000]})
        self.control.post("/window")
        self.assertEqual(
            self.rate(self.ok("GET", BRANDS))["requests-left"], 2)

    def test_control_is_free(self):
        for _ in range(20):
            self.control.counts()
        self.ok("GET", BRANDS)

    def test_control_opens_no_window(self):
        self.assertIsNone(self.control.counts()["window"]["start"])
        self.set(window_ms=1)
        self.ok("GET", BRANDS)
        until(lambda: self.control.counts()["window"]["reset_ms"] == 0)
        self.assertEqual(self.control.counts()["windows"], [])

    def test_no_quota_no_headers(self):
        self.set(quota=0)
        for _ in range(10):
            answer = self.ok("GET", BRANDS)
        self.assertEqual(self.rate(answer), {})
        self.assertIsNone(self.control.journal()[-1]["quota_left"])


class Windows(unittest.TestCase):
    """The window by itself, with a clock in hand."""

    def make(self, **changes):
        settings = {"quota": 3, "window_ms": 1000, "window_align": False,
                    "other_app": None, "retry_after": True}
        settings.update(changes)
        self.now = 100.0
        return Window(settings, lambda: self.now)

    def admitted(self, window):
        return [window.admit() for _ in range(4)].count(True)

    def test_first_call_opens_the_window(self):
        window = self.make()
        self.assertEqual(self.admitted(window), 3)
        self.assertEqual(window.reset_ms(), 1000)
        self.now += 0.9995
        self.assertFalse(window.admit())
        self.assertEqual((window.reset_ms(), window.retry_after()), (1, 1))
        self.now += 5.0
        self.assertEqual(self.admitted(window), 3)
        self.assertEqual(window.reset_ms(), 1000)

    def test_aligned_windows_follow_each_other(self):
        window = self.make(window_align=True)
        window.admit()
        self.now += 2.25
        self.assertEqual(self.admitted(window), 3)
        self.assertEqual(window.reset_ms(), 750)

    def test_bursts(self):
        window = self.make(other_app={"calls": 1, "at_ms": [500, 0]})
        self.assertTrue(window.admit())
        self.assertEqual(window.left(), 1)
        self.now += 0.5
        window.roll()
        self.assertEqual(window.left(), 0)
        self.now += 0.5
        self.assertTrue(window.admit())
        self.assertEqual(window.left(), 1)


class Parallel(StoreCase):
    def in_flight(self, number):
        until(lambda: self.control.counts()["held"] == number)

    def test_tree_read_one_at_a_time(self):
        self.control.hold({"match": {"path": "^/catalog/trees"}})
        first = self.client()
        first.send("GET", TREE)
        self.in_flight(1)
        answer = self.api("GET", TREE)
        self.assertEqual(answer.status, 429)
        self.assertEqual(answer.json["title"], "Too many requests")
        self.assertEqual(answer.json["errors"], {})
        self.assertNotIn("x-retry-after", answer.headers)
        self.control.release()
        self.assertEqual(first.receive().status, 200)
        self.ok("GET", TREE)
        counts = self.control.counts()
        self.assertEqual(counts["throttled"], {"concurrency": 1})
        self.assertEqual(counts["max_concurrency"], {
            "GET /catalog/trees/{id}/categories": 1})

    def test_limits_can_be_set(self):
        self.set(concurrency=[{"method": "GET", "path": "^/catalog/brands",
                               "limit": 2}], quota=100,
                 concurrency_headers=False)
        self.control.hold({})
        waiting = [self.client() for _ in range(2)]
        for client in waiting:
            client.send("GET", BRANDS)
        self.in_flight(2)
        answer = self.api("GET", BRANDS)
        self.assertEqual(answer.status, 429)
        self.assertNotIn("x-rate-limit-requests-left", answer.headers)
        other = self.client()
        other.send("POST", BRANDS, {"name": "x"})
        self.in_flight(3)
        self.control.release()
        for client in waiting + [other]:
            self.assertEqual(client.receive().status, 200)
        counts = self.control.counts()
        self.assertEqual(counts["max_in_flight"], 3)
        self.assertEqual(counts["max_concurrency"]["GET /catalog/brands"], 2)
        self.assertEqual(counts["in_flight"], 0)

    def test_limit_of_the_store(self):
        self.set(max_in_flight=1)
        self.control.hold({})
        first = self.client()
        first.send("GET", BRANDS)
        self.in_flight(1)
        self.assertEqual(self.api("GET", TREE).status, 429)
        self.control.release()
        first.receive()

    def test_latency(self):
        self.set(latency_ms=5)
        self.ok("GET", BRANDS)
        entry = self.control.journal()[-1]
        self.assertGreaterEqual(entry["t_end"] - entry["t"], 0.005)


class Slow(StoreCase):
    OPTIONS = ("--quota", "0", "--latency-ms", "600000")

    def test_requests_overlap(self):
        for _ in range(4):
            self.client().send("GET", BRANDS)
        until(lambda: self.control.counts()["in_flight"] == 4)
        counts = self.control.counts()
        self.assertEqual(counts["max_concurrency"]["GET /catalog/brands"], 4)
        self.assertEqual([e["delivered"] for e in self.control.journal()],
                         [None] * 4)


if __name__ == "__main__":
    unittest.main()
