"""Categories of the trees: their rules, and what a write does."""

import re
import uuid

import fields
import metafields
from tables import Kind, Table

DEEPEST = 8
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
_INT32 = 2 ** 31 - 1
_BILLION = 10 ** 9

KIND = Kind("category", "category_id", {
    "category_id": 0, "category_uuid": "", "parent_id": 0, "tree_id": 1,
    "name": "", "description": "", "views": 0, "sort_order": 0,
    "page_title": "", "meta_keywords": [], "meta_description": "",
    "layout_file": "category.html", "image_url": "", "is_visible": True,
    "search_keywords": "", "default_product_sort": "use_store_settings",
    "url": {"path": "", "is_customized": False}})

CHECKS = {
    "name": fields.string(1, 50),
    "parent_id": fields.integer(0, _BILLION),
    "tree_id": fields.integer(1, _BILLION),
    "description": fields.string(0, 65535),
    "views": fields.integer(0, _BILLION),
    "sort_order": fields.integer(-_INT32 - 1, _INT32),
    "page_title": fields.string(),
    "meta_keywords": fields.list_of(fields.string()),
    "meta_description": fields.string(0, 65535),
    "layout_file": fields.string(0, 50),
    "image_url": fields.string(),
    "is_visible": fields.boolean,
    "search_keywords": fields.string(0, 255),
    "default_product_sort": fields.choice(
        "use_store_settings", "featured", "newest", "best_selling",
        "alpha_asc", "alpha_desc", "avg_customer_review", "price_asc",
        "price_desc"),
    "url": fields.obj({"path": fields.string(1, 255),
                       "is_customized": fields.boolean}),
}
READ_ONLY = ("category_id", "category_uuid")


def parent_of(record):
    return record.get("parent_id", 0)


def tree_of(record):
    return record.get("tree_id", 1)


def _sibling_key(store, tree, parent, name):
    # A root's siblings are the roots of its tree, a child's those of its
    # parent whatever the tree.
    return (0 if parent else tree, parent, store.fold(name))


def new_table(store):
    return Table(KIND, {
        "sibling": lambda r: _sibling_key(
            store, tree_of(r), parent_of(r), r["name"]),
        "uuid": lambda r: r["category_uuid"],
    }, {
        "parent": lambda r: (parent_of(r),),
        "tree": lambda r: (tree_of(r),),
        "name": lambda r: (store.fold(r["name"]),),
    }, first_id=23)


# -- the tree ----------------------------------------------------------------

def ancestors(store, key):
    """Ids from the record itself up to its root."""
    rows, path = store.categories.rows, []
    while key:
        path.append(key)
        key = parent_of(rows[key])
    return path


def height(store, key):
    """Levels of a subtree, its top included."""
    children = store.categories.members("parent", key) if key else ()
    return 1 + max((height(store, child) for child in children), default=0)


def subtree(store, key):
    """Ids of a category and of all below it, top first."""
    found = [key]
    for one in found:
        found.extend(sorted(store.categories.members("parent", one)))
    return found


# -- rules -------------------------------------------------------------------

def place(store, clean, record, errors):
    """Where a category will be: (tree_id, parent_id); problems to errors."""
    rows = store.categories.rows
    if record is None and "parent_id" not in clean and "tree_id" not in clean:
        errors["tree_id"] = "tree_id or parent_id is required"
        return None
    parent = clean.get("parent_id", parent_of(record or {}))
    if parent:
        if parent not in rows:
            errors["parent_id"] = "There is no category %d" % parent
            return None
        tree = tree_of(rows[parent])
        if clean.get("tree_id", tree) != tree:
            errors["tree_id"] = "The parent is in tree %d" % tree
        return tree, parent
    if record is None and "tree_id" not in clean:
        errors["tree_id"] = "tree_id is required for a category at the top"
        return None
    tree = clean.get("tree_id", tree_of(record or {}))
    if tree not in store.trees:
        errors["tree_id"] = "There is no category tree %d" % tree
    return tree, 0


def check_place(store, where, key, errors):
    """A category can neither be below itself nor deeper than the limit."""
    above = ancestors(store, where[1])
    if key is not None and key in above:
        errors["parent_id"] = "A category cannot be below itself"
    elif len(above) + height(store, key) > DEEPEST:
        errors["parent_id"] = "Categories can be %d levels deep" % DEEPEST


def check_unique(store, clean, where, record, errors):
    own = record["category_id"] if record else None
    name = clean.get("name", record["name"] if record else None)
    if name is not None:
        holder = store.categories.find(
            "sibling", _sibling_key(store, where[0], where[1], name))
        if holder not in (None, own):
            errors["name"] = (
                "The name %s is in use by category %d beside it"
                % (name, holder))
    path = clean.get("url", {}).get("path")
    if path is not None and store.urls.get(path) not in (
            None, ("category", own)):
        errors["url"] = "The URL %s is in use" % path


def check(store, clean, record, errors):
    """All rules that need the store; returns the place."""
    where = place(store, clean, record, errors)
    if where is not None and not errors:
        check_place(store, where, record and record["category_id"], errors)
        check_unique(store, clean, where, record, errors)
    return where


# -- changes, also used by the control interface -----------------------------

def default_path(store, name, parent):
    slug = "/%s/" % (_NOT_IN_SLUG.sub("-", name.lower()).strip("-") or "c")
    if not parent:
        return slug
    return store.categories.rows[parent]["url"]["path"].rstrip("/") + slug


def create(store, clean, where, key=None):
    record = dict(clean)
    record["category_id"] = (
        store.categories.take_id() if key is None else key)
    record["category_uuid"] = str(uuid.UUID(
        int=store.random.getrandbits(128), version=4))
    record["tree_id"], record["parent_id"] = where
    url = clean.get("url", {})
    if "path" in url:
        path = url["path"]
    else:
        path = store.take_url(default_path(store, clean["name"], where[1]))
    record["url"] = {
        "path": path, "is_customized": url.get("is_customized", "path" in url)}
    store.urls[path] = ("category", record["category_id"])
    store.categories.add(record)
    return record


def update(store, key, clean, where):
    table = store.categories
    changes = dict(clean)
    changes["tree_id"], changes["parent_id"] = where
    if "url" in clean:
        old = table.rows[key]["url"]
        url = dict(old, is_customized=True)
        url.update(clean["url"])
        store.urls.pop(old["path"], None)
        store.urls[url["path"]] = ("category", key)
        changes["url"] = url
    moved = tree_of(table.rows[key]) != where[0]
    before = table.put(key, changes)
    if moved:
        for child in subtree(store, key)[1:]:
            table.put(child, {"tree_id": where[0]})
    return before


def undo(store, key, before):
    table = store.categories
    path = table.rows[key]["url"]["path"]
    store.urls.pop(path, None)
    store.urls[before["url"]["path"]] = ("category", key)
    moved = tree_of(table.rows[key]) != tree_of(before)
    table.restore(key, before)
    if moved:
        for child in subtree(store, key)[1:]:
            table.put(child, {"tree_id": tree_of(before)})


def remove(store, key):
    """Delete a category and all below it; returns their ids.

    Products lose the categories and stay, if need be in none at all.
    """
    gone = subtree(store, key)
    for one in reversed(gone):
        for product in list(store.products.members("category", one)):
            _leave(store, product, one)
        metafields.remove_parent(store, "category", one)
        record = store.categories.remove(one)
        store.urls.pop(record["url"]["path"], None)
    return gone


def _leave(store, product, category):
    table = store.products
    left = [c for c in table.rows[product]["categories"] if c != category]
    changes = {"categories": left}
    if store.settings["touch_cleared"]:
        changes["date_modified"] = store.stamp()
    table.put(product, changes)
