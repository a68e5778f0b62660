"""One simulated store: its catalog, its settings and what it remembers."""

import random
import re
import time
from collections import Counter
from datetime import datetime, timezone

import addresses
import attributes
import brands
import categories
import customergroups
import customers
import metafields
import pricelists
import products
import redirects
import stock
import variants
from faults import Faults, Holds
from fields import iso
from journal import Journal
from limits import Concurrency, Neighbours, Window

# Documented with one and with 50 concurrent requests.
TREE_READ = {"method": "GET", "path": r"^/catalog/trees/\d+/categories$",
             "limit": 1}
LOCATIONS = {"path": "^/inventory/locations$", "limit": 50}
# Of updates it is documented; of creates it was once, and is not now.
CUSTOMERS = [{"method": method, "path": "^/customers$", "limit": 3}
             for method in ("POST", "PUT")]
# Of these it is documented.
CUSTOMERS += [{"method": method, "path": "^/customers/%s$" % below,
               "limit": limit} for method, below, limit in (
                   ("POST", "addresses", 10), ("PUT", "addresses", 3),
                   ("POST", "attributes", 3), ("PUT", "attributes", 3),
                   ("PUT", "attribute-values", 3))]

GROUPS = [{"method": method, "path": "^/v2/customer_groups", "limit": 40}
          for method in ("GET", "POST", "DELETE")]

ONE_AT_A_TIME = [{"path": path, "limit": 1, "method": "PUT"} for path in (
    r"^/pricelists/\d+/records$", "^/catalog/products/channel-assignments$",
    "^/catalog/products/category-assignments$",
    r"^/inventory/locations/\d+/items$")]
PRICE_LISTS = {"method": "DELETE", "path": r"^/pricelists/\d+$", "limit": 1}

DEFAULTS = {
    # transport
    "latency_ms": 0, "gzip": True, "gzip_min": 1024, "max_query": 8192,
    "accept_any": False, "request_id": True,
    # authorisation
    "scopes": ["store_v2_products", "store_v2_information_read_only",
               "store_inventory", "store_locations", "store_v2_customers",
               "store_v2_content", "store_channel_settings_read_only"],
    "other_tokens": [],
    # quota
    "quota": 450, "window_ms": 30000, "window_align": False,
    "retry_after": True, "other_app": None,
    "max_in_flight": 0, "concurrency": [TREE_READ, LOCATIONS, PRICE_LISTS] + (
        CUSTOMERS + GROUPS + ONE_AT_A_TIME),
    "concurrency_headers": True,
    # sizes
    "product_batch": 10, "category_batch": 10, "category_batch_status": 413,
    "category_place": "both",
    "delete_batch": 250, "default_limit": 50, "max_limit": 250,
    "left_out": [],
    "list_delay_ms": 0, "pages_told": 0, "over_limit": "cut", "max_brands": 30000, "max_categories": 16000,
    "limit_status": 507, "adjustment_batch": 2000, "inventory_limit": 1000,
    # customers
    "customer_batch": 10, "customer_delete_batch": 100,
    "customer_mode": "atomic", "email_unique": "store",
    "address_batch": 10, "address_twins": "exact", "address_reply": "list",
    "address_gone": "refuse", "most_attributes": 50,
    "form_fields": ["Shirt size", "Hobbies"], "form_field_update": "merge",
    # groups of customers, tax classes
    "group_names": "free", "group_missing": 400, "v2_empty": 204,
    "group_amounts": "padded",
    "tax_classes": ["Default Tax Class", "Non-Taxable Products", "Shipping",
                    "Gift Wrapping"],
    # locations
    "location_batch": 100, "location_codes": "unique", "max_locations": 100,
    "location_delay_ms": 0,
    # variants
    "variant_batch": 50, "variant_mode": "atomic", "variant_twin_status": 409,
    "variant_sku_exact": True, "variant_needs_product": True,
    "variants_in_reply": False, "most_variants": 600, "most_values": 250,
    "value_ids": "change", "variant_create": "batch",
    "options_shown": "all", "options_page": 10,
    # metafields
    "metafield_batch": 250, "metafield_errors": "place",
    "most_metafields": 250,
    # redirects
    "redirect_batch": 50, "redirect_delete_batch": 250,
    "redirect_mode": "atomic", "redirect_paths": "exact", "sites": [1000],
    # inventory
    "image_names": True, "unfetchable": "", "nested_put": "keep",
    "locations": [{"id": 1, "label": "Default location"}],
    "adjustment_batch_status": 413, "adjustment_mode": "atomic",
    "adjustment_errors": "one", "stock_over_limit": "drop",
    "beside_adjustment": 429, "beside_catalog": "count",
    "disabled_locations": "refuse", "catalog_level": "total", "stock_delay_ms": 0, "stock_touches": True,
    # price records
    "price_lists": [1], "currencies": ["usd"], "price_batch": 1000,
    "price_mode": "partial", "price_errors": "all", "price_omitted": "clear",
    # assignments of price lists
    "price_groups": [1, 2], "price_assignment_batch": 25,
    "price_assignment_mode": "partial", "price_assignment_twin": "refuse",
    # assignments
    "channels": [1], "new_on_channels": [], "new_adjusters": "refused", "assignment_batch": 50, "assignment_mode": "partial",
    # silent facts
    "batch_mode": "atomic", "batch_in_order": True,
    "category_mode": "partial",
    "names_ignore_case": False, "categories_in": "all",
    "date_bounds": "included",
    "comma_escape": False, "require_categories": False,
    "sku_charset": False, "delete_missing": 404, "category_delete": "cascade",
    "touch_cleared": False, "url_clash_on_put": 409, "null_prices": False,
    "needs_tracking": False, "unknown_fields": "refuse",
    "clock_offset_s": 0, "seed": 0,
    # journal
    "journal_bodies": True, "journal_limit": 500000,
    "journal_bytes": 128 * 1024 * 1024,
}

_CHOICES = {
    "over_limit": ("cut", "refuse"),
    "batch_mode": ("atomic", "prefix", "partial"),
    "category_mode": ("partial", "atomic"),
    "customer_mode": ("atomic", "prefix"),
    "group_names": ("free", "unique"), "group_missing": (400, 404),
    "group_amounts": ("padded", "as_sent"),
    "v2_empty": (200, 204), "location_codes": ("unique", "free"),
    "variant_mode": ("atomic", "prefix"),
    "variant_twin_status": (409, 422),
    "variant_create": ("batch", "refuse", "missing", "ignore", "echo",
                       "unnamed", "drop"),
    "value_ids": ("stable", "change"),
    "options_shown": ("all", "refuse", "none", "bare", "some"),
    "email_unique": ("store", "channel"),
    "address_twins": ("exact", "fold"),
    "address_reply": ("list", "bare"),
    "address_gone": ("refuse", "absent"),
    "form_field_update": ("merge", "replace"),
    "disabled_locations": ("refuse", "accept"),
    "price_mode": ("partial", "atomic"),
    "price_errors": ("all", "one"),
    "price_omitted": ("clear", "keep"),
    "assignment_mode": ("partial", "atomic"),
    "price_assignment_mode": ("partial", "atomic"),
    "price_assignment_twin": ("refuse", "upsert"),
    "metafield_errors": ("place", "id"),
    "redirect_mode": ("atomic", "prefix"),
    "redirect_paths": ("exact", "fold"),
    "categories_in": ("all", "any"),
    "date_bounds": ("included", "excluded"),
    "category_delete": ("cascade", "refuse"),
    "unknown_fields": ("refuse", "ignore"),
    "category_batch_status": (413, 422),
    "category_place": ("both", "either"),
    "delete_missing": (204, 404),
    "url_clash_on_put": (207, 409),
    "limit_status": (403, 422, 507),
    "adjustment_batch_status": (413, 422),
    "adjustment_mode": ("atomic", "prefix", "partial"),
    "adjustment_errors": ("one", "all", "none"),
    "stock_over_limit": ("drop", "refuse"),
    "beside_adjustment": (409, 429, "count"),
    "beside_catalog": (409, 429, "count"),
    "catalog_level": ("total", "default"),
}

def _check_retry_after(value):
    # True: the time to the reset; a number of seconds.
    return type(value) is bool or type(value) is int and value >= 0


def _check_other_app(value):
    return value is None or (
        isinstance(value, dict) and set(value) <= {"calls", "at_ms"}
        and type(value.get("calls")) is int
        and all(type(at) is int for at in value.get("at_ms", [])))


def _check_concurrency(value):
    try:
        return isinstance(value, list) and all(
            set(rule) <= {"method", "path", "limit"}
            and type(rule["limit"]) is int and re.compile(rule["path"])
            for rule in value)
    except (KeyError, TypeError, re.error):
        return False


_OWN_CHECK = {"retry_after": _check_retry_after,
              "other_app": _check_other_app,
              "concurrency": _check_concurrency,
              "locations": stock.fit_places}


class SettingError(ValueError):
    """A setting that does not exist or cannot have this value."""


def check_setting(name, value):
    if name not in DEFAULTS:
        raise SettingError("there is no setting %s" % name)
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise SettingError("%s must be one of %s"
                               % (name, list(_CHOICES[name])))
    elif name in _OWN_CHECK:
        if not _OWN_CHECK[name](value):
            raise SettingError("%s cannot be %r" % (name, value))
    elif type(value) is not type(DEFAULTS[name]):
        raise SettingError("%s must be of the type of %r"
                           % (name, DEFAULTS[name]))
    if type(value) is int and value < 0 and name != "clock_offset_s":
        raise SettingError("%s must not be negative" % name)
    if name in ("default_limit", "max_limit", "window_ms") and value < 1:
        raise SettingError("%s must be at least 1" % name)


class Store:
    def __init__(self, hash_, token, settings=None):
        self.hash = hash_
        self.token = token
        self.initial = dict(DEFAULTS)
        self.initial.update(settings or {})
        self.settings = dict(self.initial)
        self.random = random.Random(self.settings["seed"])
        self.window = Window(self.settings)
        self.concurrency = Concurrency(self.settings)
        self.neighbours = Neighbours(self.settings)
        self.faults = Faults(self)
        self.holds = Holds()
        self.journal = Journal(self.settings)
        self._second = None
        self._stamp = ""
        self.reset_counts()
        self.reset_catalog()

    # -- catalog -------------------------------------------------------------

    def reset_catalog(self):
        self.unlisted = {}          # (kind, id) -> until when
        self.brands = brands.new_table(self)
        self.categories = categories.new_table(self)
        self.products = products.new_table(self)
        self.customers = customers.new_table(self)
        self.addresses = addresses.new_table(self)
        self.attributes = attributes.new_table(self)
        self.attribute_values = attributes.new_values(self)
        self.customer_groups = customergroups.new_table(self)
        self.variants = variants.new_table(self)
        self.options = {}           # product -> its options
        self.last_option = 100      # id of an option or of a value
        self.next_element = 501     # of all records below products
        self.price_lists = pricelists.new_table(self)
        self.redirects = redirects.new_table(self)
        self.metafields = metafields.new_tables()
        self.welcomed = []          # addresses that got a mail of welcome
        self.price_records = {}     # (list, variant, currency) -> fields
        self.price_dates = {}       # the same -> when created and changed
        self.price_list_assignments = {}    # (group, channel) -> (id, list)
        self.last_assignment = 0
        self.product_channels = set()   # (product, channel)
        self.stock = stock.Stock(self)
        self.stock.configure()
        self.trees = {1: {"id": 1, "name": "Default catalog tree",
                          "channels": [1]}}
        self.urls = {}              # every URL of the store, of any kind
        self.summary_cache = (None, None)

    def take_element_id(self):
        taken = self.next_element
        self.next_element += 1
        return taken

    def reset_counts(self):
        self.requests = {}          # endpoint -> Counter of statuses
        self.throttled = Counter()
        self.violations = Counter()
        self.concurrency.forget()

    def count(self, entry, status, lost):
        key = entry.endpoint or "%s (no resource)" % entry.method
        if key not in self.requests:
            self.requests[key] = Counter()
        self.requests[key]["lost" if lost else str(status)] += 1

    def tables(self):
        return {"products": self.products, "brands": self.brands,
                "categories": self.categories, "customers": self.customers,
                "addresses": self.addresses, "attributes": self.attributes,
                "attribute_values": self.attribute_values,
                "variants": self.variants, "redirects": self.redirects,
                "price_lists": self.price_lists,
                "customer_groups": self.customer_groups}

    def now(self):
        """The store's clock in seconds, which may be wrong on purpose."""
        return time.time() + self.settings["clock_offset_s"]

    def stamp(self):
        """The store's time as it stands in date_modified."""
        second = int(self.now())
        if second != self._second:
            self._second = second
            self._stamp = iso(datetime.fromtimestamp(second, timezone.utc))
        return self._stamp

    def fold(self, name):
        """A name as the unique indexes know it."""
        return name.casefold() if self.settings["names_ignore_case"] else name

    def take_url(self, wanted):
        """A URL that is free: the wanted one, or it with a number."""
        if wanted not in self.urls:
            return wanted
        slash = "/" if wanted.endswith("/") else ""
        stem, number = wanted.rstrip("/"), 1
        while "%s-%d%s" % (stem, number, slash) in self.urls:
            number += 1
        return "%s-%d%s" % (stem, number, slash)

    # -- settings ------------------------------------------------------------

    def change_settings(self, changes):
        for name, value in changes.items():
            check_setting(name, value)
        before = self.settings["names_ignore_case"]
        self.settings.update(changes)
        self._second = None
        self.concurrency.configure()
        self.window.configure()
        self.stock.configure()
        if "seed" in changes:
            self.random.seed(changes["seed"])
        if "address_twins" in changes:
            self.addresses.reindex()
        if self.settings["names_ignore_case"] != before:
            for table in self.tables().values():
                table.reindex()

    def reset_settings(self):
        self.settings.update(self.initial)
        self.change_settings({"seed": self.initial["seed"]})
