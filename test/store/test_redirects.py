"""Redirects: upserts that say little, deletes that may say too much."""

import unittest

from harness import StoreCase

REDIRECTS = "/storefront/redirects"


class RedirectCase(StoreCase):
    def one(self, path="/old", url="/new", **fields):
        return dict({"from_path": path, "site_id": 1000,
                     "to": {"type": "url", "url": url}}, **fields)

    def put(self, *items):
        return self.ok("PUT", REDIRECTS, list(items), status=201).data

    def no(self, *items, status=422):
        return self.refused(status, "PUT", REDIRECTS, list(items))

    def paths(self):
        return {r["id"]: r["from_path"]
                for r in self.control.state("redirects")}


class Write(RedirectCase):
    def test_upsert(self):
        first, second = self.put(self.one(), self.one("/b", "/c"))
        self.assertEqual(first["to"], {"type": "url", "url": "/new"})
        again = self.put(self.one(url="/newer"))[0]
        self.assertEqual((again["id"], again["to"]["url"]),
                         (first["id"], "/newer"))
        self.set(sites=[1000, 1001])
        other = self.put(self.one(site_id=1001))[0]
        self.assertEqual(sorted(self.paths()),
                         [first["id"], second["id"], other["id"]])

    def test_what_is_refused(self):
        for bad in ({"id": 7}, {"from_path": ""}, {"from_path": "old"},
                    {"site_id": 1001}, {"site_id": "1000"}, {"to": None},
                    {"to": {}}, {"to": {"type": "url"}},
                    {"to": {"type": "url", "entity_id": 5}},
                    {"to": {"type": "url", "url": "x" * 2049}},
                    {"to": {"type": "url", "url": "/old"}},
                    {"to": {"type": "product", "url": "/x"}},
                    {"to": {"type": "product", "entity_id": 77777}},
                    {"to": {"type": "thing", "entity_id": 1}},
                    {"to_url": "/x"}):
            self.assertEqual(self.no(self.one("/a"), self.one(**bad)), [],
                             bad)
        for name in ("from_path", "site_id", "to"):
            item = self.one()
            del item[name]
            self.no(item)
        self.no(self.one(), self.one(url="/other"))
        self.assertEqual(self.paths(), {})
        key = self.product("a")["id"]
        self.put(self.one(to={"type": "product", "entity_id": key}))

    def test_or_what_came_before_the_bad_one_is_saved(self):
        made = self.put(self.one("/a", "/x"))[0]
        self.set(redirect_mode="prefix")
        self.no(self.one("/a", "/y"), self.one("/b"), self.one("c"),
                self.one("/d"))
        self.assertEqual(list(self.paths().values()), ["/a", "/b"])
        self.set(redirect_mode="atomic")
        self.no(self.one("/a", "/z"), self.one("c"))
        self.assertEqual(self.ok(
            "GET", REDIRECTS + "?id:in=%d" % made["id"]).data[0]["to"]["url"],
            "/y")

    def test_paths_as_they_are_or_folded(self):
        self.put(self.one("/Old/"), self.one("/old"))
        self.assertEqual(len(self.paths()), 2)
        self.control.post("/reset", {"what": ["catalog"]})
        self.set(redirect_paths="fold")
        made = self.put(self.one("/Old/"))[0]
        self.assertEqual(self.put(self.one("/old"))[0]["id"], made["id"])

    def test_size(self):
        many = [self.one("/p%d" % n) for n in range(51)]
        self.no(*many, status=413)
        self.assertEqual(len(self.put(*many[:50])), 50)


class ReadAndDelete(RedirectCase):
    def test_list(self):
        keys = [r["id"] for r in self.put(*[
            self.one(path) for path in ("/b/c", "/b", "/a", "/bb")])]
        self.assertEqual(self.ids("", REDIRECTS), keys)
        self.assertEqual(self.ids(
            "?site_id=1000&keyword=/b&sort=from_path&direction=asc",
            REDIRECTS), [keys[1], keys[0], keys[3]])
        self.assertEqual(self.ids("?keyword=b&limit=2&page=2", REDIRECTS),
                         keys[3:])
        self.assertEqual(self.ids("?keyword=c", REDIRECTS), [])
        self.assertEqual(self.ids("?id:min=%d" % keys[2], REDIRECTS),
                         keys[2:])
        self.assertEqual(self.ids("?sort=id&direction=desc", REDIRECTS),
                         keys[::-1])
        self.assertEqual(self.ids("?site_id=1", REDIRECTS), [])
        shown = self.ok("GET", REDIRECTS + "?include=to_url").data[0]
        self.assertTrue(shown["to_url"].endswith(".example.com/new"))
        for name in ("from_path", "id:greater", "include_fields"):
            self.assertEqual(self.refused(
                422, "GET", "%s?%s=1" % (REDIRECTS, name)), [name])

    def test_delete(self):
        keys = [r["id"] for r in self.put(self.one("/a"), self.one("/b"),
                                          self.one("/c"))]
        self.refused(422, "DELETE", REDIRECTS)
        self.refused(422, "DELETE", REDIRECTS + "?id:in=")
        self.assertEqual(len(self.paths()), 3)
        self.ok("DELETE", REDIRECTS + "?id:in=%d,1" % keys[0], status=204)
        self.assertEqual(list(self.paths().values()), ["/b", "/c"])
        self.ok("DELETE", REDIRECTS + "?id:in=%d&site_id=1000" % keys[1],
                status=204)
        self.assertEqual(self.paths(), {})
        self.assertEqual(self.control.counts()["violations"],
                         {"unfiltered_delete": 2})

    def test_scope(self):
        self.set(scopes=["store_v2_products"])
        self.assertEqual(self.api("GET", REDIRECTS).status, 403)

    def test_seed_edit_remove(self):
        self.control.seed("redirects", [self.one(id=70)])
        self.control.post("/edit", {"resource": "redirect", "id": 70, "set": {
            "to": {"type": "url", "url": "/x"}}})
        self.assertEqual(self.ok("GET", REDIRECTS).data[0]["to"]["url"], "/x")
        self.control.post("/remove", {"resource": "redirect", "id": 70})
        self.assertEqual(self.paths(), {})


if __name__ == "__main__":
    unittest.main()
