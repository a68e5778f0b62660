"""Stock: the levels of every product at every location, and when they show.

A product that no adjustment has touched has one level, its inventory_level,
at the default location.  Any other record has "stock": location -> Level.
That dict is never changed in place: whoever has a copy of the record can put
it back.
"""

import time
from collections import deque, namedtuple

from productfields import base_variant_id

DEFAULT_LOCATION = 1
MOST = 2 ** 31 - 1


# known: there was an adjustment, so an absolute one.  safety: stock that is not sold.
Level = namedtuple("Level", "on_hand known safety", defaults=(0, False, 0))
_NONE = Level()


def places(setting):
    """id -> location, as its setting has them."""
    return {one["id"]: {
        "id": one["id"],
        "code": one.get("code", "BC-LOCATION-%d" % one["id"]),
        "label": one.get("label", "Location %d" % one["id"]),
        "enabled": one.get("enabled", True)} for one in setting}


_PLACE = {"id": int, "code": str, "label": str, "enabled": bool}


def fit_places(value):
    """Is this a list of locations with the default one among them?"""
    if not isinstance(value, list) or not all(
            isinstance(one, dict) and "id" in one and set(one) <= set(_PLACE)
            and all(type(item) is _PLACE[name] for name, item in one.items())
            and one["id"] > 0 for one in value):
        return False
    found = places(value)
    return (DEFAULT_LOCATION in found and len(found) == len(value)
            == len({one["code"] for one in found.values()}))


def levels(record):
    """location -> Level of a product."""
    found = record.get("stock")
    if found is None:
        return {DEFAULT_LOCATION: Level(record.get("inventory_level", 0))}
    return found


def level(record, location):
    return levels(record).get(location, _NONE)


def to_sell(at):
    return max(0, at.on_hand - at.safety)


def tracking(record):
    return record.get("inventory_tracking", "none")


def shown_level(store, stock):
    """What the catalog shows as the inventory_level of a product."""
    if store.settings["catalog_level"] == "default":
        return stock.get(DEFAULT_LOCATION, _NONE).on_hand
    return min(MOST, sum(map(to_sell, stock.values())))


def product_of_variant(store, variant):
    """The product whose base variant this is, or None."""
    key, odd = divmod(variant - base_variant_id(0), 2)
    return key if not odd and key in store.products.rows else None


class Stock:
    """Adjustments that were answered and are still to be seen."""

    def __init__(self, store):
        self.store = store
        self.places = None          # id -> location
        self.listed_at = {}         # id -> when a new location is listed
        self._set = None            # what the setting made of them
        self._shown = None
        self._tracked = (None, frozenset())  # versions of the tables, ids
        self.waiting = deque()      # (due, product, location, quantity)

    def adjust(self, key, location, quantity):
        delay = self.store.settings["stock_delay_ms"]
        if not delay:
            self.set_now(key, location, quantity)
            return
        self.waiting.append((time.monotonic() + delay / 1000.0, key, location,
                             quantity))

    def set_now(self, key, location, quantity, safety=None):
        self.flush(key)
        self._put(key, location, quantity, safety)

    def settle(self, everything=False):
        """Show what is due.  The order is that of the requests."""
        now = time.monotonic()
        if everything:
            self.listed_at.clear()
        while self.waiting and (everything or self.waiting[0][0] <= now):
            self._put(*self.waiting.popleft()[1:])

    def flush(self, key):
        """Show what waits for one product, before the catalog writes it."""
        if not self.waiting:
            return
        mine = [one for one in self.waiting if one[1] == key]
        if mine:
            self.waiting = deque(o for o in self.waiting if o[1] != key)
            for one in mine:
                self._put(*one[1:])

    def table(self, key):
        """The table of an item: ids of variants are no ids of products."""
        store = self.store
        return store.variants if key in store.variants.rows else store.products

    def known(self, key, location):
        """Has there been an absolute adjustment of this item here?"""
        record = self.table(key).rows[key]
        return level(record, location).known or any(
            one[1:3] == (key, location) for one in self.waiting)

    def tracked(self):
        """The ids of the products and variants that are inventory items."""
        products, variants = self.store.products, self.store.variants
        versions = (products.version, variants.version)
        if self._tracked[0] != versions:
            rows, below = products.rows, variants.members
            found = {key for key in rows if tracking(rows[key]) != "none"}
            split = [key for key in found if tracking(rows[key]) == "variant"
                     and below("product", key)]
            self._tracked = (versions, frozenset(
                found.difference(split).union(
                    *(below("product", key) for key in split))))
        return self._tracked[1]

    def number_waiting(self, key):
        return sum(one[1] == key for one in self.waiting)

    def _put(self, key, location, quantity, safety=None):
        table = self.table(key)
        record = table.rows.get(key)
        if record is None or location not in self.places:
            return                  # deleted meanwhile
        was = level(record, location)
        stock = dict(levels(record))
        stock[location] = Level(quantity, True,
                                was.safety if safety is None else safety)
        changes = {"stock": stock,
                   "inventory_level": shown_level(self.store, stock)}
        touches = self.store.settings["stock_touches"]
        if touches and table is self.store.products:
            changes["date_modified"] = self.store.stamp()
        table.put(key, changes, touch=touches)

    def set_settings(self, key, location, values):
        """Settings of an item at a location; others stay as they are."""
        table = self.store.products
        record = table.rows[key]
        mine = dict(record.get("stock_settings", {}))
        mine[location] = dict(mine.get(location, {}), **values)
        changes = {"stock_settings": mine}
        if "safety_stock" in values:
            at = dict(levels(record))
            at[location] = level(record, location)._replace(
                safety=values["safety_stock"])
            changes["stock"] = at
            changes["inventory_level"] = shown_level(self.store, at)
        table.put(key, changes, touch=False)

    def catalog_write(self, record, changes):
        """A product body with inventory_level sets the default location."""
        if "inventory_level" not in changes or "stock" not in record:
            return
        stock = dict(record["stock"])
        stock[DEFAULT_LOCATION] = level(record, DEFAULT_LOCATION)._replace(
            on_hand=changes["inventory_level"])
        changes["stock"] = stock
        changes["inventory_level"] = shown_level(self.store, stock)

    def configure(self):
        """Follow the settings: which locations there are, what is shown."""
        settings = self.store.settings
        wanted = places(settings["locations"])
        if wanted != self._set:
            self._set, self.places = wanted, dict(wanted)
        elif settings["catalog_level"] == self._shown:
            return
        self._shown = settings["catalog_level"]
        self._recount()

    def add_place(self, location, delay_ms):
        """A new location, which is listed after a while."""
        key = max(self.places) + 1
        self.places[key] = dict(location, id=key)
        if delay_ms:
            self.listed_at[key] = time.monotonic() + delay_ms / 1000.0
        return key

    def change_place(self, key, changes):
        self.places[key] = dict(self.places[key], **changes)

    def remove_place(self, key):
        del self.places[key]
        self._recount()

    def _recount(self):
        table, there = self.store.products, self.places
        for key, record in table.rows.items():
            if "stock" not in record:
                continue
            stock = {location: at for location, at
                     in record["stock"].items() if location in there}
            table.put(key, {
                "stock": stock,
                "inventory_level": shown_level(self.store, stock)},
                touch=False)
