"""Category trees: creation, moving, deletion, families E and F."""

import unittest

from harness import StoreCase

CATEGORIES = "/catalog/trees/categories"


class CategoryCase(StoreCase):
    def post(self, items, status=201):
        return self.ok("POST", CATEGORIES, items, status)

    def put(self, items, status=200):
        return self.ok("PUT", CATEGORIES, items, status)

    def kept(self, field="name"):
        return {c["category_id"]: c[field]
                for c in self.control.state("categories")}

    def chain(self, length):
        """Categories each below the one before; their ids."""
        keys = [self.category("level 1")["category_id"]]
        for level in range(2, length + 1):
            keys.append(self.category("level %d" % level,
                                      parent_id=keys[-1])["category_id"])
        return keys


class Create(CategoryCase):
    def test_both_places(self):
        self.set(category_place="both")
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "a", "tree_id": 1}, {"name": "b", "parent_id": 1}]),
            ["0.parent_id", "1.tree_id"])
        top = self.post([{"name": "a", "tree_id": 1, "parent_id": 0}])
        key = top.data[0]["category_id"]
        self.post([{"name": "b", "tree_id": 1, "parent_id": key}])

    def test_reply(self):
        answer = self.post([{"tree_id": 1, "name": "Stools"},
                            {"tree_id": 1, "name": "Chairs"}])
        self.assertEqual(answer.meta, {"total": 2, "success": 2, "failed": 0})
        self.assertEqual([c["name"] for c in answer.data],
                         ["Stools", "Chairs"])
        first = answer.data[0]
        self.assertEqual((first["parent_id"], first["tree_id"]), (0, 1))
        self.assertEqual(first["url"],
                         {"path": "/stools/", "is_customized": False})
        self.assertRegex(first["category_uuid"], r"^[0-9a-f-]{36}$")
        self.assertNotIn("id", first)
        self.assertEqual(
            self.control.journal(method="POST")[-1]["created"],
            [["category", c["category_id"]] for c in answer.data])

    def test_child(self):
        parent = self.category("A")["category_id"]
        child = self.category("B", parent_id=parent)
        self.assertEqual(child["tree_id"], 1)
        self.assertEqual(child["url"]["path"], "/a/b/")
        self.category("C", parent_id=parent, tree_id=1)

    def test_place(self):
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "a"}, {"name": "b", "parent_id": 0},
            {"name": "c", "parent_id": 99}, {"name": "d", "tree_id": 9}]),
            ["0.tree_id", "1.tree_id", "2.parent_id", "3.tree_id"])

    def test_place_in_another_tree(self):
        self.control.seed("trees", [{"id": 2, "name": "Second"}])
        parent = self.category("A")["category_id"]
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "b", "parent_id": parent, "tree_id": 2}]),
            ["0.tree_id"])
        self.category("A", tree_id=2)

    def test_partial_success(self):
        answer = self.post([{"tree_id": 1, "name": "a"}, {"tree_id": 1},
                            {"tree_id": 1, "name": "a"}], status=207)
        self.assertEqual(answer.meta, {"total": 3, "success": 1, "failed": 2})
        self.assertEqual(len(answer.data), 1)
        self.assertEqual(sorted(self.errors_of(answer)),
                         ["1.name", "2.name"])
        self.assertEqual(list(self.kept().values()), ["a"])

    def test_atomic_mode(self):
        self.set(category_mode="atomic")
        answer = self.post([{"tree_id": 1, "name": "a"}, {"tree_id": 1}],
                           status=422)
        self.assertEqual(answer.meta, {"total": 2, "success": 0, "failed": 2})
        self.assertNotIn("data", answer.json)
        self.assertEqual(self.kept(), {})

    def test_all_failed(self):
        answer = self.post([{"tree_id": 1, "name": "x" * 51}], status=422)
        self.assertEqual(list(self.errors_of(answer)), ["0.name"])
        self.assertEqual(answer.meta["failed"], 1)

    def test_fields(self):
        for field, value in (
                ("name", ""), ("name", 5), ("search_keywords", "x" * 256),
                ("layout_file", "x" * 51), ("default_product_sort", "best"),
                ("meta_description", "x" * 65536), ("is_visible", 1),
                ("description", "x" * 65536), ("sort_order", 2 ** 31),
                ("url", "/a/"), ("url", {"url": "/a/"}),
                ("url", {"path": "/" + "x" * 255}), ("id", 5),
                ("category_id", 5), ("colour", "red"), ("views", -1),
                ("meta_keywords", "a"), ("tree_id", "1")):
            body = [dict({"tree_id": 1, "name": "a"}, **{field: value})]
            self.assertEqual(self.refused(422, "POST", CATEGORIES, body),
                             ["0." + field], (field, value))

    def test_shape(self):
        answer = self.api("POST", CATEGORIES, {"tree_id": 1, "name": "a"})
        self.assertEqual(answer.status, 400)
        self.assertEqual(answer.json["errors"][0]["status"], 400)
        self.assertEqual(self.api("POST", CATEGORIES, "[{").status, 400)
        self.refused(422, "POST", CATEGORIES, [])

    def test_batch_size(self):
        items = [{"tree_id": 1, "name": "c%d" % n} for n in range(11)]
        self.refused(413, "POST", CATEGORIES, items)
        self.set(category_batch_status=422)
        answer = self.post(items, status=422)
        self.assertEqual(answer.meta["failed"], 11)
        self.set(category_batch=50)
        self.post(items)

    def test_siblings(self):
        a = self.category("A")["category_id"]
        self.category("B", parent_id=a)
        self.category("B")
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "B", "parent_id": a}]), ["0.name"])
        self.category("b", parent_id=a)

    def test_urls(self):
        self.category("A", url={"path": "/x/"})
        self.product(custom_url={"url": "/p/"})
        for path in ("/x/", "/p/"):
            self.assertEqual(self.refused(422, "POST", CATEGORIES, [
                {"tree_id": 1, "name": "B", "url": {"path": path}}]),
                ["0.url"])

    def test_depth(self):
        keys = self.chain(8)
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "deep", "parent_id": keys[-1]}]), ["0.parent_id"])

    def test_most_categories(self):
        self.set(max_categories=1)
        self.category("a")
        self.assertEqual(self.refused(422, "POST", CATEGORIES, [
            {"name": "b", "tree_id": 1}]), ["0.name"])


class Update(CategoryCase):
    def test_reply_has_no_data(self):
        made = self.category("a", description="x")
        answer = self.put([{"category_id": made["category_id"],
                            "name": "b"}])
        self.assertEqual(answer.json, {
            "meta": {"total": 1, "success": 1, "failed": 0}})
        self.assertEqual(self.control.state("categories")[0],
                         dict(made, name="b"))

    def test_partial_success(self):
        a, b = [self.category(n)["category_id"] for n in "ab"]
        answer = self.put([{"category_id": a, "name": "c"},
                           {"category_id": b, "name": "c"},
                           {"category_id": 99}], status=207)
        self.assertEqual(answer.meta, {"total": 3, "success": 1, "failed": 2})
        self.assertNotIn("data", answer.json)
        self.assertEqual(sorted(self.errors_of(answer)),
                         ["1.name", "2.category_id"])
        self.assertEqual(self.kept(), {a: "c", b: "b"})

    def test_atomic_mode(self):
        self.set(category_mode="atomic")
        a, b = [self.category(n)["category_id"] for n in "ab"]
        self.put([{"category_id": a, "name": "c", "url": {"path": "/q/"}},
                  {"category_id": b, "name": ""}], status=422)
        self.assertEqual(self.kept(), {a: "a", b: "b"})
        self.category("c", url={"path": "/q/"})

    def test_ids(self):
        a = self.category("a")["category_id"]
        self.assertEqual(self.refused(422, "PUT", CATEGORIES, [
            {"name": "x"}, {"category_id": a}, {"category_id": a},
            {"category_id": "1"}]),
            ["0.category_id", "2.category_id", "3.category_id"])

    def test_move(self):
        a, b = [self.category(n)["category_id"] for n in "ab"]
        child = self.category("c", parent_id=a)["category_id"]
        self.put([{"category_id": child, "parent_id": b}])
        self.assertEqual(self.kept("parent_id")[child], b)
        self.put([{"category_id": child, "parent_id": 0}])
        self.assertEqual(self.kept("parent_id")[child], 0)

    def test_move_below_itself(self):
        keys = self.chain(3)
        for below in (keys[0], keys[2]):
            self.assertEqual(self.refused(422, "PUT", CATEGORIES, [
                {"category_id": keys[0], "parent_id": below}]),
                ["0.parent_id"])

    def test_move_too_deep(self):
        keys = self.chain(6)
        other = self.category("other")["category_id"]
        child = self.category("x", parent_id=other)["category_id"]
        self.category("y", parent_id=child)
        self.assertEqual(self.refused(422, "PUT", CATEGORIES, [
            {"category_id": other, "parent_id": keys[-1]}]), ["0.parent_id"])
        self.put([{"category_id": child, "parent_id": keys[-1]}])

    def test_move_to_another_tree(self):
        self.control.seed("trees", [{"id": 2}])
        a = self.category("a")["category_id"]
        child = self.category("b", parent_id=a)["category_id"]
        self.put([{"category_id": a, "tree_id": 2}])
        self.assertEqual(self.kept("tree_id"), {a: 2, child: 2})


class Delete(CategoryCase):
    def delete(self, query, status=202):
        return self.ok("DELETE", CATEGORIES + query, status=status)

    def test_reply(self):
        a, b = [self.category(n)["category_id"] for n in "ab"]
        answer = self.delete("?category_id:in=%d,999" % a)
        self.assertEqual(answer.json, {
            "meta": {"total": 2, "success": 1, "failed": 1}})
        self.assertEqual(self.kept(), {b: "b"})

    def test_a_filter_is_required(self):
        self.category()
        self.refused(422, "DELETE", CATEGORIES)
        self.assertEqual(len(self.kept()), 1)

    def test_what_is_below_goes_too_and_products_stay(self):
        keys = self.chain(3)
        other = self.category("other")["category_id"]
        made = self.product(categories=[keys[2], other])
        self.product("alone", categories=[keys[1]])
        answer = self.delete("?category_id:in=%d" % keys[0])
        self.assertEqual(answer.meta["success"], 3)
        self.assertEqual([p["categories"]
                          for p in self.control.state("products")],
                         [[other], []])
        self.assertEqual(
            self.control.state("products")[0]["date_modified"],
            made["date_modified"])
        self.chain(3)

    def test_products_may_be_touched(self):
        self.set(touch_cleared=True)
        key = self.category()["category_id"]
        made = self.product(categories=[key])
        self.set(clock_offset_s=60)
        self.delete("?category_id:in=%d" % key)
        self.assertGreater(
            self.control.state("products")[0]["date_modified"],
            made["date_modified"])

    def test_parents_may_be_refused(self):
        self.set(category_delete="refuse")
        keys = self.chain(2)
        answer = self.delete("?category_id:in=%d" % keys[0], status=207)
        self.assertEqual(list(self.errors_of(answer)), [str(keys[0])])
        self.delete("?parent_id:in=%d" % keys[0])
        self.assertEqual(list(self.kept()), keys[:1])

    def test_by_tree_and_by_uuid(self):
        self.control.seed("trees", [{"id": 2}])
        a = self.category("a", tree_id=2)
        b = self.category("b")
        self.delete("?tree_id:in=2")
        self.assertEqual(list(self.kept()), [b["category_id"]])
        self.delete("?category_uuid:in=" + a["category_uuid"])
        self.delete("?category_uuid:in=" + b["category_uuid"])
        self.assertEqual(self.kept(), {})


class Read(CategoryCase):
    def found(self, query):
        return [c["name"] for c in self.ok("GET", CATEGORIES + query).data]

    def test_filters(self):
        self.control.seed("trees", [{"id": 2, "channels": [5]}])
        a = self.category("Alpha", page_title="First", is_visible=False)
        b = self.category("Beta", parent_id=a["category_id"],
                          description="about alphabets")
        self.category("Gamma", tree_id=2)
        ids = (a["category_id"], b["category_id"])
        for query, expected in (
                ("", ["Alpha", "Beta", "Gamma"]),
                ("?category_id:in=%d,%d" % ids, ["Alpha", "Beta"]),
                ("?category_id:not_in=%d,%d" % ids, ["Gamma"]),
                ("?category_uuid:in=" + b["category_uuid"], ["Beta"]),
                ("?category_uuid:not_in=" + b["category_uuid"],
                 ["Alpha", "Gamma"]),
                ("?tree_id:in=2", ["Gamma"]), ("?tree_id:in=1,2&name=Gamma",
                                               ["Gamma"]),
                ("?tree_id:not_in=2", ["Alpha", "Beta"]),
                ("?parent_id:in=%d" % ids[0], ["Beta"]),
                ("?parent_id:in=0", ["Alpha", "Gamma"]),
                ("?parent_id:not_in=0", ["Beta"]),
                ("?name=Beta", ["Beta"]), ("?name=beta", []),
                ("?name:like=A", ["Alpha", "Beta", "Gamma"]),
                ("?name:like=lph", ["Alpha"]), ("?page_title=First",
                                                ["Alpha"]),
                ("?page_title:like=irs", ["Alpha"]),
                ("?keyword=alpha", ["Alpha", "Beta"]),
                ("?is_visible=false", ["Alpha"]),
                ("?is_visible=true&tree_id:in=1", ["Beta"])):
            self.assertEqual(self.found(query), expected, query)

    def test_pages_and_fields(self):
        for name in "abc":
            self.category(name)
        answer = self.ok("GET", CATEGORIES
                         + "?limit=2&page=2&include_fields=name")
        self.assertEqual([sorted(c) for c in answer.data],
                         [["category_id", "name"]])
        self.assertEqual(answer.meta["pagination"]["total_pages"], 2)
        shown = self.ok("GET", CATEGORIES
                        + "?exclude_fields=url,category_id").data[0]
        self.assertNotIn("url", shown)
        self.assertIn("category_id", shown)

    def test_parameters(self):
        self.assertEqual(self.refused(
            422, "GET", CATEGORIES + "?id:in=5"), ["id:in"])
        self.assertEqual(self.refused(
            422, "GET", CATEGORIES + "?sort=name"), ["sort"])
        answer = self.api("GET", CATEGORIES + "?name=%zz")
        self.assertEqual((answer.status, answer.headers["content-type"]),
                         (400, "text/plain; charset=UTF-8"))

    def test_trees(self):
        self.control.seed("trees", [{"id": 2, "channels": [5]}])
        self.assertEqual(self.ids("", "/catalog/trees"), [1, 2])
        self.assertEqual(self.ids("?channel_id:in=5", "/catalog/trees"), [2])
        self.assertEqual(self.ids("?id:in=1,7", "/catalog/trees"), [1])
        self.assertEqual(
            self.api("PUT", "/catalog/trees", [{"id": 1}]).status, 405)

    def test_whole_tree(self):
        a = self.category("a", sort_order=2)["category_id"]
        b = self.category("b", parent_id=a)["category_id"]
        c = self.category("c", sort_order=1)["category_id"]
        shown = self.ok("GET", "/catalog/trees/1/categories").data
        self.assertEqual([top["id"] for top in shown], [c, a])
        self.assertEqual(shown[1]["children"], [{
            "id": b, "parent_id": a, "depth": 1, "path": [a, b], "name": "b",
            "is_visible": True, "url": "/a/b/", "children": []}])
        shallow = self.ok("GET", "/catalog/trees/1/categories?depth=0").data
        self.assertEqual(shallow[1]["children"], [])
        self.assertEqual(
            self.api("GET", "/catalog/trees/9/categories").status, 404)

    def test_deprecated_family_is_not_there(self):
        self.refused(404, "GET", "/catalog/categories")
        self.refused(404, "GET", "/catalog/categories/1")


if __name__ == "__main__":
    unittest.main()
