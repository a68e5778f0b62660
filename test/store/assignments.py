"""Products assigned to channels and to categories: sets of pairs."""

import fields
import listing
import products
import query
from exactjson import text
from replies import Refused, error, nothing

_ID = fields.integer(1, 2 ** 31 - 1)


class _Channels:
    """Pairs that have a table of their own."""
    other = "channel_id"

    def pairs(self, store):
        return store.product_channels

    def exists(self, store, key):
        return key in store.settings["channels"]

    def add(self, store, product, other):
        store.product_channels.add((product, other))

    def remove(self, store, product, other):
        store.product_channels.discard((product, other))


class _Categories:
    """Pairs that are the categories of products."""
    other = "category_id"

    def pairs(self, store):
        rows = store.products.rows
        return [(key, one) for key in store.products.ids
                for one in rows[key].get("categories", ())]

    def exists(self, store, key):
        return key in store.categories.rows

    def _put(self, store, product, categories):
        products.update(store, product, {"categories": categories})

    def add(self, store, product, other):
        has = list(store.products.rows[product].get("categories", ()))
        if other not in has:
            self._put(store, product, has + [other])

    def remove(self, store, product, other):
        has = store.products.rows[product].get("categories", ())
        self._put(store, product, [one for one in has if one != other])


def _problem(kind, store, item):
    if item["product_id"] not in store.products.rows:
        return str(item["product_id"]), "the product does not exist"
    if not kind.exists(store, item[kind.other]):
        return str(item[kind.other]), "there is no such %s" % kind.other[:-3]
    return None


def _put(kind):
    checks = {"product_id": _ID, kind.other: _ID}

    def put(call):
        call.params({})
        store, settings, errors = call.store, call.store.settings, {}
        items = call.json_array()
        if len(items) > settings["assignment_batch"]:
            raise Refused(error(422, "At most %d pairs can be assigned at "
                                "one time." % settings["assignment_batch"]))
        good = []
        for position, item in enumerate(items):
            bad = {}
            clean = call.validate(item, checks, bad, required=tuple(checks))
            problem = next(iter(bad.items())) if bad else _problem(
                kind, store, clean)
            if problem is None and call.fails_item(position):
                problem = str(clean["product_id"]), "could not be assigned"
            if problem is None:
                good.append(clean)
            else:
                errors[problem[0]] = problem[1]
        if not errors or settings["assignment_mode"] == "partial":
            for one in good:
                kind.add(store, one["product_id"], one[kind.other])
                call.changed(kind.other, [one["product_id"], one[kind.other]])
        if errors:
            raise Refused(error(422, "Some assignments are not valid.",
                                errors))
        return nothing()
    return put


def _fitting(kind, store, values):
    wanted = [values.get(name) for name in ("product_id:in",
                                            kind.other + ":in")]
    return sorted(pair for pair in kind.pairs(store) if all(
        ids is None or one in ids for one, ids in zip(pair, wanted)))


def _delete(kind):
    params = {"product_id:in": query.INTEGERS,
              kind.other + ":in": query.INTEGERS}

    def delete(call):
        values = call.params(params)
        if not values:
            call.violates("unfiltered_delete")
            raise Refused(error(422, "A filter is required."))
        if len(values) < 2 or all(len(ids) > 1 for ids in values.values()):
            call.violates("cross_product")
        for pair in _fitting(kind, call.store, values):
            kind.remove(call.store, *pair)
            call.deleted(kind.other, list(pair))
        return nothing()
    return delete


class _Rows:
    def __init__(self, pairs):
        self.rows = dict(enumerate(pairs))
        self.ids = list(self.rows)


def _list(kind):
    params = dict({"product_id:in": query.INTEGERS,
                   kind.other + ":in": query.INTEGERS}, **listing.PAGING)

    def list_all(call):
        values = call.params(params)
        table = _Rows(_fitting(kind, call.store, values))
        return listing.paged(call, table, table.ids, values, lambda pair:
                             text({"product_id": pair[0],
                                   kind.other: pair[1]}))
    return list_all


CHANNELS = {"PUT": _put(_Channels()), "DELETE": _delete(_Channels()),
            "GET": _list(_Channels())}
CATEGORIES = {"PUT": _put(_Categories()), "DELETE": _delete(_Categories()),
              "GET": _list(_Categories())}
