"""Assignments of price lists: pairs of a group and a channel, deletes by filters."""

import unittest

from harness import StoreCase

MANY = "/pricelists/assignments"


class AssignmentCase(StoreCase):
    def setUp(self):
        super().setUp()
        self.set(price_lists=[1, 2], price_groups=[5, 6, 7], channels=[1, 2])

    def post(self, *triples, status=200):
        answer = self.api("POST", MANY, [self.item(*t) for t in triples])
        self.assertEqual(answer.status, status)
        return answer

    @staticmethod
    def item(price_list, group, channel):
        item = {"price_list_id": price_list}
        if group:
            item["customer_group_id"] = group
        if channel:
            item["channel_id"] = channel
        return item

    def kept(self):
        return [(r["price_list_id"], r["customer_group_id"], r["channel_id"])
                for r in self.control.state("price_list_assignments")]

    def violations(self):
        return self.control.counts()["violations"]


class Write(AssignmentCase):
    def test_post_has_no_body(self):
        answer = self.post((1, 5, 1), (2, 6, 0), (2, 0, 2))
        self.assertEqual(answer.raw, b"")
        self.assertEqual(self.kept(), [(2, 0, 2), (1, 5, 1), (2, 6, 0)])

    def test_a_refused_batch_is_saved_in_part_or_not_at_all(self):
        answer = self.post((1, 5, 1), (9, 6, 1), (1, 9, 1), (1, 5, 9),
                           (1, 0, 0), (2, 5, 1), status=422)
        self.assertEqual(sorted(answer.json["errors"]),
                         ["1", "2", "3", "4", "5"])
        self.assertEqual(answer.json["meta"], {"saved_records": 1})
        self.assertEqual(self.kept(), [(1, 5, 1)])
        self.set(price_assignment_mode="atomic")
        self.post((1, 6, 1), (9, 6, 2), status=422)
        self.assertEqual(self.kept(), [(1, 5, 1)])

    def test_one_that_exists(self):
        self.post((1, 5, 1))
        self.post((2, 5, 1), status=422)
        self.set(price_assignment_twin="upsert")
        self.post((2, 5, 1))
        self.assertEqual(self.kept(), [(2, 5, 1)])

    def test_at_most_25(self):
        self.post(*[(1, 5, 1)] * 26, status=422)

    def test_put_upserts_one_pair(self):
        pair = {"customer_group_id": 5, "channel_id": 1}
        first = self.ok("PUT", "/pricelists/1/assignments", pair).data["id"]
        self.assertEqual(self.ok("PUT", "/pricelists/2/assignments",
                                 pair).data["id"], first)
        self.assertEqual(self.kept(), [(2, 5, 1)])
        for path, body, status in (
                ("/pricelists/9/assignments", pair, 404),
                ("/pricelists/1/assignments", dict(pair, channel_id=9), 404),
                ("/pricelists/1/assignments", {"channel_id": 1}, 422)):
            self.assertEqual(self.api("PUT", path, body).status, status)

    def test_they_go_with_their_list(self):
        key = self.ok("POST", "/pricelists", {"name": "x"}).data["id"]
        self.post((key, 5, 1), (1, 6, 1))
        self.ok("DELETE", "/pricelists/%d" % key, status=204)
        self.assertEqual(self.kept(), [(1, 6, 1)])


class Read(AssignmentCase):
    def test_filters(self):
        self.post((1, 5, 1), (2, 6, 1), (2, 5, 2))

        def found(query):
            return [r["id"] for r in self.ok("GET", MANY + query).data]
        self.assertEqual(found("?channel_id=1&customer_group_id:in=5,6"),
                         [1, 2])
        self.assertEqual(found("?price_list_id=2"), [3, 2])
        self.assertEqual(found("?id:in=3"), [3])


class Delete(AssignmentCase):
    def setUp(self):
        super().setUp()
        self.post((1, 5, 1), (1, 5, 2), (2, 6, 1))

    def test_by_pair(self):
        self.ok("DELETE", MANY + "?customer_group_id=5&channel_id:in=1", status=204)
        self.assertEqual(self.kept(), [(1, 5, 2), (2, 6, 1)])
        self.ok("DELETE", MANY + "?id=2", status=204)
        self.assertEqual(self.kept(), [(2, 6, 1)])
        self.assertEqual(self.violations(), {})

    def test_a_broad_filter_is_noted(self):
        for query in ("?customer_group_id=5", "?channel_id=1",
                      "?customer_group_id=0&channel_id=1"):
            self.ok("DELETE", MANY + query, status=204)
        self.assertEqual(self.violations(), {"broad_delete": 3})

    def test_no_filter_is_refused(self):
        self.assertEqual(self.api("DELETE", MANY).status, 422)
        self.assertEqual(self.violations(), {"unfiltered_delete": 1})


if __name__ == "__main__":
    unittest.main()
