"""The control path: how tests look into the store and steer it.

Nothing here counts against the quota, waits for latency or is journaled.
"""

import re
import time

import elements
import exactjson
import faults
import metafields
import pricelistassignments
import pricerecords
import query
import seeding
import stock
from replies import Reply, raw_json
from store import SettingError, Store


class BadControl(ValueError):
    """A control call that cannot be understood (status 400)."""


class Control:
    """One control call: its parameters, its body and the store it is for."""

    def __init__(self, server, request):
        target, _, text = request.target.partition("?")
        self.server = server
        self.path = target[len("/_control"):]
        raw, _ = query.split(text)
        self.params = {name: query.decode(value)
                       for name, value in raw.items()}
        self.body = exactjson.loads(request.body) if request.body else {}
        self.is_object = isinstance(self.body, dict)
        self._hash = self.params.pop("store", None)
        if self.is_object and "store" in self.body:
            self._hash = self.body.pop("store")

    @property
    def store(self):
        """The store named, or the first one."""
        if self._hash is None:
            return next(iter(self.server.stores.values()))
        if self._hash not in self.server.stores:
            raise BadControl("there is no store %s" % self._hash)
        return self.server.stores[self._hash]

    def number(self, name, default=None):
        value = self.params.get(name, default)
        try:
            return value if value is None else int(value)
        except ValueError:
            raise BadControl("%s must be a number" % name) from None


# -- looking -----------------------------------------------------------------

def _shown(table, control=None):
    kind, rows = table.kind, table.rows
    keys = table.ids
    choose = None
    if control is not None and "ids" in control.params:
        wanted = [int(key) for key in control.params["ids"].split(",")]
        keys = [key for key in wanted if key in rows]
    if control is not None and "fields" in control.params:
        wanted_fields = control.params["fields"].split(",") + [kind.id_field]

        def choose(parts):
            return [f for f in parts if f in wanted_fields]
    return "[%s]" % ",".join(
        kind.show(table, rows[key], choose) for key in keys)


def _state(control):
    control.store.stock.settle()
    parts = ['"%s":%s' % (name, _shown(table))
             for name, table in control.store.tables().items()]
    trees = exactjson.text(list(control.store.trees.values()))
    return _text('{%s,"trees":%s}' % (",".join(parts), trees))


def _state_of(name):
    def show(control):
        control.store.stock.settle()
        return _text(_shown(control.store.tables()[name], control))
    return show


def _metafields_of(name):
    def show(control):
        return _text(_shown(control.store.metafields[name], control))
    return show


def _trees(control):
    return list(control.store.trees.values())


def _welcomed(control):
    """Addresses that a mail of welcome was sent to."""
    return control.store.welcomed


def _options(control):
    """The options of every product that has any, by its id."""
    return {str(key): options for key, options
            in control.store.options.items() if options}


def _stock(control):
    """Levels by location as they can be read, and how many wait."""
    store = control.store
    store.stock.settle()
    rows = store.products.rows
    keys = store.products.ids
    if "ids" in control.params:
        wanted = [int(key) for key in control.params["ids"].split(",")]
        keys = [key for key in wanted if key in rows]
    return [{"product_id": key, "sku": rows[key].get("sku", ""),
             "tracking": stock.tracking(rows[key]),
             "levels": {str(location): at.on_hand for location, at
                        in stock.levels(rows[key]).items()},
             "waiting": store.stock.number_waiting(key)} for key in keys]


def _elements(control):
    """What is below each product."""
    rows = control.store.products.rows
    return [dict(elements.show_all(record, elements.SORTS), product_id=key)
            for key, record in sorted(rows.items())]


def _locations(control):
    return list(control.store.stock.places.values())


def _price_records(control):
    return pricerecords.state(control.store)


def _price_list_assignments(control):
    return pricelistassignments.state(control.store)


def _product_channels(control):
    return sorted(map(list, control.store.product_channels))


def _settle(control):
    control.store.stock.settle(everything=True)
    control.store.unlisted.clear()
    return {}


def _text(text):
    return Reply(200, raw=exactjson.to_bytes(text))


def _counts(control):
    store, server = control.store, control.server
    statuses = {}
    for counter in store.requests.values():
        for status, number in counter.items():
            statuses[status] = statuses.get(status, 0) + number
    return {
        "store": store.hash,
        "records": {name: len(table)
                    for name, table in store.tables().items()},
        "requests": {key: dict(c) for key, c in store.requests.items()},
        "statuses": statuses, "total": sum(statuses.values()),
        "throttled": dict(store.throttled),
        "violations": dict(store.violations),
        "in_flight": store.concurrency.total,
        "max_concurrency": store.concurrency.most,
        "max_in_flight": store.concurrency.most_total,
        "held": len(store.holds.waiting),
        "window": dict(store.window.show(),
                       reset_ms=store.window.reset_ms()),
        "windows": list(store.window.closed),
        "server": dict(server.counts, open=len(server.connections),
                       bugs=server.counts["bugs"]),
        "now": time.monotonic()}


def _journal(control):
    store = control.store
    path = control.params.get("path")
    found = store.journal.select(
        control.number("since", 0), control.params.get("method") or None,
        re.compile(path) if path else None)
    limit = control.number("limit")
    if limit is not None:
        found = found[:limit]
    return {"entries": [entry.show() for entry in found],
            "next": store.journal.next_n, "forgotten":
            store.journal.forgotten, "now": time.monotonic()}


def _clear_journal(control):
    control.store.journal.clear()
    control.store.reset_counts()
    return {}


# -- faults and holds --------------------------------------------------------

def _faults(control):
    return [fault.show() for fault in control.store.faults.faults]


def _add_faults(control):
    """One fault, or an array of them."""
    add = control.store.faults.add
    if control.is_object:
        return add(control.body).show()
    return [add(spec).show() for spec in control.body]


def _drop_faults(control):
    return {"removed": control.store.faults.remove(control.number("id"))}


def _holds(control):
    store = control.store
    return {"holds": [hold.show() for hold in store.holds.holds],
            "waiting": [call.entry.n for _, call in store.holds.waiting]}


def _hold(control):
    if not control.is_object:
        raise BadControl("a hold is an object")
    return control.store.holds.add(control.body).show()


def _release(control):
    body = dict(control.body)
    drop = body.pop("drop", False)
    for name in body:
        if name not in ("id", "n", "most", "stay"):
            raise BadControl("release has no %s" % name)
    chosen = control.store.holds.release(
        body.get("id"), body.get("n"), body.get("most"),
        body.get("stay", False))
    for hold, call in chosen:
        control.server.release(hold, call, drop)
    return {"released": [call.entry.n for _, call in chosen]}


# -- settings and quota ------------------------------------------------------

def _settings(control):
    return dict(control.store.settings, token=control.store.token)


def _change_settings(control):
    changes = dict(control.body)
    token = changes.pop("token", None)
    control.store.change_settings(changes)
    if token is not None:
        control.store.token = token
    return _settings(control)


def _use(control):
    calls = control.body.get("calls")
    if type(calls) is not int or calls < 0:
        raise BadControl("calls must be a number")
    window = control.store.window
    window.roll()
    window.use(calls)
    return window.show()


def _renew_window(control):
    control.store.window.renew()
    return control.store.window.show()


def _disconnect(control):
    """Reset every other connection, as a restarted front end would."""
    others = [c for c in control.server.connections if not c.is_control]
    for connection in others:
        connection.reset()
    return {"reset": len(others)}


# -- the catalog -------------------------------------------------------------

def _seed(control):
    return seeding.seed(control.store, control.body)


def _edit(control):
    return seeding.edit(control.store, control.body)


def _remove(control):
    return seeding.remove(control.store, control.body)


_RESETS = ("catalog", "journal", "faults", "holds", "settings", "quota")


def _reset(control):
    store = control.store
    what = control.body.get("what", list(_RESETS))
    for name in what:
        if name not in _RESETS:
            raise BadControl("cannot reset %s" % name)
    if "holds" in what:
        for hold, call in store.holds.release():
            control.server.release(hold, call, True)
    if "faults" in what:
        store.faults.remove()
    if "settings" in what:
        store.reset_settings()
    if "catalog" in what:
        store.reset_catalog()
    if "journal" in what:
        store.journal.clear()
        store.reset_counts()
    if "quota" in what:
        store.window.forget()
    return {"reset": what}


def _stores(control):
    return [{"store": s.hash, "records": len(s.products)}
            for s in control.server.stores.values()]


def _add_store(control):
    hash_, token = control.body.get("hash"), control.body.get("token")
    if not (isinstance(hash_, str) and re.match(r"[0-9A-Za-z_-]+\Z", hash_)
            and isinstance(token, str) and token):
        raise BadControl("a store needs hash and token")
    if hash_ in control.server.stores:
        raise BadControl("there is a store %s already" % hash_)
    first = next(iter(control.server.stores.values()))
    control.server.stores[hash_] = Store(hash_, token, first.initial)
    return {"store": hash_}


_ROUTES = {
    ("GET", "/state"): _state,
    ("GET", "/state/products"): _state_of("products"),
    ("GET", "/state/brands"): _state_of("brands"),
    ("GET", "/state/categories"): _state_of("categories"),
    ("GET", "/state/customers"): _state_of("customers"),
    ("GET", "/state/addresses"): _state_of("addresses"),
    ("GET", "/state/attributes"): _state_of("attributes"),
    ("GET", "/state/attribute_values"): _state_of("attribute_values"),
    ("GET", "/state/customer_groups"): _state_of("customer_groups"),
    ("GET", "/state/variants"): _state_of("variants"),
    ("GET", "/state/options"): _options,
    ("GET", "/state/price_lists"): _state_of("price_lists"),
    ("GET", "/state/redirects"): _state_of("redirects"),
    **{("GET", "/state/%s_metafields" % name): _metafields_of(name)
       for name in metafields.PARENTS},
    ("GET", "/state/welcomed"): _welcomed,
    ("GET", "/state/trees"): _trees,
    ("GET", "/state/stock"): _stock,
    ("GET", "/state/locations"): _locations,
    ("GET", "/state/elements"): _elements,
    ("GET", "/state/price_records"): _price_records,
    ("GET", "/state/product_channels"): _product_channels,
    ("GET", "/state/price_list_assignments"): _price_list_assignments,
    ("POST", "/settle"): _settle,
    ("GET", "/counts"): _counts,
    ("GET", "/journal"): _journal,
    ("DELETE", "/journal"): _clear_journal,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _add_faults,
    ("DELETE", "/faults"): _drop_faults,
    ("GET", "/hold"): _holds,
    ("POST", "/hold"): _hold,
    ("POST", "/release"): _release,
    ("GET", "/settings"): _settings,
    ("POST", "/settings"): _change_settings,
    ("POST", "/use"): _use,
    ("POST", "/window"): _renew_window,
    ("POST", "/disconnect"): _disconnect,
    ("POST", "/seed"): _seed,
    ("POST", "/edit"): _edit,
    ("POST", "/remove"): _remove,
    ("POST", "/reset"): _reset,
    ("GET", "/stores"): _stores,
    ("POST", "/stores"): _add_store,
}

_PROBLEMS = (BadControl, SettingError, faults.FaultError, seeding.SeedError,
             exactjson.JsonError, query.BadQuery, re.error)


def answer(server, request):
    """The reply to a control request."""
    path = request.target.partition("?")[0][len("/_control"):]
    route = _ROUTES.get((request.method, path))
    if route is None:
        return raw_json({"error": "no control call %s %s"
                         % (request.method, path)}, 404)
    try:
        result = route(Control(server, request))
    except _PROBLEMS as problem:
        return raw_json({"error": str(problem)}, 400)
    return result if isinstance(result, Reply) else raw_json(result)
