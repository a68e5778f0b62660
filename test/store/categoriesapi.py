"""The API of category trees, families E and F of batch replies."""

import uuid

import categories
import exactjson
import listing
import query
from categories import CHECKS, KIND, READ_ONLY
from exactjson import text
from fields import Bad
from replies import (
    Refused, Reply, counters, detail, error, raw_json, tree_error)


def _uuid(value):
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise Bad("must be a UUID") from None


_UUIDS = query.Param(_uuid, many=True)
_SAME = lambda store, value: value      # noqa: E731


def _named(store, table, value):
    return listing.group_is("name")(store, table, store.fold(value))


def _keyword(store, table, value):
    part = value.casefold()
    fields = ("name", "description", "search_keywords")
    return listing.Filter(lambda r: any(
        part in r.get(field, "").casefold() for field in fields))


def _uuid_not_in(store, table, values):
    refused = set(values)
    return listing.Filter(lambda r: r["category_uuid"] not in refused)


_FILTERS = {
    "category_id:in": (query.INTEGERS, listing.id_in),
    "category_id:not_in": (query.INTEGERS, listing.id_not_in),
    "category_uuid:in": (_UUIDS, listing.unique_in("uuid", _SAME)),
    "category_uuid:not_in": (_UUIDS, _uuid_not_in),
    "tree_id:in": (query.INTEGERS, listing.group_in("tree")),
    "tree_id:not_in": (query.INTEGERS, listing.group_not_in("tree")),
    "parent_id:in": (query.INTEGERS, listing.group_in("parent")),
    "parent_id:not_in": (query.INTEGERS, listing.group_not_in("parent")),
    "page_title": (query.TEXT, listing.equals("page_title")),
    "page_title:like": (query.TEXT, listing.like("page_title")),
    "name": (query.TEXT, _named),
    "name:like": (query.TEXT, listing.like("name")),
    "keyword": (query.TEXT, _keyword),
    "is_visible": (query.BOOLEAN, listing.equals("is_visible")),
}
_LIST_PARAMS = {name: param for name, (param, _) in _FILTERS.items()}
_LIST_PARAMS.update(listing.PAGING)
_LIST_PARAMS.update(listing.CHOICE)
_DELETE_PARAMS = {name: _FILTERS[name][0] for name in (
    "category_id:in", "category_uuid:in", "tree_id:in", "parent_id:in")}


# -- reads -------------------------------------------------------------------

def trees(call):
    values = call.params({"id:in": query.INTEGERS,
                          "channel_id:in": query.INTEGERS})
    ids, channels = values.get("id:in"), values.get("channel_id:in")
    shown = [tree for key, tree in sorted(call.store.trees.items())
             if (ids is None or key in ids)
             and (channels is None or set(channels) & set(tree["channels"]))]
    pagination = {"total": len(shown), "count": len(shown),
                  "per_page": max(50, len(shown)), "current_page": 1,
                  "total_pages": 1 if shown else 0, "links": {"current":
                                                              "?page=1"}}
    return Reply(200, items=[text(tree) for tree in shown],
                 meta='{"pagination":%s}' % text(pagination))


def _select(call, values):
    table = call.store.categories
    return listing.select(table, [
        build(call.store, table, values[name])
        for name, (_, build) in _FILTERS.items() if name in values])


def list_all(call):
    values = call.params(_LIST_PARAMS)
    table = call.store.categories
    choose = listing.chooser(call, KIND, values)
    return listing.paged(call, table, _select(call, values), values,
                         lambda r: KIND.show(table, r, choose))


def whole_tree(call):
    depth = call.params({"depth": query.INTEGER}).get("depth")
    if depth is not None and depth < 0:
        raise Refused(call.invalid({"depth": "depth must not be negative"}))
    tree = call.ids[0]
    if tree not in call.store.trees:
        raise Refused(error(404, "The category tree %d was not found." % tree))
    table = call.store.categories
    roots = [key for key in table.members("parent", 0)
             if categories.tree_of(table.rows[key]) == tree]
    return raw_json({"data": _branches(table, roots, [], depth), "meta": {}})


def _branches(table, keys, path, depth):
    def rank(key):
        return table.rows[key].get("sort_order", 0), key
    return [_branch(table, table.rows[key], path + [key], depth)
            for key in sorted(keys, key=rank)]


def _branch(table, record, path, depth):
    key, level = record["category_id"], len(path) - 1
    below = ()
    if depth is None or level < depth:
        below = table.members("parent", key)
    return {
        "id": key, "parent_id": categories.parent_of(record), "depth": level,
        "path": path, "name": record["name"],
        "is_visible": KIND.value(record, "is_visible"),
        "url": record["url"]["path"],
        "children": _branches(table, below, path, depth)}


# -- writes ------------------------------------------------------------------

def _batch(call):
    items = call.json_array()
    settings = call.store.settings
    most = settings["category_batch"]
    if len(items) > most:
        title = ("The request payload is too large. The maximum items "
                 "allowed in the array is %d." % most)
        if settings["category_batch_status"] == 413:
            raise Refused(error(413, title))
        raise Refused(tree_error(422, title, {}, len(items), len(items)))
    return items


def _run(call, items, save, undo):
    """Save each item by itself; returns saved ids and errors by index.

    In atomic mode one bad item takes back all that were saved before it.
    """
    saved, failures = [], {}
    for position, item in enumerate(items):
        errors = {}
        if call.fails_item(position):
            errors["name"] = "The category could not be saved"
        else:
            key = save(call, item, errors)
        if not errors:
            saved.append(key)
        for field, problem in errors.items():
            failures["%d.%s" % (position, field)] = problem
    if failures and call.store.settings["category_mode"] == "atomic":
        for key in reversed(saved):
            undo(call, key)
        call.forget_changes()
        saved = []
    return saved, failures


def _reply(call, status, items, saved, failures, with_data):
    failed = len(items) - len(saved)
    if failures and not saved:
        title = "The categories were not valid."
        return tree_error(422, title, failures, len(items), failed)
    table = call.store.categories
    shown = None
    if with_data:
        shown = [KIND.show(table, table.rows[key]) for key in saved]
    reply = Reply(status, items=shown,
                  meta=text(counters(len(items), failed)))
    if failures:
        reply.status = call.partial_status(207)
        if reply.status != 207:
            reply.items = None
        reply.errors = text(detail(
            reply.status, "Some categories were not saved.", failures))
    return reply


def _create(call, item, errors):
    needs = {"both": ("name", "parent_id", "tree_id"), "either": ("name",)}
    clean = call.validate(item, CHECKS, errors, READ_ONLY,
                          needs[call.store.settings["category_place"]])
    where = None
    if not errors:
        where = categories.check(call.store, clean, None, errors)
    store = call.store
    if not errors and len(store.categories) >= store.settings[
            "max_categories"]:
        errors["name"] = "The store has the most categories it can have"
    if errors:
        return None
    key = categories.create(store, clean, where)["category_id"]
    call.created("category", key)
    return key


def post(call):
    call.params({})
    items = _batch(call)
    saved, failures = _run(
        call, items, _create,
        lambda call, key: categories.remove(call.store, key))
    return _reply(call, 201, items, saved, failures, with_data=True)


def _check_ids(call, items):
    errors, seen = {}, set()
    for position, item in enumerate(items):
        key = item.get("category_id")
        name = "%d.category_id" % position
        if type(key) is not int or key < 1:
            errors[name] = "category_id is required"
        elif key in seen:
            errors[name] = "category_id %d is in the batch twice" % key
        seen.add(key if type(key) is int else None)
    if errors:
        raise Refused(tree_error(422, "The categories were not valid.",
                                 errors, len(items), len(items)))


def _update(call, item, errors):
    store, key = call.store, item["category_id"]
    record = store.categories.rows.get(key)
    if record is None:
        errors["category_id"] = "There is no category %d" % key
        return None
    rest = {name: value for name, value in item.items()
            if name != "category_id"}
    clean = call.validate(rest, CHECKS, errors, READ_ONLY)
    where = None
    if not errors:
        where = categories.check(store, clean, record, errors)
    if errors:
        return None
    call.before(key, categories.update(store, key, clean, where))
    call.changed("category", key)
    return key


def put(call):
    call.params({})
    items = _batch(call)
    _check_ids(call, items)

    def undo(call, key):
        categories.undo(call.store, key, call.was[key])
    saved, failures = _run(call, items, _update, undo)
    return _reply(call, 200, items, saved, failures, with_data=False)


def delete(call):
    values = call.params(_DELETE_PARAMS)
    listing.refuse_unfiltered(call, values, tree=True)
    store = call.store
    found = list(_select(call, values))
    failures = {}
    if store.settings["category_delete"] == "refuse":
        found = _without_children(store, found, failures)
    gone = 0
    for key in found:
        # It may have gone with its parent just now.
        if key in store.categories.rows:
            for one in categories.remove(store, key):
                call.deleted("category", one)
                gone += 1
    asked = len(set(values.get("category_id:in", ())))
    total = max(asked, gone + len(failures))
    reply = Reply(202, meta=exactjson.text(counters(total, total - gone)))
    if failures:
        reply.status = 207
        reply.errors = text(detail(
            207, "Some categories were not deleted.", failures))
    return reply


def _without_children(store, found, failures):
    free = []
    for key in found:
        if store.categories.members("parent", key):
            failures["%d" % key] = "The category has categories below it"
        else:
            free.append(key)
    return free
